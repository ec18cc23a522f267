from __future__ import annotations

import json

import pytest

from symbolicate.errors import SourceMapError
from symbolicate.formats.range_mappings import DRAFT_BASE, SUITE_BASE
from symbolicate.formats.source_map import SourceMap


def make(mappings: str, ranges: str, base: int = SUITE_BASE, *, strict: bool = True) -> SourceMap:
    document = {"version": 3, "sources": ["a"], "mappings": mappings, "rangeMappings": ranges}
    return SourceMap.from_json(json.dumps(document).encode(), strict=strict, range_base=base)


def at(found: SourceMap, line: int, column: int) -> tuple[int, int] | None:
    token = found.lookup(line, column)
    assert found.lookup_many([line], [column]).tokens() == [token]
    return token and (token.line, token.column)


def test_a_range_maps_every_column_up_to_the_next_segment() -> None:
    found = make("CAAE,IAAU", "B")
    assert at(found, 0, 0) is None
    assert at(found, 0, 1) == (0, 2)
    assert at(found, 0, 4) == (0, 5)
    assert at(found, 0, 5) == (0, 12)
    assert at(found, 0, 9) == (0, 12)


def test_a_range_goes_on_across_lines_until_a_segment() -> None:
    found = make("CAAA;;EAAA", "B")
    assert at(found, 1, 9) == (1, 9)
    assert at(found, 2, 1) == (2, 1)
    assert at(found, 2, 2) == (0, 0)
    assert at(found, 0, 0) is None


def test_only_a_range_goes_on_across_lines() -> None:
    found = make("AAAA,CAAA;", "B;")
    assert at(found, 1, 0) is None
    unmapped = make("AAAA,C;", "BB;")
    assert at(unmapped, 1, 0) is None


@pytest.mark.parametrize(
    ("ranges", "base", "expected"),
    [
        pytest.param("BC", SUITE_BASE, [0, 2], id="suite counts from -1"),
        pytest.param("ABCgB", DRAFT_BASE, [0, 1, 3, 35], id="draft counts from 0"),
        pytest.param("B", DRAFT_BASE, [1], id="draft may skip the first"),
    ],
)
def test_both_index_encodings(ranges: str, base: int, expected: list[int]) -> None:
    found = make(",".join(["AAAA"] + ["EAAA"] * 39), ranges, base)
    shifted = [n for n in range(40) if at(found, 0, 2 * n + 1) == (0, 1)]
    assert shifted == expected


@pytest.mark.parametrize(
    ("mappings", "ranges", "base"),
    [
        pytest.param("AAAA", "C", SUITE_BASE, id="beyond the segments of the line"),
        pytest.param("AAAA", "B;B", SUITE_BASE, id="more lines than mappings"),
        pytest.param("AAAA", "A", SUITE_BASE, id="zero"),
        pytest.param("AAAA,CAAA", "AA", DRAFT_BASE, id="zero after the first"),
        pytest.param("AAAA", "=", SUITE_BASE, id="invalid character"),
        pytest.param("AAAA", "g", SUITE_BASE, id="unfinished number"),
        pytest.param("AAAA", "gggggggB", SUITE_BASE, id="number out of range"),
    ],
)
def test_defects_raise_when_strict_and_are_ignored_when_lenient(
    mappings: str, ranges: str, base: int
) -> None:
    with pytest.raises(SourceMapError):
        make(mappings, ranges, base)
    assert at(make(mappings, ranges, base, strict=False), 0, 0) == (0, 0)


def test_dropped_segments_do_not_move_ranges() -> None:
    found = make("AAAA,!,EAAA,EAAA", "D", strict=False)
    assert at(found, 0, 3) == (0, 1)
    assert at(found, 0, 1) == (0, 0)
