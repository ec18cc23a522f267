"""Bodies of management routes: JSON or a form, small, read after the caller is known."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from symbolicate.json_text import NotJson, decode
from symbolicate.text import TooDeep, check_depth

from .errors import ApiError, invalid, parse_error
from .limits import MANAGEMENT_BYTES, header, read_body

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_LISTS = frozenset({"chunk_ids", "ids", "raw_ids"})


async def read_object(scope: Scope, receive: Receive) -> dict[str, Any]:
    """Gives the object that a request holds; an absent body is the empty one."""
    data = await read_body(scope, receive, MANAGEMENT_BYTES)
    return as_object(data, header(scope, b"content-type"))


def as_object(data: bytes, content_type: bytes | None) -> dict[str, Any]:
    """Reads the object of a JSON or form body; raises the error that the client gets."""
    kind = (content_type or JSON.encode()).split(b";")[0].strip().lower().decode("latin-1")
    if not data.strip():
        return {}
    if kind == FORM:
        return _form(data)
    if kind != JSON:
        detail = f'Unsupported media type "{kind[:100]}" in request.'
        raise ApiError(415, "unsupported_media_type", detail)
    try:
        value = decode(data)
        if isinstance(value, (dict, list)):
            check_depth(value)
    except NotJson as error:
        raise parse_error(f"JSON parse error - {error}") from None
    except (TooDeep, RecursionError):
        raise parse_error("JSON parse error - nested too deep") from None
    if not isinstance(value, dict):
        raise invalid("invalid_input", "Invalid data. Expected an object.")
    return value


def _form(data: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=10_000)
    except ValueError as error:
        raise parse_error(f"Form parse error - {error}") from None
    body: dict[str, Any] = {}
    for name, value in pairs:
        if name in _LISTS:
            body.setdefault(name, []).append(value)
        else:
            body[name] = value
    return body
