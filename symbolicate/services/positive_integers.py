"""Whole numbers that clients set: from 1 to what a column holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from symbolicate.errors import Refused

MAX_INTEGER = 2_147_483_647

_TEXT = re.compile(r"\s*([+-]?[0-9]{1,1000})(?:\.0*)?\s*")


def read_changes(
    body: Mapping[str, Any], names: Iterable[str], *, nullable: bool
) -> dict[str, int | None]:
    """Gives the named fields that a body sets; its other keys are ignored.

    Raises `Refused` for the first bad one: `null`, `min_value`, `max_value` or `invalid_input`.
    """
    changes: dict[str, int | None] = {}
    for name in names:
        if name not in body:
            continue
        value = body[name]
        if value is not None:
            changes[name] = read_positive(value, name)
        elif nullable:
            changes[name] = None
        else:
            raise Refused("null", "This field may not be null.", name)
    return changes


def read_positive(value: Any, name: str) -> int:
    """Reads a number or its decimal text; what has a fraction, and a truth value, is neither."""
    number = _integer(value)
    if number is None:
        raise Refused("invalid_input", "A valid integer is required.", name)
    if number < 1:
        raise Refused("min_value", "Ensure this value is greater than or equal to 1.", name)
    if number > MAX_INTEGER:
        detail = f"Ensure this value is less than or equal to {MAX_INTEGER}."
        raise Refused("max_value", detail, name)
    return number


def _integer(value: Any) -> int | None:
    if isinstance(value, str):
        read = _TEXT.fullmatch(value)
        return int(read[1]) if read is not None else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if type(value) is int else None
