"""Context: the source lines around a frame's line, by one rule whatever they come from.

Up to `MAX_LINES` lines before and after, ascending, numbered from 1; each text is its first
`MAX_CHARACTERS` characters, marked by `CUT` if there were more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from symbolicate.frame_context import Context, ContextLine

MAX_LINES = 15
MAX_CHARACTERS = 300
CUT = "...✂️"

_CLIENT_KEYS = frozenset({"context_line", "pre_context", "post_context"})
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def _bounded_line(text: str) -> str:
    """Cuts a line to its limit and makes it storable; indentation and blanks stay."""
    if len(text) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS] + CUT
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def _storable(lines: Sequence[str]) -> Sequence[str]:
    """Bounds every line; asked of all at once first, for most need no change."""
    text = "".join(lines)
    if text.isascii() and "\0" not in text and max(map(len, lines)) <= MAX_CHARACTERS:
        return lines
    return [_bounded_line(line) for line in lines]


def around(lines: Sequence[str], first: int, line: int) -> Context | None:
    """Gives the context of the 1-based `line`, where `lines[0]` has the number `first`.

    None if `line` is not among the lines. No line has a number below 1.
    """
    index = line - first
    if line < 1 or not 0 <= index < len(lines):
        return None
    start = max(index - MAX_LINES, 1 - first, 0)
    shown = map(
        ContextLine,
        range(first + start, line + MAX_LINES + 1),
        _storable(lines[start : index + MAX_LINES + 1]),
    )
    numbered = list(shown)
    index -= start
    return Context(numbered[:index], numbered[index], numbered[index + 1 :])


def from_client(
    lineno: int | None,
    context_line: str | None,
    pre: Sequence[str],
    post: Sequence[str],
    *,
    nearest_first: bool = False,
) -> Context | None:
    """Gives the context that a client sent along; None without a line or its text.

    `pre` is in file order, or nearest line first if so said. A `lineno` of 0 counts as 1.
    """
    if lineno is None or context_line is None:
        return None
    before = nearest(pre, nearest_first=nearest_first)
    if nearest_first:
        before = before[::-1]
    line = max(lineno, 1)
    lines = [*before, context_line, *post]
    return around(lines, line - len(before), line)


def nearest(pre: Sequence[str], *, nearest_first: bool = False) -> Sequence[str]:
    """Keeps the lines before that are nearest to the frame's line, in the order they came in."""
    return pre[:MAX_LINES] if nearest_first else pre[-MAX_LINES:]


def bounded(raw: dict[str, Any], *, nearest_first: bool = False) -> dict[str, Any]:
    """Copies a raw frame with its client context under the same limits, in the client's order.

    A context key whose value is not what it should be is left out.
    """
    kept = dict(raw)
    for key in _CLIENT_KEYS & kept.keys():
        value = kept.pop(key)
        if key == "context_line" and isinstance(value, str):
            kept[key] = _bounded_line(value)
        elif key == "pre_context" and isinstance(value, list):
            kept[key] = _texts(nearest(value, nearest_first=nearest_first))
        elif key == "post_context" and isinstance(value, list):
            kept[key] = _texts(value[:MAX_LINES])
    return kept


def without(raw: dict[str, Any]) -> dict[str, Any]:
    """Copies a raw frame without its client context."""
    return {key: value for key, value in raw.items() if key not in _CLIENT_KEYS}


def _texts(values: Sequence[Any]) -> list[str]:
    return [_bounded_line(value) for value in values if isinstance(value, str)]
