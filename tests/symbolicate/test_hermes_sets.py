"""Hermes sets in the catalog: each kind of frame reads a set its own way, whoever comes first."""

from __future__ import annotations

import json
from typing import Any

import pytest

from symbolicate.formats.container import ContainerType, write_container

MAP = json.dumps(
    {
        "version": 3,
        "sources": ["src/cart.ts"],
        "sourcesContent": ["one\ntwo\nthree"],
        "names": [],
        "mappings": "KAEA",
        "x_facebook_sources": [[{"names": ["pay"], "mappings": "AAA"}]],
    }
).encode()


def hermes_set(source_map: bytes = MAP) -> bytes:
    return write_container(ContainerType.HERMES_MAP, payload=source_map)


def frame(**fields: Any) -> dict[str, Any]:
    plain = {"platform": "hermes", "function": "t", "filename": "app.hbc", "colno": 5}
    return {**plain, "chunk_id": "chunk", **fields}


def contents(wired: Any, *frames: dict[str, Any], make: Any) -> list[dict[str, Any]]:
    (outcome,) = wired.process(make.event(*frames))
    assert outcome.event is not None
    (exception,) = outcome.event["properties"]["$exception_list"]
    found: list[dict[str, Any]] = exception["stacktrace"]["frames"]
    return found


def test_a_hermes_frame_is_resolved_by_its_uploaded_map(wired: Any, make: Any) -> None:
    wired.add_bytes("chunk", hermes_set())
    (found,) = contents(wired, frame(), make=make)
    place = (found["source"], found["line"], found["column"], found["resolved_name"])
    assert place == ("src/cart.ts", 3, 1, "pay")
    assert found["resolved"]
    assert "resolve_failure" not in found


@pytest.mark.parametrize("hermes_first", [True, False])
def test_one_set_is_judged_by_each_kind_of_frame(wired: Any, make: Any, hermes_first: bool) -> None:
    wired.add_bytes("chunk", hermes_set())
    frames = [frame(), make.web()]
    for one in frames if hermes_first else reversed(frames):
        (found,) = contents(wired, one, make=make)
        assert found["resolved"] is (one["platform"] == "hermes")
        if not found["resolved"]:
            assert found["resolve_failure"].startswith("JSDataError: a container of type 3")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (hermes_set(b'{"version":3,"sources":[],"mappings":""}'), "Invalid map: neither x_"),
        (hermes_set(b"{"), "Invalid map: "),
        (None, "Data error: a container of type 2 cannot explain Hermes"),
    ],
    ids=["an ordinary map", "no map", "source and map"],
)
def test_an_unusable_set_is_worded_for_hermes(
    wired: Any, make: Any, data: bytes | None, sentence: str
) -> None:
    wired.add_bytes("chunk", make.script("app") if data is None else data)
    (found,) = contents(wired, frame(), make=make)
    assert found["failure_code"] == "malformed"
    assert found["resolve_failure"].startswith(sentence)
    assert (found["line"], found["column"]) == (1, 6)


def test_a_frame_without_a_column_waits_for_its_set(wired: Any, make: Any) -> None:
    no_column = frame(colno=None)
    (before,) = contents(wired, no_column, make=make)
    assert before["resolve_failure"] == "No sourcemap uploaded for chunk id: chunk"
    wired.add_bytes("chunk", hermes_set())
    wired.clock.turn(400)
    (after,) = contents(wired, no_column, make=make)
    assert (after["resolved"], after["resolved_name"]) == (True, "t")
    assert "line" not in after
