from __future__ import annotations

from array import array
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import CorruptCache
from symbolicate.formats.batch_positions import BatchPositions
from symbolicate.formats.positions import ESCAPED_COLUMN, Columns, Found, Positions


class Row(NamedTuple):
    """One segment: `source` is None for a segment of one field."""

    generated: int
    source: int | None
    line: int
    column: int
    name: int | None
    ranged: bool = False


def columns_of(lines: list[list[Row]], *, ranges: bool = False, escaped: bool = False) -> Columns:
    rows = [row for line in lines for row in line]
    starts = array("I", [0])
    for line in lines:
        starts.append(starts[-1] + len(line))

    def column(values: list[int], kind: str = "I") -> memoryview[int]:
        return memoryview(array(kind, values))

    bits = bytearray((len(rows) + 7) // 8)
    for index, row in enumerate(rows):
        bits[index >> 3] |= row.ranged << (index & 7)
    wide = [v for i, row in enumerate(rows) if row.column >= 65535 for v in (i, row.column)]
    originals = [min(row.column, ESCAPED_COLUMN) if escaped else row.column for row in rows]
    return Columns(
        memoryview(starts),
        column([row.generated for row in rows]),
        column([0 if row.source is None else row.source + 1 for row in rows], "H"),
        column([row.line for row in rows]),
        column(originals, "H" if escaped else "I"),
        column([0 if row.name is None else row.name + 1 for row in rows], "B"),
        memoryview(bytes(bits)) if ranges else None,
        column(wide) if escaped else None,
    )


def by_the_rules(lines: list[list[Row]], line: int, column: int) -> Found | None:
    """A look-up as the format describes it, without a search."""
    if not 0 <= line < len(lines):
        return None
    column = max(column, 0)
    exact = [row for row in lines[line] if row.generated == column]
    before = [row for row in lines[line] if row.generated < column]
    lines_on, found = 0, exact[0] if exact else before[-1] if before else None
    if found is None:
        earlier = [(n, row) for n in range(line) for row in lines[n]]
        if not earlier or not earlier[-1][1].ranged:
            return None
        lines_on, found = line - earlier[-1][0], earlier[-1][1]
    if found.source is None:
        return None
    at_line, at_column = found.line, found.column
    if found.ranged:
        at_line += lines_on
        at_column = column if lines_on else at_column + column - found.generated
    return found.source, at_line, at_column, -1 if found.name is None else found.name


rows = st.builds(
    Row,
    generated=st.integers(0, 12),
    source=st.none() | st.integers(0, 3),
    line=st.integers(0, 9),
    column=st.sampled_from([0, 1, 7, 65534, 65535, 65536, 70000]),
    name=st.none() | st.integers(0, 3),
    ranged=st.booleans(),
)
layouts = st.lists(
    st.lists(rows, max_size=5).map(lambda line: sorted(line, key=lambda row: row.generated)),
    min_size=1,
    max_size=4,
)
needles = st.lists(st.tuples(st.integers(-2, 5), st.integers(-3, 15)), min_size=1, max_size=30)


@given(layouts, needles, st.booleans(), st.booleans())
def test_single_and_batch_lookups_follow_the_rules(
    lines: list[list[Row]], at: list[tuple[int, int]], ranges: bool, escaped: bool
) -> None:
    if not ranges:
        lines = [[row._replace(ranged=False) for row in line] for line in lines]
    columns = columns_of(lines, ranges=ranges, escaped=escaped)
    expected = [by_the_rules(lines, *needle) for needle in at]
    positions = Positions(columns)
    assert [positions.locate(*needle) for needle in at] == expected
    found = zip(*BatchPositions(columns).locate(*np.array(at).T), strict=True)
    assert [tuple(map(int, row)) for row in found] == [row or (-1,) * 4 for row in expected]


def test_lines_of_segments() -> None:
    row = Row(0, 0, 0, 0, None)
    positions = Positions(columns_of([[], [row], [], [row, row]]))
    assert [positions.line_of(index) for index in range(3)] == [1, 3, 3]
    assert len(positions) == 3


def test_byte_size_is_that_of_all_columns() -> None:
    row = Row(0, 0, 0, 0, None)
    plain = Positions(columns_of([[row] * 100]))
    assert plain.byte_size == 8 + 100 * (4 + 2 + 4 + 4 + 1)
    assert Positions(columns_of([[row] * 100], ranges=True)).byte_size == plain.byte_size + 13


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(Row(0, 1, 2, 3, 5), Row(4, 1, 2, 3, None), 5, id="same original position"),
        pytest.param(Row(0, 1, 2, 4, 5), Row(4, 1, 2, 3, None), -1, id="another column"),
        pytest.param(Row(0, 0, 2, 3, 5), Row(4, 1, 2, 3, None), -1, id="another source"),
        pytest.param(Row(0, None, 0, 0, None), Row(4, None, 0, 0, None), -1, id="unmapped"),
    ],
)
def test_name_before_counts_only_for_the_same_original(
    first: Row, second: Row, expected: int
) -> None:
    positions = Positions(columns_of([[], [first, second]]))
    assert positions.name_before(1, 4) == expected
    assert positions.name_before(1, 0) == -1
    assert positions.name_before(0, 0) == -1


def test_name_before_stays_on_its_line() -> None:
    positions = Positions(columns_of([[Row(0, 1, 2, 3, 5)], [Row(0, 1, 2, 3, None)]]))
    assert positions.name_before(1, 0) == -1


@pytest.mark.parametrize("starts", [[0, 99], [5, 1], [7, 9]])
def test_columns_that_point_outside_are_damage(starts: list[int]) -> None:
    good = columns_of([[Row(0, 0, 0, 0, None)] * 3])
    bad = good._replace(line_starts=memoryview(array("I", starts)))
    with suppress(CorruptCache):
        assert Positions(bad).locate(0, 0) is None
    with pytest.raises(CorruptCache):
        BatchPositions(bad)


def test_batches_of_nothing() -> None:
    empty = BatchPositions(columns_of([[]]))
    assert [len(part) for part in empty.locate([], [])] == [0, 0, 0, 0]
    assert [part.tolist() for part in empty.locate([0], [0])] == [[-1]] * 4
    assert empty.byte_size == 0
