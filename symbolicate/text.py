"""Text that clients send, made safe to hash, store and print."""

from __future__ import annotations

import re
from typing import Any

MAX_PLAIN_BYTES = 512
MAX_DEPTH = 64

# The keys of nearly every frame, told apart from others without a look at their characters.
_PLAIN_KEYS = frozenset(
    [
        "platform",
        "function",
        "filename",
        "abs_path",
        "module",
        "lineno",
        "colno",
        "in_app",
        "synthetic",
        "chunk_id",
        "context_line",
        "pre_context",
        "post_context",
    ]
)
_BLANK_RUN = re.compile(r"\s{50,}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class TooDeep(ValueError):
    """JSON nested deeper than `MAX_DEPTH`."""


def clean(text: str) -> str:
    """Replaces NUL and lone surrogates by U+FFFD and, in a long text, runs of blanks.

    A text of at most 512 bytes without NUL comes back as it is.
    """
    if "\0" in text or _is_long(text):
        text = _BLANK_RUN.sub("<ws trimmed>", text)
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    return text.replace("\0", "\ufffd")


def _is_long(text: str) -> bool:
    if text.isascii():
        return len(text) > MAX_PLAIN_BYTES
    return len(text) > 128 and len(text.encode("utf-8", "surrogatepass")) > MAX_PLAIN_BYTES


def sanitise(value: Any, depth: int = 0) -> Any:
    """Copies a JSON value with every string cleaned, keys included.

    Raises `TooDeep` beyond 64 levels.
    """
    if isinstance(value, str):
        plain = value.isascii() and len(value) <= MAX_PLAIN_BYTES and "\0" not in value
        return value if plain else clean(value)
    if isinstance(value, dict):
        inner = _below(depth)
        return {
            key if key in _PLAIN_KEYS else sanitise(key): sanitise(item, inner)
            for key, item in value.items()
        }
    if isinstance(value, list):
        inner = _below(depth)
        return [sanitise(item, inner) for item in value]
    return value


def _below(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise TooDeep
    return depth + 1


def check_depth(value: Any, depth: int = 0) -> None:
    """Raises `TooDeep` if lists and objects nest deeper than 64 levels."""
    if depth >= MAX_DEPTH:
        raise TooDeep
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            check_depth(item, depth + 1)


def storable(text: str) -> bool:
    """Tells whether a text holds neither NUL nor a lone surrogate."""
    return "\0" not in text and (text.isascii() or _SURROGATE.search(text) is None)
