"""Decoded mappings: one row per segment, held column by column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from symbolicate.errors import SourceMapError
from symbolicate.formats.positions import Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int32]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Mappings:
    """Segments in the order of their generated position, equal positions in the map's own order.

    `line_starts[k]` is the first segment of generated line `k`, with one more entry at the end.
    `source` and `name` hold the index plus one; 0 means that the segment has none.
    """

    line_starts: Ints
    generated: Ints
    source: Ints
    line: Ints
    column: Ints
    name: Ints
    ranged: Flags | None = None
    dropped: int = 0

    def columns(self) -> Columns:
        """The same rows as plain memoryviews, for look-ups one at a time."""
        ranged = None
        if self.ranged is not None:
            ranged = np.packbits(self.ranged, bitorder="little").data
        return Columns(
            self.line_starts.data,
            np.ascontiguousarray(self.generated).data,
            np.ascontiguousarray(self.source).data,
            np.ascontiguousarray(self.line).data,
            np.ascontiguousarray(self.column).data,
            np.ascontiguousarray(self.name).data,
            ranged,
        )

    @property
    def line_count(self) -> int:
        """Generated lines, mapped or not."""
        return len(self.line_starts) - 1

    def kept(self, keep: Flags) -> Mappings:
        """The segments that `keep` marks; the others count as dropped."""
        before = np.concatenate([[0], np.cumsum(keep, dtype=np.int32)]).astype(np.int32)
        dropped = len(keep) - int(before[-1])
        return self._picked(np.flatnonzero(keep), before[self.line_starts], dropped)

    def in_order(self) -> Mappings:
        """The same segments, stably sorted by column inside each generated line."""
        if not self._has_disorder():
            return self
        keys = self.generated_lines().astype(np.int64) << 32 | self.generated
        return self._picked(np.argsort(keys, kind="stable"), self.line_starts, 0)

    def generated_lines(self) -> Ints:
        """The generated line of every segment."""
        lines = np.arange(self.line_count, dtype=np.int32)
        return np.repeat(lines, np.diff(self.line_starts))

    def require_mostly_whole(self) -> Mappings:
        """Itself, unless more segments had to be dropped than could be kept."""
        if self.dropped > len(self.generated):
            raise SourceMapError(
                f"mappings are malformed: {self.dropped} of "
                f"{self.dropped + len(self.generated)} segments cannot be read"
            )
        return self

    def _has_disorder(self) -> bool:
        falls = self.generated[1:] < self.generated[:-1]
        if not falls.any():
            return False
        if self.line_count > 1:
            borders = self.line_starts[1:-1]
            inner = borders[(borders > 0) & (borders < len(self.generated))]
            falls[inner - 1] = False
        return bool(falls.any())

    def _picked(self, order: NDArray[np.int64], line_starts: Ints, dropped: int) -> Mappings:
        return replace(
            self,
            line_starts=line_starts,
            generated=self.generated[order],
            source=self.source[order],
            line=self.line[order],
            column=self.column[order],
            name=self.name[order],
            ranged=None if self.ranged is None else self.ranged[order],
            dropped=self.dropped + dropped,
        )


def empty_mappings() -> Mappings:
    """Mappings of a map that maps nothing: one empty generated line."""
    none = np.zeros(0, np.int32)
    return Mappings(np.zeros(2, np.int32), none, none, none, none, none)
