"""Real builds: every frame of every recorded crash equals the independent resolver's answer."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from symbolicate.formats.container import ContainerType, write_container
from symbolicate.formats.js_data import read_js_data
from symbolicate.formats.source_map import SourceMap
from symbolicate.languages.language import Language
from symbolicate.languages.node_javascript import NodeJavaScript
from symbolicate.languages.web_javascript import WebJavaScript
from symbolicate.outcome import FramePart, Resolved
from symbolicate.raw_frame import read_raw_frame

FIXTURES = Path(__file__).parents[3] / "fixtures"
CRASHES = sorted(FIXTURES.glob("js-*/out/**/crash.json"))
LANGUAGES: dict[str, Language] = {
    "web:javascript": WebJavaScript(),
    "node:javascript": NodeJavaScript(),
}

Frame = dict[str, Any]


@cache
def opened(script: Path) -> SourceMap:
    data = write_container(
        ContainerType.SOURCE_AND_MAP,
        source=script.read_bytes(),
        map=script.with_name(script.name + ".map").read_bytes(),
    )
    return read_js_data(data).map


def application_frames(crash: Path) -> list[Frame]:
    errors = json.loads(crash.read_text())
    return [frame for error in errors for frame in error["frames"] if frame["expected"]]


def explain(crash: Path, frame: Frame, platform: str) -> FramePart:
    script = crash.with_name(Path(frame["file"]).name)
    raw = {
        "platform": platform,
        "function": frame["function"] or "?",
        "filename": frame["file"],
        "lineno": frame["line"],
        "colno": frame["column"],
        "chunk_id": "c",
    }
    (outcome,) = LANGUAGES[platform].resolve([read_raw_frame(raw)], opened(script))
    assert isinstance(outcome, Resolved)
    (part,) = outcome.parts
    return part


def test_there_are_recorded_crashes() -> None:
    assert len(CRASHES) >= 4
    assert all(application_frames(crash) for crash in CRASHES)


names = [str(crash.parent.relative_to(FIXTURES)) for crash in CRASHES]


@pytest.mark.parametrize("platform", LANGUAGES)
@pytest.mark.parametrize("crash", CRASHES, ids=names)
def test_every_frame_equals_the_independent_answer(crash: Path, platform: str) -> None:
    for frame in application_frames(crash):
        part, expected = explain(crash, frame, platform), frame["expected"]
        assert (part.source, part.line, part.column) == (
            expected["source"],
            expected["line"],
            expected["column"],
        )


@pytest.mark.parametrize("crash", CRASHES, ids=names)
def test_every_frame_shows_its_own_line(crash: Path) -> None:
    for frame in application_frames(crash):
        part = explain(crash, frame, "web:javascript")
        assert part.context is not None
        assert part.context.to_wire()["line"]["number"] == part.line
        source = FIXTURES / "js-app" / re.sub(r"^(\.\./)+", "", part.source or "")
        if not source.exists():
            source = FIXTURES / "js-browser" / re.sub(r"^(\.\./)+", "", part.source or "")
        assert part.line is not None
        lines = source.read_text().split("\n")
        assert part.context.to_wire()["line"]["line"] == lines[part.line - 1]


def bare(function: str) -> str:
    """The last part of a name, without what engines and maps put before it."""
    name = re.sub(r"^(async |new )+", "", function).rsplit(".", 1)[-1]
    return name.removeprefix("_").removeprefix("#")


@pytest.mark.parametrize("crash", CRASHES, ids=names)
def test_every_function_that_the_engine_named_has_its_name(crash: Path) -> None:
    for frame in application_frames(crash):
        truth = frame["truth"] and frame["truth"]["function"]
        if truth and "<anonymous>" not in truth:
            part = explain(crash, frame, "web:javascript")
            assert part.resolved_name is not None
            assert bare(part.resolved_name) == bare(truth)
