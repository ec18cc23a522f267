"""The demo's data is complete, small, and answered alike by a second resolver."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from symbolic.sourcemap import SourceMapView

Json = dict[str, Any]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
DEMO = FIXTURES / "demo"
DEMO_LIMIT = 300_000


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def view(path: Path) -> SourceMapView:
    return SourceMapView.from_json_bytes(Path(f"{path}.map").read_bytes())


def symbolic_says(path: Path, line: int, column: int) -> Json:
    token = view(path).lookup(line - 1, column - 1)
    assert token is not None
    return {"source": token.src, "line": token.src_line + 1, "column": token.src_col + 1}


def events(requests: list[Json]) -> Iterator[Json]:
    for request in requests:
        yield from request["body"]["batch"]


def sdk_frames(event: Json) -> Iterator[tuple[int, int, Json]]:
    for i, exception in enumerate(event["properties"].get("$exception_list", ())):
        for j, frame in enumerate(exception["stacktrace"]["frames"]):
            yield i, j, frame


@pytest.fixture(scope="module")
def expected() -> Json:
    value: Json = load(DEMO / "expected.json")
    return value


@pytest.fixture(scope="module")
def requests() -> list[Json]:
    value: list[Json] = load(DEMO / "events.json")
    return value


def test_demo_data_is_small_and_holds_no_code() -> None:
    assert sum(path.stat().st_size for path in DEMO.glob("*.*")) < DEMO_LIMIT
    assert [path.name for path in DEMO.rglob("*.py")] == ["__init__.py"]
    (docstring,) = ast.parse((DEMO / "__init__.py").read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr)


def test_demo_names_every_frame_with_a_chunk_id_and_a_location(
    expected: Json, requests: list[Json]
) -> None:
    recorded = [
        (event["uuid"], i, j, frame["chunk_id"], frame["lineno"], frame["colno"])
        for event in events(requests)
        for i, j, frame in sdk_frames(event)
        if {"chunk_id", "lineno", "colno"} <= set(frame)
    ]
    keys = ("event_uuid", "exception", "frame", "chunk_id", "lineno", "colno")
    assert [tuple(frame[key] for key in keys) for frame in expected["frames"]] == recorded
    assert len(set(recorded)) == 68


def test_demo_resolves_67_of_68_frames_and_knows_the_truth_of_65(expected: Json) -> None:
    frames = expected["frames"]
    assert sum(frame["expected"] is not None for frame in frames) == 67
    truths = [frame for frame in frames if frame["truth"] is not None]
    assert len(truths) == 65
    assert all(frame["truth"] == frame["expected"] for frame in truths)


def test_demo_leaves_one_frame_without_its_symbol_set(expected: Json) -> None:
    (absent,) = [s for s in expected["symbol_sets"] if not s["uploaded"]]
    (frame,) = [f for f in expected["frames"] if f["chunk_id"] == absent["chunk_id"]]
    assert (
        frame["expected"] is frame["truth"] is absent["source_file"] is absent["map_file"] is None
    )


def test_symbolic_agrees_with_every_demo_answer(expected: Json) -> None:
    files = {s["chunk_id"]: s["source_file"] for s in expected["symbol_sets"] if s["uploaded"]}
    for frame in expected["frames"]:
        if frame["expected"] is not None:
            bundle = DEMO / files[frame["chunk_id"]]
            assert symbolic_says(bundle, frame["lineno"], frame["colno"]) == frame["expected"]


def test_demo_bundles_hold_the_chunk_ids_they_are_uploaded_under(expected: Json) -> None:
    uploaded = [s for s in expected["symbol_sets"] if s["uploaded"]]
    assert len(uploaded) == 3
    for symbol_set in uploaded:
        text = (DEMO / symbol_set["source_file"]).read_text(encoding="utf-8")
        assert f'"{symbol_set["chunk_id"]}"' in text
        assert (DEMO / symbol_set["map_file"]).is_file()


@pytest.mark.parametrize(
    ("copy", "original"),
    [
        ("esbuild", "js-esbuild/out/chunk-id/app.js"),
        ("rollup-plugin", "js-rollup-plugin/out/event/app.mjs"),
        ("browser", "js-browser/out/app.js"),
    ],
)
def test_demo_bundles_are_copies_of_the_fixtures(copy: str, original: str) -> None:
    for suffix in ("", ".map"):
        twin = FIXTURES / f"{original}{suffix}"
        assert (DEMO / f"{copy}.js{suffix}").read_bytes() == twin.read_bytes()


def test_demo_requests_are_copies_of_the_recordings(requests: list[Json]) -> None:
    recordings = [
        {name: request[name] for name in ("path", "headers", "body")}
        for file in (
            "sdk-node/esbuild-chunk-id.json",
            "sdk-node/rollup-plugin-event.json",
            "js-browser/out/requests.json",
            "sdk-python/chained.json",
        )
        for request in load(FIXTURES / file)
    ]
    assert requests == recordings
