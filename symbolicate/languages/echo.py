"""What a frame repeats of its raw frame: positions, values, the junk drawer."""

from __future__ import annotations

from typing import Any

from symbolicate import context
from symbolicate.frame_context import Context

_SAID = 300


def one_based(number: int | None) -> int | None:
    """Reads a client's line or column, in which 0 counts as 1."""
    return None if number is None else max(number, 1)


def said(value: str) -> str:
    """Cuts a client's value to what a sentence repeats of it."""
    return value if len(value) <= _SAID else value[:_SAID] + "..."


def junk_of(raw: dict[str, Any], around: Context | None) -> dict[str, Any]:
    """Copies a raw frame without its tag; its client context is bounded, or dropped.

    `around` is the context of the output frame: without one the client's is not kept either.
    """
    junk = context.without(raw) if around is None else context.bounded(raw)
    junk.pop("platform", None)
    return junk
