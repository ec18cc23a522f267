from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import SourceMapError
from symbolicate.formats.mappings import Mappings, empty_mappings
from symbolicate.formats.relative_mappings import RelativeMappings


def mappings(lines: list[list[int]], *, ranged: bool = False) -> Mappings:
    """Segments at the given columns; every other column carries the segment's own number."""
    columns = np.array([column for line in lines for column in line], np.int32)
    numbers = np.arange(len(columns), dtype=np.int32)
    starts = np.cumsum([0, *map(len, lines)]).astype(np.int32)
    flags = numbers % 2 == 1 if ranged else None
    return Mappings(starts, columns, numbers + 1, numbers, numbers, numbers, flags)


def numbers(found: Mappings) -> list[list[int]]:
    starts = found.line_starts
    return [found.line[a:b].tolist() for a, b in pairwise(starts)]


def test_order_is_by_column_inside_each_line_and_stable() -> None:
    found = mappings([[5, 3, 3, 9], [], [2, 1]], ranged=True).in_order()
    assert numbers(found) == [[1, 2, 0, 3], [], [5, 4]]
    assert found.generated.tolist() == [3, 3, 5, 9, 1, 2]
    assert found.ranged is not None
    assert found.ranged.tolist() == [True, False, False, True, True, False]


@pytest.mark.parametrize("lines", [[[]], [[1, 1, 2]], [[9], [1]], [[3, 4], [], [], [0]]])
def test_what_is_in_order_stays_as_it_is(lines: list[list[int]]) -> None:
    found = mappings(lines)
    assert found.in_order() is found


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5))
def test_ordering_sorts_and_loses_nothing(lines: list[list[int]]) -> None:
    found = mappings(lines).in_order()
    starts = found.line_starts
    for line, (start, end) in zip(lines, pairwise(starts), strict=True):
        assert found.generated[start:end].tolist() == sorted(line)
    assert sorted(found.line.tolist()) == list(range(sum(map(len, lines))))


def test_dropping_keeps_lines_and_counts() -> None:
    found = mappings([[0, 1], [0], [0, 1, 2]], ranged=True)
    kept = found.kept(np.array([True, False, False, False, True, True]))
    assert numbers(kept) == [[0], [], [4, 5]]
    assert (kept.dropped, kept.line_count) == (3, 3)
    assert kept.kept(np.array([True, True, False])).dropped == 4


def test_more_dropped_than_kept_is_malformed() -> None:
    found = mappings([[0, 1, 2, 3]])
    half = found.kept(np.array([True, True, False, False]))
    assert half.require_mostly_whole() is half
    with pytest.raises(SourceMapError, match="3 of 4"):
        found.kept(np.array([True, False, False, False])).require_mostly_whole()


def test_nothing_mapped_is_one_empty_line() -> None:
    found = empty_mappings()
    assert (found.line_count, len(found.generated)) == (1, 0)
    assert len(found.columns().line_starts) == 2


def test_columns_are_views_of_the_same_values() -> None:
    columns = mappings([[4, 8], [15]], ranged=True).columns()
    assert list(columns.generated) == [4, 8, 15]
    assert list(columns.line_starts) == [0, 2, 3]
    assert columns.ranged is not None
    assert bytes(columns.ranged) == b"\x02"
    assert mappings([[1]]).columns().ranged is None


def relative(rows: Sequence[tuple[int, ...]], lines: int = 1) -> RelativeMappings:
    """Segments given as relative fields, all on the first of so many lines."""
    filled = RelativeMappings(len(rows), lines, 0)
    values = np.array([value for row in rows for value in row], np.int32)
    fields = np.array([len(row) for row in rows], np.int64)
    first = np.cumsum([0, *fields[:-1]]).astype(np.int64)
    assert filled.add_segments(values, first, fields, np.full(lines, len(rows), np.int64))
    return filled


MAX = (1 << 31) - 1


def test_sums_beyond_32_bits_are_seen_and_cost_only_their_segment() -> None:
    rows = [(0, 0, MAX, 0), (1, 0, MAX, 0), (1, 0, -MAX, 0), (1, 0, 0, 0)]
    with pytest.raises(SourceMapError, match="original line of segment 1"):
        relative(rows).finish(1, 0, strict=True)
    lenient = relative(rows).finish(1, 0, strict=False)
    assert lenient.line.tolist() == [MAX, MAX, MAX]
    assert (lenient.generated.tolist(), lenient.dropped) == ([0, 2, 3], 1)


def test_columns_start_again_on_each_line_when_sums_are_exact() -> None:
    filled = RelativeMappings(3, 2, 0)
    values = np.array([5, 0, 0, 0, 7, 0, 0, 0, 9, 5, 0, 0], np.int32)
    first, fields = np.array([0, 4, 8]), np.array([4, 4, 4])
    assert filled.add_segments(values, first, fields, np.array([1, 3]))
    found = filled.finish(1, 0, strict=False)
    assert found.generated.tolist() == [5, 7]
    assert (found.line_starts.tolist(), found.dropped) == ([0, 1, 2], 1)


@pytest.mark.parametrize("fields", [2, 3, 6, 40])
def test_field_counts_that_do_not_exist_are_not_taken(fields: int) -> None:
    filled = RelativeMappings(1, 1, 0)
    values = np.zeros(fields, np.int32)
    taken = filled.add_segments(values, np.array([0]), np.array([fields]), np.array([1]))
    assert taken is False


def test_index_lists_may_be_empty_where_nothing_points_into_them() -> None:
    found = relative([(3,), (4,)]).finish(0, 0, strict=True)
    assert found.source.tolist() == [0, 0]
    with pytest.raises(SourceMapError, match="source of segment 0"):
        relative([(3, 0, 0, 0)]).finish(0, 0, strict=True)
