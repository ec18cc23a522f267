"""Look-up of many generated positions at once: one sorted search over 64-bit keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symbolicate.formats.positions import ESCAPED_COLUMN, Columns, out_of_bounds

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Longs = NDArray[np.int64]


class BatchPositions:
    """The mappings of one map, keyed by generated line and column."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._starts = np.asarray(columns.line_starts).astype(np.int64)
        lines = np.arange(len(self._starts) - 1, dtype=np.int64)
        generated = np.asarray(columns.generated).astype(np.int64)
        try:
            self._keys = np.repeat(lines << 32, np.diff(self._starts)) | generated
        except ValueError:
            raise out_of_bounds() from None
        self._repeats = bool((self._keys[1:] == self._keys[:-1]).any())

    @property
    def byte_size(self) -> int:
        """Bytes of the keys."""
        return int(self._keys.nbytes)

    def locate(self, lines: ArrayLike, columns: ArrayLike) -> tuple[Longs, Longs, Longs, Longs]:
        """Source ids, original lines, original columns and name ids; -1 where there is none."""
        line = np.asarray(lines, np.int64)
        column = np.clip(np.asarray(columns, np.int64), 0, (1 << 31) - 1)
        inside = (line >= 0) & (line < len(self._starts) - 1)
        needles = np.where(inside, line << 32 | column, -1)
        index = np.searchsorted(self._keys, needles, "right") - 1
        if self._repeats:
            exact = np.flatnonzero((index >= 0) & (self._keys[index] == needles))
            index[exact] = np.searchsorted(self._keys, needles[exact], "left")
        found = index >= 0
        if not len(self._keys):
            return self._gathered(index, found, line, column)
        found &= (self._keys[index] >> 32 == line) | self._ranged(index)
        return self._gathered(index, found, line, column)

    def _gathered(
        self, index: Longs, found: NDArray[np.bool_], line: Longs, column: Longs
    ) -> tuple[Longs, Longs, Longs, Longs]:
        out = np.full((4, len(index)), -1, np.int64)
        at = self._columns
        rows = np.flatnonzero(found)
        rows = rows[np.asarray(at.source)[index[rows]] > 0]
        hits = index[rows]
        for target, values, offset in zip(
            out, (at.source, at.line, at.column, at.name), (1, 0, 0, 1), strict=True
        ):
            target[rows] = np.asarray(values)[hits].astype(np.int64) - offset
        if at.escapes is not None:
            self._unescape(out[2], rows, hits, np.asarray(at.escapes))
        if at.ranged is not None:
            self._shift(out, rows, hits, line, column)
        return out[0], out[1], out[2], out[3]

    def _unescape(self, out: Longs, rows: Longs, hits: Longs, escapes: NDArray[np.uint32]) -> None:
        """Replaces the original columns that are kept apart, in pairs (segment, column)."""
        segments, columns = escapes[:-1:2], escapes[1::2]
        escaped = np.flatnonzero(out[rows] == ESCAPED_COLUMN)
        rows, hits = rows[escaped], hits[escaped]
        found = np.searchsorted(segments, hits)
        out[rows] = columns[np.minimum(found, len(columns) - 1)]

    def _shift(self, out: Longs, rows: Longs, hits: Longs, line: Longs, column: Longs) -> None:
        ranged = self._ranged(hits)
        rows, hits = rows[ranged], hits[ranged]
        lines_on = line[rows] - (self._keys[hits] >> 32)
        columns_on = column[rows] - (self._keys[hits] & 0xFFFFFFFF)
        out[1][rows] += lines_on
        out[2][rows] = np.where(lines_on > 0, column[rows], out[2][rows] + columns_on)

    def _ranged(self, index: Longs) -> NDArray[np.bool_]:
        if self._columns.ranged is None:
            return np.zeros(len(index), np.bool_)
        bits = np.asarray(self._columns.ranged)
        flags: NDArray[np.bool_] = (bits[index >> 3] >> (index & 7) & 1).astype(np.bool_)
        return flags & (index >= 0)
