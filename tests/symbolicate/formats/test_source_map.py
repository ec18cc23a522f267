from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import SourceMapError
from symbolicate.formats.source_map import FunctionName, SourceMap, Token


def make(mappings: str = "AAAA", **fields: Any) -> SourceMap:
    document = {"version": 3, "sources": ["a.js"], "names": ["n"], "mappings": mappings, **fields}
    return SourceMap.from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("mappings", "at", "expected"),
    [
        pytest.param("EAAC", (0, 2), (0, 1), id="exact column"),
        pytest.param("EAAC", (0, 99), (0, 1), id="after the last segment of the line"),
        pytest.param("EAAC", (0, 1), None, id="before the first segment"),
        pytest.param("AAAA;", (1, 0), None, id="an unmapped line does not borrow the one before"),
        pytest.param("AAAA", (1, 0), None, id="beyond the last line"),
        pytest.param("AAAA", (-1, 0), None, id="negative line"),
        pytest.param("AAAC", (0, -5), (0, 1), id="negative column counts as 0"),
        pytest.param("AAAA,E", (0, 2), None, id="one field means no mapping"),
        pytest.param("AAAA,EAAC,AAAC,AAAC", (0, 2), (0, 1), id="first of duplicates when exact"),
        pytest.param("AAAA,EAAC,AAAC,AAAC", (0, 3), (0, 3), id="last of duplicates when inexact"),
        pytest.param("EAAC,FAAD", (0, 0), (0, 0), id="columns out of order are sorted"),
    ],
)
def test_lookup_rules(mappings: str, at: tuple[int, int], expected: tuple[int, int] | None) -> None:
    found = make(mappings)
    token = found.lookup(*at)
    assert (token and (token.line, token.column)) == expected
    assert found.lookup_many([at[0]], [at[1]]).tokens() == [token]
    if token is None:
        assert found.source_index(*at) is None
    else:
        assert found.source_index(*at) == (0, token.line, token.column, -1)


def test_token_carries_source_and_name() -> None:
    assert make("AAAAA").lookup(0, 7) == Token("a.js", 0, 0, "n")
    assert make("AAAA").lookup(0, 7) == Token("a.js", 0, 0, None)
    assert make("AAAA", sources=[None]).lookup(0, 7) == Token(None, 0, 0, None)


lines_of_columns = st.lists(st.lists(st.integers(0, 30), max_size=6), min_size=1, max_size=4)


@given(lines_of_columns, st.lists(st.tuples(st.integers(-1, 5), st.integers(-2, 35)), min_size=1))
def test_batch_and_single_lookups_agree_with_the_rules(
    lines: list[list[int]], needles: list[tuple[int, int]]
) -> None:
    ordered = [sorted(columns) for columns in lines]
    numbers = iter(range(1000))
    segments = [[(column, 0, next(numbers), 0) for column in columns] for columns in ordered]

    found = make(_encoded(segments))
    expected = [_by_the_rules(segments, *needle) for needle in needles]
    assert [found.lookup(*needle) for needle in needles] == expected
    batch = found.lookup_many(*np.array(needles).T)
    assert batch.tokens() == expected
    assert len(batch) == len(needles)


def _encoded(lines: Sequence[Sequence[tuple[int, ...]]]) -> str:
    last = 0
    texts = []
    for line in lines:
        column = 0
        segments = []
        for row in line:
            segments.append(_vlq(row[0] - column) + "A" + _vlq(row[2] - last) + "A")
            column, last = row[0], row[2]
        texts.append(",".join(segments))
    return ";".join(texts)


def _vlq(value: int) -> str:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    low, high = value * 2 & 31, value * 2 >> 5
    return digits[low | 32] + digits[high] if high else digits[low]


def _by_the_rules(
    segments: Sequence[Sequence[tuple[int, ...]]], line: int, column: int
) -> Token | None:
    if not 0 <= line < len(segments):
        return None
    column = max(column, 0)
    exact = [row for row in segments[line] if row[0] == column]
    before = [row for row in segments[line] if row[0] < column]
    if not exact and not before:
        return None
    return Token("a.js", (exact[0] if exact else before[-1])[2], 0, None)


@pytest.mark.parametrize(
    ("root", "source", "url", "expected"),
    [
        (None, "a.js", None, "a.js"),
        ("", "a.js", None, "a.js"),
        ("src", "a.js", None, "src/a.js"),
        ("src/", "a.js", None, "src/a.js"),
        ("src", "/abs/a.js", None, "/abs/a.js"),
        ("src", "webpack://x/a.js", None, "webpack://x/a.js"),
        ("src", "../a.js", None, "src/../a.js"),
        (None, "../a.js", "https://h/js/app.js.map", "https://h/a.js"),
        ("src", "a.js", "https://h/js/app.js.map", "https://h/js/src/a.js"),
        (None, "webpack://x/./a.js", "https://h/app.js.map", "webpack://x/./a.js"),
        (None, "/r/a.js", "https://h/js/app.js.map", "https://h/r/a.js"),
        (None, "//[", "https://h/js/app.js.map", "//["),
    ],
)
def test_sources_are_joined_with_the_root_and_resolved_only_against_a_url(
    root: str | None, source: str, url: str | None, expected: str
) -> None:
    data = {"version": 3, "sourceRoot": root, "sources": [source], "mappings": "AAAA"}
    found = SourceMap.from_json(json.dumps(data).encode(), url=url)
    assert found.sources == [expected]
    token = found.lookup(0, 0)
    assert token is not None
    assert token.source == expected


def test_ignore_list_names_sources() -> None:
    assert make(sources=["a", "b"], ignoreList=[1]).ignored_sources == ["b"]
    assert make(sources=["a", "b"], x_google_ignoreList=[0]).ignored_source_ids == {0}
    both = make(sources=["a", "b"], ignoreList=[1], x_google_ignoreList=[0])
    assert both.ignored_sources == ["b"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"debugId": "85314830-023F-4CF1-A267-535F4E37BB17"},
            "85314830-023f-4cf1-a267-535f4e37bb17",
        ),
        ({"debug_id": "85314830023f4cf1a267535f4e37bb17"}, "85314830-023f-4cf1-a267-535f4e37bb17"),
        ({"debugId": "no uuid"}, None),
        ({"debugId": 7}, None),
        (
            {"debugId": "x", "debug_id": "85314830023f4cf1a267535f4e37bb17"},
            "85314830-023f-4cf1-a267-535f4e37bb17",
        ),
    ],
)
def test_debug_id_is_read_in_both_spellings_and_ignored_when_invalid(
    fields: dict[str, Any], expected: str | None
) -> None:
    assert make(**fields).debug_id == expected


def test_source_content_by_index() -> None:
    found = make(sources=["a", "b", "c", "d"], sourcesContent=["é\n\\", None, ""])
    assert [found.source_content(i) for i in (-1, 0, 1, 2, 3, 4)] == [
        None, "é\n\\", None, "", None, None,
    ]  # fmt: skip


def test_names_and_sources() -> None:
    found = make(sources=["a", None], names=["x", "y"])
    assert found.sources == ["a", None]
    assert found.names == ["x", "y"]


def test_a_map_without_anything_mapped() -> None:
    found = make("", sources=[], names=[])
    assert found.lookup(0, 0) is None
    assert found.lookup_many([0, 1], [0, 0]).tokens() == [None, None]
    assert found.function_at(0, 0) is None


SOURCE = "function outer() {\n  const inner = () => { throw 1 };\n  inner();\n}\nouter();\n"


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        pytest.param("AACyB", FunctionName("inner", "syntax_tree"), id="arrow in a variable"),
        pytest.param("AAEA", FunctionName("outer", "syntax_tree"), id="declaration"),
        pytest.param("AAIA", FunctionName("<toplevel>", "syntax_tree"), id="module level"),
    ],
)
def test_function_comes_from_the_original_source(segment: str, expected: FunctionName) -> None:
    found = make(segment, sourcesContent=[SOURCE])
    assert found.function_at(0, 0) == expected
    assert found.function_at(0, 0) == expected


def test_function_map_comes_before_the_source() -> None:
    metadata = [[{"names": ["<global>", "Cart#total"], "mappings": "AAA;ACC"}]]
    found = make("AAAA,EACA", sourcesContent=[SOURCE], x_facebook_sources=metadata)
    assert found.function_at(0, 0) == ("<global>", "function_map")
    assert found.function_at(0, 2) == ("Cart#total", "function_map")


def test_function_falls_back_to_the_token() -> None:
    assert make("AAAAA").function_at(0, 0) == ("n", "token")
    assert make("AAAA").function_at(0, 0) is None
    assert make("AAAAA", sources=["a.vue"], sourcesContent=["<x>"]).function_at(0, 0) == (
        "n",
        "token",
    )


def test_function_takes_the_name_of_the_token_before_at_the_same_original_position() -> None:
    assert make("AAAAA,EAAA").function_at(0, 2) == ("n", "token")
    assert make("AAAAA,EAAC").function_at(0, 2) is None


def test_byte_size_covers_columns_and_contents() -> None:
    small, large = make(), make(sourcesContent=["x" * 100_000])
    assert small.byte_size > 20
    assert large.byte_size - small.byte_size >= 100_000
    before = small.byte_size
    small.lookup_many([0], [0])
    assert small.byte_size > before


def test_threads_may_share_a_map() -> None:
    found = make(";".join(["AAAA"] * 500), sourcesContent=[SOURCE])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: found.function_at(n % 500, 0), range(2000)))
        batches = list(pool.map(lambda n: found.lookup_many([n], [0]).tokens(), range(50)))
    assert set(answers) == {("outer", "syntax_tree")}
    assert batches == [[Token("a.js", 0, 0, None)]] * 50


def test_importing_needs_neither_numpy_nor_parsers() -> None:
    code = (
        "import sys, symbolicate.formats.source_map;"
        "print({'numpy', 'msgspec', 'tree_sitter', 'zstandard'} & set(sys.modules))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "set()"


@given(st.binary(max_size=80))
def test_any_bytes_parse_or_raise_the_typed_error(data: bytes) -> None:
    for text in (data, b'{"version":3,"sources":["a"],"mappings":"' + data + b'"}'):
        try:
            SourceMap.from_json(text).lookup(0, 0)
        except SourceMapError:
            continue


def test_truncation_at_every_byte_raises_the_typed_error() -> None:
    whole = json.dumps({"version": 3, "sources": ["a"], "names": ["b"], "mappings": "AAAAA;A"})
    for length in range(len(whole) - 1):
        with pytest.raises(SourceMapError):
            SourceMap.from_json(whole[:length].encode())
