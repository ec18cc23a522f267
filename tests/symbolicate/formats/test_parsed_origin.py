from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from symbolicate.formats import js_functions, parsed_origin
from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.source_map import SourceMap

SOURCE = "function f() { return g(1) }\n"


def make(count: int, limits: MapLimits | None = None, **fields: Any) -> SourceMap:
    """A map with so many sources, each mapped on a generated line of its own, inside `f`."""
    document = {
        "version": 3,
        "sources": [f"{n}.js" for n in range(count)],
        "sourcesContent": [SOURCE] * count,
        "names": ["token"],
        "mappings": "AAAgBA" + ";ACAAA" * (count - 1),
        **fields,
    }
    return SourceMap.from_json(json.dumps(document).encode(), limits=limits)


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The sources that were parsed, in order."""
    made: list[str | None] = []
    real = js_functions.function_table

    def function_table(text: str, url: str | None) -> Any:
        made.append(url)
        return real(text, url)

    monkeypatch.setattr(js_functions, "function_table", function_table)
    return made


def test_each_source_is_parsed_once_and_only_when_asked_for(parses: list[str | None]) -> None:
    found = make(3)
    assert parses == []
    for line in (1, 0, 1, 0):
        assert found.function_at(line, 0) == ("f", "syntax_tree")
    assert parses == ["1.js", "0.js"]


def test_tables_are_kept_up_to_a_budget(
    parses: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = make(4)
    before = found.byte_size
    found.function_at(0, 0)
    one = found.byte_size - before
    assert one > 0
    monkeypatch.setattr(parsed_origin, "_TABLES_BYTES", 2 * one)
    for line in (1, 0, 2, 0, 1):
        found.function_at(line, 0)
    assert parses == ["0.js", "1.js", "2.js", "1.js"]
    assert found.byte_size - before <= 2 * one


def test_sources_beyond_the_parse_limit_fall_through(parses: list[str | None]) -> None:
    found = make(1, MapLimits(parsed_source_bytes=10))
    assert found.function_at(0, 0) == ("token", "token")
    assert parses == []


def test_sources_without_text_fall_through(parses: list[str | None]) -> None:
    assert make(1, sourcesContent=None).function_at(0, 0) == ("token", "token")
    assert parses == []


def test_names_of_downlevelled_helpers_fall_through() -> None:
    text = "function _callee2$() { return g(1) }\n"
    assert make(1, sourcesContent=[text]).function_at(0, 0) == ("token", "token")


def test_unreadable_function_maps_fall_through() -> None:
    found = make(1, x_facebook_sources=[[{"names": ["a"], "mappings": "A!"}]])
    assert found.function_at(0, 0) == ("f", "syntax_tree")


def test_many_threads_get_the_same_names() -> None:
    found = make(40)
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda n: found.function_at(n % 40, 0), range(400)))
    assert set(names) == {("f", "syntax_tree")}
