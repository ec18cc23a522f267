"""Original texts in a compiled map: compressed in blocks, so that a few lines cost a few blocks.

The stored bytes of one source are raw, or one zstd frame, or for texts beyond one block a table
(u32 count, u32 size of each frame) and the frames. Every frame but the last holds 32 KiB. A mark
is the byte offset of every 32nd line.
"""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from enum import IntEnum

from symbolicate.errors import ContainerError, CorruptCache
from symbolicate.formats.jsmc import CompiledFile, Tag
from symbolicate.formats.source_lines import line_ends, split_lines

BLOCK = 1 << 15
LINES_PER_MARK = 32
KEPT_BYTES = 8 * BLOCK

_COUNT = struct.Struct("<I")


class ContentState(IntEnum):
    """How the text of one source is stored."""

    ABSENT = 0
    ZSTD = 1
    RAW = 2
    BLOCKS = 3


KEPT_SECTION_BYTES = 256 << 10
"""Text kept as split lines per map; a section of longer lines than that is split each time."""


class CompiledContents:
    """The texts of all sources; some decompressed blocks are kept, least recently used out first.

    What does not fit together raises `CorruptCache`.
    """

    def __init__(self, compiled: CompiledFile) -> None:
        sources = compiled.header.sources
        self._states = compiled.required(Tag.CONTENT_STATES, sources)
        self._at = compiled.required(Tag.CONTENTS_AT, sources + 1)
        self._stored = compiled.required(Tag.CONTENTS)
        self._marks_at = compiled.required(Tag.LINE_MARKS_AT, sources + 1)
        self._marks = compiled.required(Tag.LINE_MARKS)
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._sections: dict[tuple[int, int], list[str]] = {}
        self._section_bytes = 0
        self._lock = threading.Lock()
        self.byte_size = 0

    def text(self, source: int) -> str | None:
        """The whole text of a source; None where the map has none."""
        if not self._has(source):
            return None
        return _decoded(self._bytes(source, 0, None))

    def lines(self, source: int, start: int, stop: int) -> list[str] | None:
        """Lines `start` to `stop` - 1 of a source, clipped to it; None where the map has none."""
        if not self._has(source):
            return None
        start, stop = max(start, 0), max(stop, 0)
        first, last = start // LINES_PER_MARK, max(stop - 1, start) // LINES_PER_MARK
        lines = self._section(source, first)
        for number in range(first + 1, last + 1):
            section = self._section(source, number)
            if not section:
                break
            lines = lines + section
        skipped = first * LINES_PER_MARK
        return lines[start - skipped : max(stop - skipped, 0)]

    def _section(self, source: int, number: int) -> list[str]:
        """The lines from one mark to the next, kept because frames come from the same places."""
        key = source, number
        kept = self._sections.get(key)
        if kept is not None:
            return kept
        marks = self._marks_of(source)
        if number >= len(marks):
            return []
        end = marks[number + 1] if number + 1 < len(marks) else None
        data = self._bytes(source, marks[number], end)
        lines = split_lines(_decoded(data))
        section = lines if end is None else lines[:LINES_PER_MARK]
        if len(data) <= KEPT_SECTION_BYTES:
            self._keep_section(key, section, len(data))
        return section

    def _keep_section(self, key: tuple[int, int], section: list[str], size: int) -> None:
        with self._lock:
            if self._section_bytes + size > KEPT_SECTION_BYTES:
                self._sections.clear()
                self._section_bytes = 0
            if key not in self._sections:
                self._sections[key] = section
                self._section_bytes += size

    def _has(self, source: int) -> bool:
        known = 0 <= source < len(self._states)
        return known and self._states[source] != ContentState.ABSENT

    def _marks_of(self, source: int) -> memoryview[int]:
        return self._marks[self._marks_at[source] : self._marks_at[source + 1]]

    def _bytes(self, source: int, start: int, end: int | None) -> bytes:
        """The bytes of a text from `start` on, up to `end` or to the text's own end."""
        state = self._states[source]
        stored = self._stored[self._at[source] : self._at[source + 1]]
        if state == ContentState.RAW:
            return bytes(stored[start:end])
        frames = _frames(stored) if state == ContentState.BLOCKS else [stored]
        first = start // BLOCK
        last = len(frames) if end is None else -(-end // BLOCK)
        parts = [self._block(source, number, frames) for number in range(first, last)]
        whole = parts[0] if len(parts) == 1 else b"".join(parts)
        skipped = first * BLOCK
        return whole[start - skipped : None if end is None else end - skipped]

    def _block(self, source: int, number: int, frames: list[memoryview[int]]) -> bytes:
        key = source, number
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        if number >= len(frames):
            raise CorruptCache("compiled source map: a text is cut")
        block = _decompressed(frames[number])
        with self._lock:
            if key not in self._kept:
                self._kept[key] = block
                self.byte_size += len(block)
            while self.byte_size > KEPT_BYTES and len(self._kept) > 1:
                self.byte_size -= len(self._kept.popitem(last=False)[1])
        return block


def stored_content(data: bytes) -> tuple[bytes, ContentState]:
    """How a text is stored, as bytes."""
    from symbolicate.formats import zstd

    if len(data) < LINES_PER_MARK:
        return data, ContentState.RAW
    frames = [zstd.compress(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]
    if len(frames) == 1:
        return frames[0], ContentState.ZSTD
    table = struct.pack(f"<{len(frames) + 1}I", len(frames), *map(len, frames))
    return b"".join((table, *frames)), ContentState.BLOCKS


def line_marks(data: bytes) -> list[int]:
    """The byte offset of every 32nd line of a text."""
    ends = line_ends(data)
    return [0, *ends[LINES_PER_MARK - 1 :: LINES_PER_MARK]]


def _frames(stored: memoryview[int]) -> list[memoryview[int]]:
    try:
        (count,) = _COUNT.unpack_from(stored)
        sizes = struct.unpack_from(f"<{count}I", stored, _COUNT.size)
    except (struct.error, OverflowError):
        raise CorruptCache("compiled source map: a text's table is cut") from None
    at = _COUNT.size * (1 + count)
    frames = []
    for size in sizes:
        frames.append(stored[at : at + size])
        at += size
    return frames


def _decompressed(frame: memoryview[int]) -> bytes:
    from symbolicate.formats import zstd

    try:
        return zstd.decompress_block(bytes(frame), limit=BLOCK)
    except ContainerError as error:
        raise CorruptCache(f"compiled source map: a text is damaged: {error}") from None


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise CorruptCache("compiled source map: a text is damaged") from None
