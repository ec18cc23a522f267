"""Look-up of generated positions in decoded mappings, with the standard library alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from symbolicate.errors import CorruptCache

Found = tuple[int, int, int, int]
"""Source id, original line, original column, name id; -1 where the segment has no name."""

ESCAPED_COLUMN = 0xFFFF


def out_of_bounds() -> CorruptCache:
    """The error for columns of a compiled file that point outside of it."""
    return CorruptCache("compiled source map: an index is out of bounds")


class Columns(NamedTuple):
    """Segments column by column, as memoryviews of integers.

    `line_starts` has one entry per generated line and one more; `source` and `name` hold the
    index plus one, 0 for none. `ranged` holds one bit per segment, lowest first. `escapes` holds
    pairs (segment, original column) in order, for columns that are stored as 0xFFFF.
    """

    line_starts: memoryview[int]
    generated: memoryview[int]
    source: memoryview[int]
    line: memoryview[int]
    column: memoryview[int]
    name: memoryview[int]
    ranged: memoryview[int] | None = None
    escapes: memoryview[int] | None = None


class Positions:
    """The mappings of one map; immutable, so that threads may share it."""

    __slots__ = ("_generated", "_line_count", "_line_starts", "_ranged", "adjusted", "columns")

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self._line_count = len(columns.line_starts) - 1
        self._line_starts = columns.line_starts
        self._generated = columns.generated
        self._ranged = columns.ranged
        self.adjusted = columns.ranged is not None or columns.escapes is not None
        """Whether a segment's own original position is not always the answer."""

    def __len__(self) -> int:
        return len(self._generated)

    @property
    def byte_size(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in self.columns if column is not None)

    def find(self, line: int, column: int) -> int:
        """The segment that covers a generated position; -1 if there is none.

        It is the last at or before the column on the same generated line; of several at exactly
        this column the first, of several before it the last. A range mapping also covers the
        lines after its own, up to the next segment.
        """
        if not 0 <= line < self._line_count:
            return -1
        if column < 0:
            column = 0
        generated = self._generated
        start = self._line_starts[line]
        index = bisect_right(generated, column, start, self._line_starts[line + 1]) - 1
        if index < start:
            return index if self._ranged is not None and self.is_ranged(index) else -1
        if generated[index] == column and index > start and generated[index - 1] == column:
            return bisect_left(generated, column, start, index)
        return index

    def locate(self, line: int, column: int) -> Found | None:
        """The original position of a generated one, as ids."""
        try:
            index = self.find(line, column)
            source = self.columns.source[index] if index >= 0 else 0
            if not source:
                return None
            return (source - 1, *self.original(index, line, column), self.columns.name[index] - 1)
        except IndexError:
            raise out_of_bounds() from None

    def original(self, index: int, line: int, column: int) -> tuple[int, int]:
        """The original line and column of a position that a segment covers."""
        columns = self.columns
        original_line, original_column = columns.line[index], columns.column[index]
        if original_column == ESCAPED_COLUMN and columns.escapes is not None:
            original_column = self._escaped(columns.escapes, index)
        if not self.is_ranged(index):
            return original_line, original_column
        lines_on = line - self.line_of(index)
        if lines_on:
            return original_line + lines_on, max(column, 0)
        return original_line, original_column + max(column, 0) - columns.generated[index]

    def is_ranged(self, index: int) -> bool:
        """Whether a segment is a range mapping."""
        ranged = self._ranged
        return ranged is not None and index >= 0 and bool(ranged[index >> 3] >> (index & 7) & 1)

    def name_before(self, line: int, column: int) -> int:
        """The name of the segment before the one that covers a position; -1 if there is none.

        Counts only if both stand for the same original position.
        """
        index = self.find(line, column)
        sources, lines, columns = self.columns[2:5]
        if index < 1 or index <= self._line_starts[line] or not sources[index]:
            return -1
        here = (sources[index], lines[index], columns[index])
        there = (sources[index - 1], lines[index - 1], columns[index - 1])
        return self.columns.name[index - 1] - 1 if here == there else -1

    def line_of(self, index: int) -> int:
        """The generated line of a segment."""
        return bisect_right(self._line_starts, index) - 1

    def _escaped(self, escapes: memoryview[int], index: int) -> int:
        at = bisect_left(range(len(escapes) // 2), index, key=lambda pair: escapes[2 * pair])
        held = 2 * at < len(escapes) and escapes[2 * at] == index
        return escapes[2 * at + 1] if held else ESCAPED_COLUMN
