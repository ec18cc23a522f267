"""Real Hermes stacks: our answers, metro-symbolicate's, and the unminified run agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from symbolicate import SourceMap
from symbolicate.formats.hermes_map import read_hermes_map
from symbolicate.languages.hermes import Hermes
from symbolicate.outcome import FramePart, Resolved
from symbolicate.raw_frame import read_raw_frame

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
OUT = FIXTURES / "hermes-metro/out"
CRASHES: list[dict[str, Any]] = json.loads((OUT / "crash.json").read_text("utf-8"))
TRUTH = {
    crash["label"]: crash["frames"]
    for crash in json.loads((FIXTURES / "js-app/truth.json").read_text("utf-8"))
}
FRAMES = 63
AFTER_AN_AWAIT = {"async-carterror": 2}
"""Callers of the unminified run that Hermes forgets: it keeps no stack over an `await`."""


def parts_of(crash: dict[str, Any], symbols: SourceMap) -> list[FramePart | None]:
    submissions = [
        read_raw_frame(
            {
                "platform": "hermes",
                "function": frame["function"],
                "filename": "app.hbc",
                "colno": frame["offset"],
                "chunk_id": "c",
            }
        )
        for frame in crash["frames"]
    ]
    outcomes = Hermes().resolve(submissions, symbols)
    return [each.parts[0] if isinstance(each, Resolved) else None for each in outcomes]


@pytest.fixture(scope="module", params=["parsed", "opened"])
def symbols(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SourceMap:
    parsed = read_hermes_map((OUT / "app.hbc.map").read_bytes())
    if request.param == "parsed":
        return parsed
    path = tmp_path_factory.mktemp("compiled") / "app.jsmc"
    parsed.save(path)
    return SourceMap.open(path)


def test_every_bytecode_frame_of_the_stacks_is_listed() -> None:
    for crash in CRASHES:
        offsets = re.findall(r"\(address at app\.hbc:1:(\d+)\)", crash["stack"])
        assert [int(offset) for offset in offsets] == [f["offset"] for f in crash["frames"]]
    assert sum(len(crash["frames"]) for crash in CRASHES) == FRAMES


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash["label"])
def test_metro_symbolicate_agrees_with_every_frame(
    crash: dict[str, Any], symbols: SourceMap
) -> None:
    found = [
        part
        and {
            "source": part.source,
            "line": part.line,
            "column": part.column,
            "name": part.resolved_name,
        }
        for part in parts_of(crash, symbols)
    ]
    assert found == [frame["expected"] for frame in crash["frames"]]


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash["label"])
def test_the_lines_of_the_unminified_run_come_out_in_order(
    crash: dict[str, Any], symbols: SourceMap
) -> None:
    places = iter(
        (part.source, part.line) for part in parts_of(crash, symbols) if part and part.source
    )
    truth = TRUTH[crash["label"]]
    for frame in truth[: len(truth) - AFTER_AN_AWAIT.get(crash["label"], 0)]:
        assert (frame["source"], frame["line"]) in places
