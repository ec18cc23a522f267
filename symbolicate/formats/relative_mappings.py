"""Segments of a `mappings` string, still relative to one another, and their summing up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symbolicate.errors import SourceMapError
from symbolicate.formats.mappings import Mappings
from symbolicate.formats.vlq_scalar import ScalarChunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from symbolicate.formats.mappings import Flags, Ints

    Ranks = NDArray[np.int64]
    Numbers = NDArray[Any]

_INT32_MAX = (1 << 31) - 1
_LABELS = ("generated column", "source", "original line", "original column", "name")


class RelativeMappings:
    """Room for all segments of one map, filled chunk by chunk, then summed up once.

    A segment at fault keeps its place, with 0 fields, until `finish`: `rangeMappings` counts it.
    """

    def __init__(self, segments: int, lines: int, dropped: int) -> None:
        self._columns: list[Ints] = [np.empty(segments, np.int32) for _ in range(4)]
        self._columns.append(np.zeros(segments, np.int32))
        self._fields = np.empty(segments, np.uint8)
        self._line_starts = np.zeros(lines + 1, np.int32)
        self._segments = 0
        self._lines = 0
        self._dropped = dropped

    @property
    def line_starts(self) -> Ints:
        """The first segment of each line, and one more entry."""
        return self._line_starts[: self._lines + 1]

    def _add_lines(self, ends: Ranks) -> None:
        """Records where lines end, counted in segments of the current chunk."""
        part = slice(self._lines + 1, self._lines + 1 + len(ends))
        np.add(ends, self._segments, out=self._line_starts[part], casting="same_kind")
        self._lines += len(ends)

    def add_segments(self, values: Ints, first: Ranks, fields: Ranks, line_ends: Ranks) -> bool:
        """Adds segments whose values start at `first`, unless a field count is not allowed."""
        counts = np.bincount(fields, minlength=6)
        if len(counts) > 6 or counts[2] or counts[3]:
            return False
        self._add_lines(line_ends)
        part = slice(self._segments, self._segments + len(first))
        self._fields[part] = fields
        mapped = fields >= 4 if counts[1] else None
        for offset, column in enumerate(self._columns[:4]):
            values.take(first + offset, out=column[part], mode="clip")
            if offset and mapped is not None:
                column[part] *= mapped
        if counts[5]:
            five = np.flatnonzero(fields == 5)
            self._columns[4][part][five] = values.take(first.take(five) + 4)
        self._segments = part.stop
        return True

    def add_scalar(self, chunk: ScalarChunk) -> None:
        """Takes over what the scalar decoder made of one chunk."""
        self._add_lines(np.array(chunk.line_ends, np.int64))
        rows = np.array(chunk.rows, np.int64).reshape(-1, 6)
        part = slice(self._segments, self._segments + len(rows))
        for column, values in zip(self._columns, rows.T, strict=False):
            column[part] = values
        self._fields[part] = rows[:, 5]
        self._segments = part.stop
        self._dropped += chunk.dropped

    def finish(
        self, sources: int, names: int, *, strict: bool, ranged: Flags | None = None
    ) -> Mappings:
        """Adds everything up; may be called once.

        Strict: a running value out of range raises. Lenient: it costs the segment, no more.
        """
        columns = [column[: self._segments] for column in self._columns]
        if self._segments:
            columns[1][0] += 1
            columns[4][0] += 1
        for column in columns:
            np.cumsum(column, dtype=np.int32, out=column)
        columns[0] = self._reset_by_line(columns[0])
        four, five = self._at_least(4), self._at_least(5)
        tops = (_INT32_MAX, sources, _INT32_MAX, _INT32_MAX, names)
        keep = None
        if not (self._all_readable() and all(map(_in_range, columns, (0, 1, 0, 0, 1), tops))):
            keep = self._kept(columns, tops, strict=strict)
        for index, used in ((1, four), (4, five)):
            if used is not None:
                columns[index] *= used
        generated, source, line, column, name = columns
        whole = Mappings(
            self.line_starts, generated, source, line, column, name, ranged, self._dropped
        )
        return (whole if keep is None else whole.kept(keep)).in_order()

    def _at_least(self, fields: int) -> Flags | None:
        """Which segments have so many fields; None for all."""
        flags: Flags = self._fields[: self._segments] >= fields
        return None if flags.all() else flags

    def _all_readable(self) -> bool:
        return bool(self._fields[: self._segments].all())

    def _kept(self, sums: list[Ints], tops: tuple[int, ...], *, strict: bool) -> Flags | None:
        """Which segments are whole, judged on sums that cannot overflow; None for all."""
        fields = self._fields[: self._segments]
        keep: Flags = fields > 0
        needed = (1, 4, 4, 4, 5)
        for index, top in enumerate(tops):
            exact = self._exact(sums[index], by_line=index == 0)
            low = 1 if index in (1, 4) else 0
            wrong = ((exact < low) | (exact > top)) & (fields >= needed[index])
            if strict and wrong.any():
                at = int(wrong.argmax())
                raise SourceMapError(f"mappings: {_LABELS[index]} of segment {at} out of range")
            keep &= ~wrong
        if strict and not keep.all():
            raise SourceMapError("mappings: a segment cannot be read")
        return None if keep.all() else keep

    def _exact(self, sums: Ints, *, by_line: bool) -> Numbers:
        """64-bit running sums, from 32-bit ones that may have wrapped around.

        Every delta fits 32 bits, so the difference of wrapped sums is the delta itself.
        """
        deltas = np.diff(sums, prepend=np.int32(0))
        if not by_line:
            return np.cumsum(deltas, dtype=np.int64)
        firsts = self.line_starts[:-1]
        firsts = firsts[firsts < len(sums)]
        deltas[firsts] = sums[firsts]
        return self._reset_by_line(np.cumsum(deltas, dtype=np.int64))

    def _reset_by_line(self, sums: Numbers) -> Numbers:
        if self._lines == 1 or not len(sums):
            return sums
        before = np.concatenate([np.zeros(1, sums.dtype), sums])[self.line_starts[:-1]]
        reset: Numbers = sums - np.repeat(before, np.diff(self.line_starts))
        return reset


def _in_range(values: Ints, low: int, top: int) -> bool:
    """Whether 32-bit sums show no bad value.

    From a value in range, a 32-bit delta that leaves the range is or wraps to a negative number,
    so that the first bad value is always seen.
    """
    return not len(values) or bool(values.min() >= low and values.max() <= top)
