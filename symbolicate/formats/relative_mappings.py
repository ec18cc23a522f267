"""Segments of a `mappings` string, still relative to one another, and their summing up."""

from __future__ import annotations

from collections.abc import Sequence
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
        self,
        sources: int | Ints,
        names: int | Ints,
        *,
        strict: bool,
        ranged: Flags | None = None,
        first_lines: Sequence[int] = (0,),
    ) -> Mappings:
        """Adds everything up; may be called once. `sources` and `names` are lengths of lists.

        Strict: a running value out of range raises. Lenient: it costs the segment, no more. For
        maps that were read as one, `first_lines` says where running values start anew, and there
        is a length for each.
        """
        columns = [column[: self._segments] for column in self._columns]
        starts = self.line_starts[[*first_lines, self._lines]]
        for column in columns:
            np.cumsum(column, dtype=np.int32, out=column)
        columns = [
            _reset(columns[0], self.line_starts),
            *(_reset(column, starts) for column in columns[1:]),
        ]
        columns[1] += 1
        columns[4] += 1
        tops = (
            _INT32_MAX,
            _spread(sources, starts),
            _INT32_MAX,
            _INT32_MAX,
            _spread(names, starts),
        )
        keep = None
        if not (self._all_readable() and all(map(_in_range, columns, (0, 1, 0, 0, 1), tops))):
            keep = self._kept(columns, tops, starts, strict=strict)
        for index, fields in ((1, 4), (4, 5)):
            used = self._fields[: self._segments] >= fields
            if not used.all():
                columns[index] *= used
        generated, source, line, column, name = columns
        whole = Mappings(
            self.line_starts, generated, source, line, column, name, ranged, self._dropped
        )
        return (whole if keep is None else whole.kept(keep)).in_order()

    def _all_readable(self) -> bool:
        return bool(self._fields[: self._segments].all())

    def _kept(
        self, sums: list[Ints], tops: Sequence[int | Ints], starts: Ints, *, strict: bool
    ) -> Flags | None:
        """Which segments are whole, judged on sums that cannot overflow; None for all."""
        fields = self._fields[: self._segments]
        keep: Flags = fields > 0
        needed = (1, 4, 4, 4, 5)
        for index, top in enumerate(tops):
            exact = _exact(sums[index], starts if index else self.line_starts)
            low = 1 if index in (1, 4) else 0
            wrong = ((exact < low) | (exact > top)) & (fields >= needed[index])
            if strict and wrong.any():
                at = int(wrong.argmax())
                raise SourceMapError(f"mappings: {_LABELS[index]} of segment {at} out of range")
            keep &= ~wrong
        if strict and not keep.all():
            raise SourceMapError("mappings: a segment cannot be read")
        return None if keep.all() else keep


def _spread(lengths: int | Ints, starts: Ints) -> int | Ints:
    """The length that each segment has to respect."""
    return lengths if isinstance(lengths, int) else np.repeat(lengths, np.diff(starts))


def _reset(sums: Numbers, starts: Ints) -> Numbers:
    """Running sums that start anew at each of `starts`, which ends with their number."""
    if len(starts) == 2 or not len(sums):
        return sums
    before = np.concatenate([np.zeros(1, sums.dtype), sums])[starts[:-1]]
    reset: Numbers = sums - np.repeat(before, np.diff(starts))
    return reset


def _exact(sums: Ints, starts: Ints) -> Numbers:
    """64-bit running sums, from 32-bit ones that may have wrapped around.

    Every delta fits 32 bits, so the difference of wrapped sums is the delta itself.
    """
    deltas = np.diff(sums, prepend=np.int32(0))
    firsts = starts[:-1]
    firsts = firsts[firsts < len(sums)]
    deltas[firsts] = sums[firsts]
    return _reset(np.cumsum(deltas, dtype=np.int64), starts)


def _in_range(values: Ints, low: int, top: int | Ints) -> bool:
    """Whether 32-bit sums show no bad value.

    From a value in range, a 32-bit delta that leaves the range is or wraps to a negative number,
    so that the first bad value is always seen.
    """
    if not len(values) or values.min() < low:
        return not len(values)
    return bool(values.max() <= top if isinstance(top, int) else (values <= top).all())
