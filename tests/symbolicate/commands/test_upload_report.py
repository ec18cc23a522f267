"""What an upload shows: a bar on a terminal, every line on stdout, and nothing that is obeyed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from symbolicate.commands.upload_report import UploadReport
from symbolicate.commands.uploader import FileOutcome, Status

Capture = pytest.CaptureFixture[str]
FILE = FileOutcome(Path("a.js"), "uploaded", None, "id")


def shown(*outcomes: FileOutcome, as_json: bool = False) -> int:
    with UploadReport(len(outcomes), as_json=as_json) as report:
        for outcome in outcomes:
            report.add(outcome)
    return report.close("r1")


def test_lines_come_while_it_runs_where_there_is_no_terminal(capsys: Capture) -> None:
    with UploadReport(2, as_json=False) as report:
        report.add(FILE)
        assert capsys.readouterr() == ("a.js: uploaded\n", "")


def test_a_terminal_gets_a_bar_on_stderr_and_the_lines_when_it_is_gone(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with UploadReport(1, as_json=False) as report:
        report.add(FILE)
        assert capsys.readouterr().out == ""
    assert report.close(None) == 0
    out, err = capsys.readouterr()
    assert out == "a.js: uploaded\n1 uploaded, 0 present, 0 skipped, 0 failed\n"
    assert "1/1" in err


def test_json_is_one_document_and_no_bar(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(FILE, FileOutcome(Path("b.js"), "failed", "why"), as_json=True) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "release_id": "r1",
        "counts": {"uploaded": 1, "present": 0, "skipped": 0, "failed": 1},
        "files": [
            {"path": "a.js", "outcome": "uploaded", "chunk_id": "id"},
            {"path": "b.js", "outcome": "failed", "why": "why"},
        ],
    }


def test_what_was_written_is_told_before_what_was_sent(capsys: Capture) -> None:
    file = FileOutcome(Path("a.js"), "uploaded", None, "id", "injected")
    shown(file)
    assert capsys.readouterr().out.splitlines()[0] == "a.js: injected, uploaded"
    shown(file, as_json=True)
    (wire,) = json.loads(capsys.readouterr().out)["files"]
    assert wire["change"] == "injected"


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["uploaded"], 0),
        (["present"], 0),
        (["would be uploaded"], 0),
        (["uploaded", "skipped"], 0),
        (["uploaded", "failed"], 1),
        (["skipped"], 1),
        ([], 1),
    ],
)
def test_the_exit_code_says_whether_all_is_there(statuses: list[Status], code: int) -> None:
    assert shown(*(FileOutcome(Path("a.js"), status) for status in statuses)) == code


def test_what_a_terminal_would_obey_is_not_printed(capsys: Capture) -> None:
    shown(FileOutcome(Path("a\x1b[2J.js"), "failed", "evil\x1b]0;x\x07\nline"))
    assert capsys.readouterr().out.splitlines()[0] == "a[2J.js: failed: evil]0;xline"
