"""What SDKs send to the capture routes, taken apart: the project token and the events."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from symbolicate.errors import FormatError
from symbolicate.json_text import NotJson, decode_events
from symbolicate.services.compressed import GZIP_MAGIC, decompress

from .errors import ApiError, invalid, parse_error, too_large
from .limits import CAPTURE_BYTES

_FORM = b"data="


class Captured(NamedTuple):
    """One request: the tokens that it names, each once, and its events."""

    tokens: list[str]
    events: list[Any]


def read_captured(body: bytes) -> Captured:
    """Reads a batch object, an array or a single event, however it is wrapped.

    Gzip is told by its magic bytes and a form by its first field, whatever the headers say.
    Raises the error that the client gets.
    """
    body = _inflated(body)
    if body.startswith(_FORM):
        body = _inflated(_form_data(body))
    value = read_events_json(body)
    events = _events(value)
    return Captured(list(dict.fromkeys(_tokens(value, events))), events)


def read_events_json(body: bytes) -> Any:
    """Reads a body of JSON; raises the error that the client gets."""
    try:
        return decode_events(body)
    except NotJson as error:
        raise parse_error(f"JSON parse error - {error}") from None


def inflate(body: bytes, encoding: str) -> bytes:
    """Decompresses a body under the cap of the capture routes; raises what the client gets."""
    try:
        return decompress(body, encoding, CAPTURE_BYTES)
    except FormatError as error:
        raise _not_inflated(error) from error


def _not_inflated(error: FormatError) -> ApiError:
    if error.limit is not None and error.seen is not None and error.allowed is not None:
        return too_large(error.limit, error.seen, error.allowed)
    return parse_error(str(error))


def _inflated(body: bytes) -> bytes:
    return inflate(body, "gzip") if body.startswith(GZIP_MAGIC) else body


def _form_data(body: bytes) -> bytes:
    """Gives what the field `data` holds: base64, or JSON as it is."""
    try:
        pairs = parse_qsl(body.decode("ascii"), max_num_fields=16)
    except ValueError as error:
        raise parse_error(f"Form parse error - {error}") from None
    text = dict(reversed(pairs)).get("data", "")
    if text.lstrip().startswith(("{", "[")):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text.replace(" ", "+") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise parse_error(f"Base64 parse error - {error}") from None


def _events(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        batch = value.get("batch", [value] if "event" in value else None)
        if isinstance(batch, list):
            return batch
    raise invalid("invalid_input", "Expected a batch object, an array of events or an event.")


def _tokens(value: Any, events: list[Any]) -> Iterator[str]:
    """Yields the request's own token, or those of its events."""
    own = _token_of(value)
    if own is not None:
        yield own
        return
    for event in events:
        if isinstance(event, dict):
            token = _token_of(event) or _token_of(event.get("properties"))
            if token is not None:
                yield token


def _token_of(value: Any) -> str | None:
    if isinstance(value, dict):
        for name in ("api_key", "token"):
            token = value.get(name)
            if isinstance(token, str) and token:
                return token
    return None
