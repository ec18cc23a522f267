from __future__ import annotations

import json
from typing import Any

from symbolicate.formats.source_map import SourceMap


def recorded(**fields: Any) -> dict[str, Any]:
    document = {"version": 3, "sources": ["a.js"], "names": ["n"], "mappings": "", **fields}
    return SourceMap.from_json(json.dumps(document).encode(), strict=True).record()


def test_mappings_say_where_they_come_from_and_go_to() -> None:
    assert recorded(mappings="AACEA,E;C")["mappings"] == [
        {
            "generatedPosition": {"line": 0, "column": 0},
            "originalPosition": {"sourceIndex": 0, "line": 1, "column": 2},
            "name": "n",
        },
        {
            "generatedPosition": {"line": 0, "column": 2},
            "originalPosition": None,
            "name": None,
        },
        {
            "generatedPosition": {"line": 1, "column": 1},
            "originalPosition": None,
            "name": None,
        },
    ]


def test_sources_say_their_content_and_whether_they_are_ignored() -> None:
    record = recorded(sources=["a", None], sourceRoot="r", sourcesContent=["text"], ignoreList=[1])
    assert record["sources"] == [
        {"url": "r/a", "content": "text", "ignored": False},
        {"url": None, "content": None, "ignored": True},
    ]


def test_file_and_debug_id() -> None:
    record = recorded(file="x.js", debugId="85314830-023f-4cf1-a267-535f4e37bb17")
    assert record["file"] == "x.js"
    assert record["debugId"] == "85314830-023f-4cf1-a267-535f4e37bb17"
    assert (recorded()["file"], recorded()["debugId"]) == (None, None)


def test_scopes_and_ranges_only_where_the_map_has_them() -> None:
    plain = recorded()
    assert "ranges" not in plain
    assert "scope" not in plain["sources"][0]
    scoped = recorded(scopes="BFAAA,CBA,ECAA,FK")
    assert scoped["sources"][0]["scope"]["name"] == "n"
    assert scoped["ranges"][0]["definitionIndex"] == 0
    assert recorded(scopes="")["ranges"] == []


def test_range_mappings_are_recorded_where_they_start() -> None:
    record = recorded(mappings="CAAE", rangeMappings="B")
    assert record["mappings"][0]["originalPosition"] == {"sourceIndex": 0, "line": 0, "column": 2}
