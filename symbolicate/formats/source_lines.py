"""Lines of original sources; they end with LF, CRLF or CR."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable

KEPT_BYTES = 256 << 10

_LINE_END = re.compile(r"\r\n?|\n")
_LINE_END_BYTES = re.compile(rb"\r\n?|\n")
_LINE_FEED = re.compile(rb"\n")


def split_lines(text: str) -> list[str]:
    """All lines of a text without their ends, an empty last one included."""
    return _LINE_END.split(text) if "\r" in text else text.split("\n")


def line_ends(data: bytes) -> list[int]:
    """Where the next line begins, for every line of UTF-8 text that ends."""
    line_end = _LINE_END_BYTES if b"\r" in data else _LINE_FEED
    return [match.end() for match in line_end.finditer(data)]


class SourceLines:
    """Hands out line ranges of sources; least recently used sources go first.

    A source is kept as its list of lines, so that a further range of it costs a slice.
    """

    def __init__(self, text: Callable[[int], str | None]) -> None:
        self._text = text
        self._kept: OrderedDict[int, tuple[list[str] | None, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.byte_size = 0

    def between(self, source: int, start: int, stop: int) -> list[str] | None:
        """Gives the 0-based lines from `start` up to `stop`; None for a source without text."""
        with self._lock:
            kept = self._kept.get(source)
            if kept is not None:
                self._kept.move_to_end(source)
        lines = kept[0] if kept is not None else self._split(source)
        return None if lines is None else lines[max(start, 0) : max(stop, 0)]

    def _split(self, source: int) -> list[str] | None:
        text = self._text(source)
        lines = None if text is None else split_lines(text)
        weight = 64 if lines is None else len(text or "") + 60 * len(lines)
        with self._lock:
            if source not in self._kept:
                self._kept[source] = lines, weight
                self.byte_size += weight
            while self.byte_size > KEPT_BYTES and len(self._kept) > 1:
                _, (_, oldest) = self._kept.popitem(last=False)
                self.byte_size -= oldest
        return lines
