"""The demo's report: every answer is held against the truth, and the picture fits its width."""

import copy
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from symbolicate.demo import run as demo
from symbolicate.demo.recording import RecordedFrame
from symbolicate.demo.replay import Report
from symbolicate.demo.report import Excerpt, picture

LAST_LINE = "resolved 67 of 68 frames"


@pytest.fixture
def report(made: Report) -> Report:
    """Gives a report that a test may spoil."""
    return replace(made, items=copy.deepcopy(made.items))


def text_of(report: Report, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    console.print(picture(report))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def with_truth(report: Report) -> RecordedFrame:
    return next(frame for frame in report.recording.frames if frame.truth is not None)


@contextmanager
def no_server() -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(address="http://127.0.0.1:1", pid=1)


@pytest.mark.parametrize(
    ("spoiled", "code", "resolved"),
    [({}, 0, 67), ({"line": 1}, 1, 66), ({"source": "x.ts"}, 1, 66), ({"column": 99}, 1, 66)],
    ids=["right", "wrong line", "wrong source", "wrong column"],
)
def test_one_frame_that_differs_from_the_truth_fails_the_demo(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    report: Report,
    spoiled: Mapping[str, Any],
    code: int,
    resolved: int,
) -> None:
    counted = [frame.raw_id for frame in report.recording.frames]
    once = next(f for f in report.recording.frames if f.truth and counted.count(f.raw_id) == 1)
    report.items[once.raw_id]["contents"].update(spoiled)
    monkeypatch.setattr(demo, "demo_server", no_server)
    monkeypatch.setattr(demo, "admit", lambda _server: None)
    monkeypatch.setattr(demo, "replay", lambda *_given: report)
    assert demo.run_demo() == code
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1] == f"resolved {resolved} of 68 frames"
    assert ("in truth src/" in shown) is bool(spoiled)


def test_an_unresolved_frame_is_no_place(report: Report) -> None:
    frame = with_truth(report)
    report.items[frame.raw_id]["contents"]["resolved"] = False
    assert report.place_of(frame) is None
    assert frame in report.untrue()


@pytest.mark.parametrize("width", [40, 80, 100, 112])
def test_the_picture_fits_its_width(report: Report, width: int) -> None:
    shown = text_of(report, width).splitlines()
    assert max(map(cell_len, shown)) <= width
    assert shown[-1] == LAST_LINE


def test_the_picture_does_without_context(report: Report) -> None:
    for item in report.items.values():
        item["context"] = None
    assert "lineTotal" in text_of(report)


@pytest.mark.parametrize(
    ("line", "column", "under"),
    [
        ("const a = b.c;", 13, "c"),
        ("\tthrow e;", 2, "t"),
        ("'🛒🎉' + x", 10, "x"),
        ("'日本' + x", 8, "x"),
        ("x" * 300 + "!" + "y" * 300, 301, "!"),
        ("a", 1, "a"),
        ("ab", 3, " "),
    ],
    ids=["plain", "tab", "astral", "wide", "cut on both sides", "first", "past the end"],
)
def test_the_mark_stands_under_its_column(line: str, column: int, under: str) -> None:
    console = Console(width=60, file=io.StringIO(), highlight=False)
    console.print(Excerpt(Text("    1 "), line, column, "red"))
    assert isinstance(console.file, io.StringIO)
    code, mark = console.file.getvalue().splitlines()
    at = cell_len(mark.rstrip()) - 1
    assert cell_len(code) <= 60
    assert mark.strip() == "▲"
    assert cell_at(code, at) == under


def cell_at(text: str, at: int) -> str:
    for end in range(len(text)):
        if cell_len(text[:end]) == at:
            return text[end]
    return " "
