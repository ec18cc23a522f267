from __future__ import annotations

import json
from typing import Any

import pytest

from symbolicate.errors import MapTooComplex, SourceMapError
from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.source_map import SourceMap


def part(mappings: str, source: str = "a", **fields: Any) -> dict[str, Any]:
    return {"version": 3, "sources": [source], "names": [], "mappings": mappings, **fields}


def index(*sections: tuple[int, int, dict[str, Any]], **fields: Any) -> bytes:
    nodes = [{"offset": {"line": line, "column": col}, "map": m} for line, col, m in sections]
    return json.dumps({"version": 3, "sections": nodes, **fields}).encode()


def at(found: SourceMap, line: int, column: int) -> tuple[str | None, int, int] | None:
    token = found.lookup(line, column)
    return token and (token.source, token.line, token.column)


def test_offsets_move_sections_and_columns_only_on_their_first_line() -> None:
    found = SourceMap.from_json(index((2, 10, part("AAAA;EAAC"))), strict=True)
    assert at(found, 2, 9) is None
    assert at(found, 2, 10) == ("a", 0, 0)
    assert at(found, 3, 2) == ("a", 0, 1)
    assert at(found, 3, 1) is None


def test_a_later_section_clips_the_one_before() -> None:
    long = part("AAAA,UAAU;AAAA;AAAA")
    found = SourceMap.from_json(
        index((0, 0, long), (0, 5, part("AAAA", "b")), (1, 3, part("", "c")))
    )
    assert at(found, 0, 4) == ("a", 0, 0)
    assert at(found, 0, 12) == ("b", 0, 0)
    assert at(found, 1, 0) is None
    assert at(found, 2, 0) is None


def test_equal_sources_and_names_become_one() -> None:
    same = part("AAAAA", "s", names=["n"], sourcesContent=["x"])
    other = part("AAAAA", "s", names=["m"], sourcesContent=["y"])
    found = SourceMap.from_json(index((0, 0, same), (1, 0, same), (2, 0, other)))
    assert found.sources == ["s", "s"]
    assert [found.source_content(i) for i in (0, 1)] == ["x", "y"]
    assert found.names == ["n", "m"]
    assert found.source_index(1, 0) == (0, 0, 0, 0)
    assert found.source_index(2, 0) == (1, 0, 0, 1)


def test_flat_fields_of_sections_are_kept() -> None:
    first = part("AAAA", "x", sourceRoot="r", ignoreList=[0])
    metadata = [[{"names": ["f"], "mappings": "AAA"}]]
    second = part("AAAA", "y", x_facebook_sources=metadata)
    found = SourceMap.from_json(index((0, 0, first), (1, 0, second)))
    assert found.sources == ["r/x", "y"]
    assert found.ignored_sources == ["r/x"]
    assert found.function_at(1, 0) == ("f", "function_map")


def test_range_mappings_of_sections_are_kept() -> None:
    found = SourceMap.from_json(
        index((0, 0, part("AAAA")), (1, 0, part("AAAA", rangeMappings="B")))
    )
    assert at(found, 0, 7) == ("a", 0, 0)
    assert at(found, 1, 7) == ("a", 0, 7)


def test_debug_id_of_the_top_level_wins() -> None:
    inner = part("", debugId="a938a92f-3074-41f7-bfdb-1038430a983c")
    assert SourceMap.from_json(index((0, 0, inner))).debug_id is None
    top = "1aad9d9e-2b50-454f-a5f2-0dd5e95c154c"
    assert SourceMap.from_json(index((0, 0, inner), debugId=top)).debug_id == top


def test_nested_index_maps() -> None:
    inner = json.loads(index((1, 2, part("AAAA"))))
    assert at(SourceMap.from_json(index((3, 4, inner)), strict=True), 4, 2) == ("a", 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(index((1, 0, part("AAAA")), (0, 0, part("AAAA", "b"))), id="out of order"),
        pytest.param(index((0, 0, part("AAAA")), (0, 0, part("AAAA", "b"))), id="same start"),
        pytest.param(index((0, 0, part("AAAA")), mappings="AAAA"), id="mappings beside"),
        pytest.param(index((0, -1, part("AAAA")), (0, 0, part("AAAA", "b"))), id="negative"),
        pytest.param(index((0, True, part("AAAA")), (0, 0, part("AAAA", "b"))), id="no number"),
        pytest.param(index((0, 0, [])), id="map is no object"),  # type: ignore[arg-type]
    ],
)
def test_defects_of_sections_raise_when_strict_and_are_noted_when_lenient(data: bytes) -> None:
    with pytest.raises(SourceMapError):
        SourceMap.from_json(data, strict=True)
    assert len(SourceMap.from_json(data).defects) == 1


def test_out_of_order_sections_are_sorted_when_lenient() -> None:
    found = SourceMap.from_json(index((1, 0, part("AAAA")), (0, 0, part("AAAA;AAAA", "b"))))
    assert at(found, 0, 0) == ("b", 0, 0)
    assert at(found, 1, 0) == ("a", 0, 0)


@pytest.mark.parametrize("strict", [True, False])
def test_a_section_by_url_is_refused_and_not_fetched(strict: bool) -> None:
    section = {"offset": {"line": 0, "column": 0}, "url": "http://localhost/x.map"}
    with pytest.raises(SourceMapError, match="URL"):
        SourceMap.from_json(
            json.dumps({"version": 3, "sections": [section]}).encode(), strict=strict
        )


def nested(depth: int) -> bytes:
    data = part("AAAA")
    for _ in range(depth):
        data = json.loads(index((0, 0, data)))
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("data", "limits", "limit"),
    [
        pytest.param(nested(8), MapLimits(), "index_map_nesting", id="nesting"),
        pytest.param(
            index(*[(n, 0, part("A")) for n in range(4)]),
            MapLimits(sections=3),
            "sections",
            id="sections",
        ),
        pytest.param(
            index((0, 0, json.loads(nested(1))), (1, 0, json.loads(nested(1)))),
            MapLimits(sections=3),
            "sections",
            id="sections of all levels together",
        ),
        pytest.param(
            index(*[(n, 0, part("A,C,C")) for n in range(4)]),
            MapLimits(segments=9),
            "segments",
            id="segments of all sections together",
        ),
        pytest.param(index((1 << 31, 0, part("A"))), MapLimits(), "section_offset", id="offset"),
        pytest.param(
            index(((1 << 31) - 1, 0, part("A"))), MapLimits(), "empty_line_gap", id="far away"
        ),
        pytest.param(
            index(*[(n * 900_000, 0, part("A")) for n in range(30)]),
            MapLimits(),
            "generated_lines",
            id="lines of all gaps together",
        ),
    ],
)
def test_limits_hold_for_all_sections_together(data: bytes, limits: MapLimits, limit: str) -> None:
    with pytest.raises(MapTooComplex) as raised:
        SourceMap.from_json(data, limits=limits)
    assert raised.value.limit == limit


def test_nesting_up_to_the_limit_is_read() -> None:
    assert at(SourceMap.from_json(nested(7)), 0, 0) == ("a", 0, 0)
