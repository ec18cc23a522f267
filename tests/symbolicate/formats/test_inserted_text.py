"""After an insertion, every place that moved answers what it answered where it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import SourceMapError
from symbolicate.formats.inserted_text import Insertion, document, with_insertion
from symbolicate.formats.map_limits import DEFAULT_LIMITS
from symbolicate.formats.scopes_text import ScopesPart, decode_scopes
from symbolicate.formats.source_map import SourceMap
from symbolicate.formats.source_map_json import read_document
from symbolicate.formats.vlq_digits import ALPHABET

Rows = list[list[tuple[int, int, int, int]]]

COLUMNS = 60
SEGMENT = st.tuples(st.integers(0, COLUMNS), st.just(0), st.integers(0, 99), st.integers(0, 99))
LINES = st.lists(st.lists(SEGMENT, max_size=6), min_size=1, max_size=4)
PLACES = st.tuples(st.integers(0, 4), st.integers(0, COLUMNS + 5))
INSERTIONS = st.builds(
    Insertion, st.integers(0, 4), st.integers(0, COLUMNS + 5), st.integers(1, 999)
)


def vlq(value: int) -> str:
    rest = -value << 1 | 1 if value < 0 else value << 1
    digits = ""
    while True:
        rest, digit = rest >> 5, rest & 31
        digits += chr(ALPHABET[digit | (32 if rest else 0)])
        if not rest:
            return digits


def encoded(lines: Rows) -> str:
    last = [0, 0, 0, 0]
    texts = []
    for line in lines:
        last[0] = 0
        segments = []
        for row in line:
            segments.append("".join(vlq(new - old) for new, old in zip(row, last, strict=True)))
            last = list(row)
        texts.append(",".join(segments))
    return ";".join(texts)


def plain(mappings: str, **fields: Any) -> dict[str, Any]:
    return {"version": 3, "sources": ["a.ts"], "names": [], "mappings": mappings, **fields}


def moved(fields: dict[str, Any], at: Insertion) -> bytes:
    return document(with_insertion(read_document(json.dumps(fields).encode(), DEFAULT_LIMITS), at))


def assert_same_answers(before: SourceMap, after: SourceMap, at: Insertion, end: int) -> None:
    for line in range(6):
        for column in range(end):
            moved_to = column + (at.width if at.moves(line, column) else 0)
            assert after.lookup(line, moved_to) == before.lookup(line, column), (line, column)


@given(LINES, INSERTIONS)
def test_a_plain_map_answers_alike(lines: Rows, at: Insertion) -> None:
    fields = plain(encoded(lines))
    before, after = (
        SourceMap.from_json(text) for text in (json.dumps(fields).encode(), moved(fields, at))
    )
    assert_same_answers(before, after, at, COLUMNS + 10)


@given(LINES, LINES, PLACES, INSERTIONS)
def test_an_index_map_answers_alike(
    first: Rows, second: Rows, start: tuple[int, int], at: Insertion
) -> None:
    line, column = start
    sections = [
        {"offset": {"line": 0, "column": 0}, "map": plain(encoded(first))},
        {"offset": {"line": line, "column": column + 1}, "map": plain(encoded(second))},
    ]
    fields = {"version": 3, "sections": sections}
    before, after = (
        SourceMap.from_json(text) for text in (json.dumps(fields).encode(), moved(fields, at))
    )
    assert_same_answers(before, after, at, 2 * COLUMNS + 10)


def test_a_nested_index_map_is_followed_to_the_map_that_holds_the_place() -> None:
    inner = {
        "version": 3,
        "sections": [{"offset": {"line": 0, "column": 4}, "map": plain("AAAA,KAAK")}],
    }
    outer = {"version": 3, "sections": [{"offset": {"line": 2, "column": 3}, "map": inner}]}
    after = json.loads(moved(outer, Insertion(2, 9, 100)))
    (section,) = after["sections"][0]["map"]["sections"]
    assert section["offset"] == {"line": 0, "column": 4}
    assert section["map"]["mappings"] == "AAAA,yGAAK"


def test_only_what_moves_is_rewritten() -> None:
    fields = plain(
        "AAAA,UAAUA;AAAA", names=["x"], sourcesContent=["é\ud800"], x_other={"a": [1.50]}
    )
    text = json.dumps(fields)
    after = with_insertion(read_document(text.encode(), DEFAULT_LIMITS), Insertion(0, 1, 3))
    assert json.loads(document(after)) == {**fields, "mappings": "AAAA,aAAUA;AAAA"}


def test_a_lone_surrogate_survives() -> None:
    fields = plain("AAAA", sources=["\ud83d"])
    assert json.loads(moved(fields, Insertion(0, 0, 1))) == {**fields, "mappings": "CAAA"}


@pytest.mark.parametrize(
    ("mappings", "at", "expected"),
    [
        pytest.param("", Insertion(0, 0, 5), "", id="nothing mapped"),
        pytest.param("AAAA", Insertion(3, 0, 5), "AAAA", id="a line behind the last"),
        pytest.param("AAAA;AAAA", Insertion(1, 0, 5), "AAAA;KAAA", id="a later line"),
        pytest.param("UAAA,LAAA", Insertion(0, 6, 1), "WAAA,NAAA", id="segments out of order"),
        pytest.param("A,,C", Insertion(0, 1, 1), "A,,E", id="an empty segment"),
    ],
)
def test_mappings_move(mappings: str, at: Insertion, expected: str) -> None:
    assert json.loads(moved(plain(mappings), at))["mappings"] == expected


@pytest.mark.parametrize("text", ["ECAA,FK", "EBCA,FBC", "FCAA,GK", "FBAA,FAC,GF,GBA"])
@pytest.mark.parametrize("place", [(0, 0), (0, 3), (1, 0), (1, 1)])
def test_generated_ranges_move(text: str, place: tuple[int, int]) -> None:
    at = Insertion(*place, 100)
    text = f"BAAA,CBA,{text}"

    def corners(scopes: str) -> list[tuple[int, int]]:
        ranges = list(decode_scopes([ScopesPart(scopes.encode())], [], 1, DEFAULT_LIMITS).ranges)
        return [corner for one in ranges for corner in ((*one.start,), (*one.end,))]

    after = json.loads(moved(plain("AAAA", scopes=text), at))["scopes"]
    assert corners(after) == [
        (line, column + (100 if at.moves(line, column) else 0)) for line, column in corners(text)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(plain("AAAA,!AAA"), id="mappings with a strange character"),
        pytest.param(plain("AAAA", scopes="!"), id="scopes with a strange character"),
        pytest.param(plain("AAAA", scopes="E"), id="an item of the scopes that ends early"),
        pytest.param(plain("AAAA", scopes="EAA,HAAAA,FB"), id="subrange bindings"),
        pytest.param({"sections": [{"map": plain("AAAA")}]}, id="a section without its offset"),
        pytest.param({"mappings": 3}, id="mappings of another type"),
    ],
)
def test_numbers_that_cannot_be_read_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SourceMapError):
        moved(fields, Insertion(0, 0, 1))
