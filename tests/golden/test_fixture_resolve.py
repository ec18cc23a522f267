"""`symbolicate resolve` on the recorded crashes: every frame comes out where the oracle says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from symbolicate.cli import main

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
BUNDLES = [
    "js-esbuild/out/plain/app.js",
    "js-esbuild/out/chunk-id/app.js",
    "js-rollup/out/plain/app.mjs",
    "js-rollup/out/chunk-id/app.mjs",
    "js-rollup-plugin/out/event/app.mjs",
    "js-browser/out/app.js",
]
PLACE = ("source", "line", "column")


def v8_text(crash: dict[str, Any]) -> str:
    """Writes a crash as V8 printed it; the fixtures keep its frames, read by another parser."""
    lines = [f"{crash['type']}: {crash['message']}"]
    for frame in crash["frames"]:
        place = "<anonymous>"
        if frame["file"] is not None:
            place = f"{frame['file']}:{frame['line']}:{frame['column']}"
            if not place.startswith("node:"):
                place = f"https://x.test/static/{place}"
        lines.append(
            f"    at {place}"
            if frame["function"] is None
            else f"    at {frame['function']} ({place})"
        )
    return "\n".join(lines)


def gecko_text(crash: dict[str, Any]) -> str:
    return "\n".join(
        f"{frame['function'] or ''}@https://x.test/{frame['file']}:{frame['line']}:{frame['column']}"
        for frame in crash["frames"]
        if frame["file"] is not None
    )


def resolved(map_file: Path, text: str, code: int = 0) -> list[dict[str, Any]]:
    result = CliRunner().invoke(main, ["resolve", "--map", str(map_file), "--json"], input=text)
    assert result.exit_code == code, result.stderr
    frames: list[dict[str, Any]] = json.loads(result.stdout)["frames"]
    return frames


def bare(function: str | None) -> str:
    return (function or "").rpartition(".")[2]


@pytest.mark.parametrize("form", ["map", "script"])
@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_pasted_v8_stack_comes_out_as_the_oracle_says(bundle: str, form: str) -> None:
    path = FIXTURES / bundle
    for crash in json.loads((path.parent / "crash.json").read_text("utf-8")):
        map_file = path if form == "script" else Path(f"{path}.map")
        frames = resolved(map_file, v8_text(crash))
        assert len(frames) == len(crash["frames"])
        for frame, recorded in zip(frames, crash["frames"], strict=True):
            expected = recorded["expected"]
            found = {name: frame[name] for name in PLACE} if "source" in frame else None
            assert found == (expected and {name: expected[name] for name in PLACE})
            named = recorded["truth"] and recorded["truth"]["function"]
            if named and "<anonymous>" not in named:
                assert bare(frame["name"]) == bare(named)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_pasted_gecko_stack_comes_out_the_same(bundle: str) -> None:
    path = FIXTURES / bundle
    for crash in json.loads((path.parent / "crash.json").read_text("utf-8")):
        recorded = [frame for frame in crash["frames"] if frame["file"] == path.name]
        text = gecko_text({**crash, "frames": recorded})
        places = [{name: frame[name] for name in PLACE} for frame in resolved(path, text)]
        assert places == [{name: f["expected"][name] for name in PLACE} for f in recorded]


def test_a_pasted_hermes_stack_comes_out_as_metro_says() -> None:
    out = FIXTURES / "hermes-metro/out"
    for crash in json.loads((out / "crash.json").read_text("utf-8")):
        expected = [frame["expected"] for frame in crash["frames"]]
        frames = resolved(out / "app.hbc.map", crash["stack"], int(None in expected))
        answered = [f for f in frames if "source" in f or "failure" in f]
        found = [
            {**{name: frame[name] for name in PLACE}, "name": frame["name"]}
            if "source" in frame
            else None
            for frame in answered
        ]
        assert found == expected


def test_recorded_events_resolve_whole() -> None:
    requests = json.loads((FIXTURES / "sdk-node/esbuild-chunk-id.json").read_text("utf-8"))
    events = [event for request in requests for event in request["body"]["batch"]]
    out = FIXTURES / "js-esbuild/out/chunk-id"
    frames = resolved(out / "app.js.map", json.dumps(events), 1)
    wanted = [frame for frame in frames if "chunk_id" in frame["raw"]]
    assert len(wanted) == 19
    crashes = json.loads((out / "crash.json").read_text("utf-8"))
    known = {
        (frame["line"], frame["column"]): frame["expected"]
        for crash in crashes
        for frame in crash["frames"]
    }
    for frame in wanted:
        expected = known[frame["raw"]["lineno"], frame["raw"]["colno"]]
        assert {name: frame[name] for name in PLACE} == {name: expected[name] for name in PLACE}
