"""JSON in and out: msgspec where it can, the standard library where it must."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn, TypeVar

import msgspec

PRUNED_BELOW = 100
"""Levels that survive pruning: more than any event may have inside its batch."""
PRUNED_BYTES = 4 * 1024 * 1024

# A string as a whole, or one bracket; possessive, so that no input makes it backtrack.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{\]}]', re.DOTALL)


K = TypeVar("K", bound=type[msgspec.Struct])


class NotJson(ValueError):
    """Bytes that are not JSON, or nested too deep for a parser."""


def prepared(kind: K) -> K:
    """Lets msgspec learn a struct where it is defined, and not at its first use.

    Threads that use one for the first time together crash the process (msgspec 0.22).
    """
    msgspec.json.Decoder(kind)
    return kind


def decode(data: bytes) -> Any:
    """Reads JSON; lone surrogates are let through, NaN and infinities are not.

    Raises `NotJson`, whatever is wrong.
    """
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise NotJson("nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _decode_slowly(data)


def decode_events(data: bytes) -> Any:
    """Reads JSON in which one part may be nested too deep for any parser.

    Such a part loses what lies below its hundredth level, so that it is still too deep for an
    event and its neighbours can be read.
    """
    try:
        return decode(data)
    except NotJson as error:
        if error.args != ("nested too deep",) or len(data) > PRUNED_BYTES:
            raise
        return decode(_pruned(data))


def encode(value: Any) -> bytes:
    """Writes JSON; lone surrogates, which UTF-8 cannot hold, are written as escapes."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def is_json(value: Any) -> bool:
    """Tells whether a value is what JSON could have brought: its names are texts, for one."""
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError, RecursionError):
        return False


def _decode_slowly(data: bytes) -> Any:
    try:
        text = data.decode()
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise NotJson("nested too deep") from None
    except (ValueError, MemoryError) as error:
        raise NotJson(str(error)[:200]) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number out of range: {text[:40]}")
    return value


def _pruned(data: bytes) -> bytes:
    pieces: list[bytes] = []
    depth = start = 0
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            if depth == PRUNED_BELOW:
                pieces.append(data[start : match.end()])
        elif token in (b"]", b"}"):
            if depth == PRUNED_BELOW:
                start = match.start()
            depth -= 1
    return b"".join([*pieces, data[start:]])
