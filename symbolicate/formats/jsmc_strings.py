"""Strings of a compiled map, decoded when they are first asked for and kept."""

from __future__ import annotations

from collections.abc import Callable

from symbolicate.errors import CorruptCache


class CompiledStrings(dict[int, str | None]):
    """Strings by index; a `dict`, so that those already decoded cost no call.

    Empty strings whose index `absent` gives are None. An index beyond the table is damage.
    """

    def __init__(
        self,
        offsets: memoryview[int],
        text: memoryview[int],
        absent: Callable[[], frozenset[int]],
    ) -> None:
        super().__init__()
        self._offsets = offsets
        self._text = text
        self._absent = absent
        self.byte_size = 0

    def __missing__(self, index: int) -> str | None:
        if not 0 <= index < len(self._offsets) - 1:
            raise CorruptCache(f"compiled source map: string {index} is beyond its table")
        start, end = self._offsets[index], self._offsets[index + 1]
        if not start <= end <= len(self._text):
            raise CorruptCache(f"compiled source map: string {index} lies outside the file")
        raw = bytes(self._text[start:end])
        try:
            text = raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise CorruptCache(f"compiled source map: string {index} is damaged") from None
        self.byte_size += 150 + len(raw)
        kept = None if not raw and index in self._absent() else text
        self[index] = kept
        return kept
