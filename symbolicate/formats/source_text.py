"""Positions in the text of one original source: lines and UTF-16 columns of byte offsets."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable

from symbolicate.formats.source_lines import line_ends

Position = tuple[int, int]
"""A 0-based line and UTF-16 column."""

Placer = Callable[[int, int, int], Position]
"""From a byte offset, and its line and byte column where only LF ends lines, to a position."""

_LONE_RETURN = re.compile(rb"\r(?!\n)")


def utf16_placer(data: bytes) -> Placer:
    """A placer for UTF-8 text; lines end with LF, CRLF or CR."""
    if _LONE_RETURN.search(data):
        starts = array("I", [0, *line_ends(data)])
        return lambda offset, line, column: _placed(data, starts, offset)
    if data.isascii():
        return lambda offset, line, column: (line, column)
    return lambda offset, line, column: (line, _utf16_length(data[offset - column : offset]))


def _placed(data: bytes, starts: array[int], offset: int) -> Position:
    line = bisect_right(starts, offset) - 1
    return line, _utf16_length(data[starts[line] : offset])


def _utf16_length(text: bytes) -> int:
    if text.isascii():
        return len(text)
    return len(text.decode("utf-8", "replace").encode("utf-16-le", "surrogatepass")) // 2
