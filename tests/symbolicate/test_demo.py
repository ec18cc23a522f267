"""`symbolicate demo` as people run it: a real server, recorded crashes, and nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from rich.cells import cell_len

from symbolicate.demo import run as demo
from symbolicate.demo import server as demo_server
from symbolicate.demo.recording import raw_id_of, read_recording
from symbolicate.demo.replay import Report
from symbolicate.demo.server import DemoFailed, DemoServer

COMMAND = [sys.executable, "-P", "-m", "symbolicate", "demo"]
LAST_LINE = "resolved 67 of 68 frames"
ITEM_KEYS = {"id", "raw_id", "created_at", "contents", "resolved", "context", "symbol_set_ref"}
PATIENCE_S = 90


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name not in ("FORCE_COLOR", "CI")}
    return {**kept, "TMPDIR": str(folder), "COLUMNS": "80", **more}


def run(folder: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *options],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(folder, **more),
        cwd=folder,
        timeout=PATIENCE_S,
    )


def pid_of_server(said: str) -> int:
    found = re.search(r"\(pid (\d+)\)", said)
    assert found is not None, said
    return int(found[1])


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Runs the demo with its output piped, in an environment that names other records."""
    folder = tmp_path_factory.mktemp("demo")
    done = run(
        folder,
        SYMBOLICATE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere",
        http_proxy="http://127.0.0.1:1",
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    return done


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Runs the demo for its JSON."""
    done = run(tmp_path_factory.mktemp("demo"), "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_last_line_counts_the_frames_resolved(
    printed: subprocess.CompletedProcess[str],
) -> None:
    assert printed.stdout.splitlines()[-1] == LAST_LINE


def test_piped_output_has_no_colour_and_keeps_to_80_columns(
    printed: subprocess.CompletedProcess[str],
) -> None:
    assert "\x1b" not in printed.stdout
    assert max(map(cell_len, printed.stdout.splitlines())) <= 80


def test_progress_goes_to_stderr_alone(printed: subprocess.CompletedProcess[str]) -> None:
    steps = [line.split()[0] for line in printed.stderr.splitlines()]
    assert steps == ["server", "uploaded", "sent", "looked"]
    assert "listening" not in printed.stdout


def test_the_server_is_gone_at_the_end(printed: subprocess.CompletedProcess[str]) -> None:
    assert not is_running(pid_of_server(printed.stderr))


@pytest.mark.parametrize(
    "pattern",
    [
        r"c +app\.js:1:400 +→ lineTotal +src/math\.ts:17:30",
        r"n\.total +app\.js:1:580 +→ Cart\.total +src/cart\.ts:15:8",
        r"Array\.map +<anonymous> += Array\.map +as sent",
        r"❱  17   const pct = item\.discount!\.pct;",
        r"\? +banner\.js:1:205 +✗ unresolved +no_symbol_set",
        r"why +No sourcemap uploaded for chunk id:",
        r"next +upload its source map under this chunk id",
        r"release shop 1\.2\.3",
        r"browser\.js +esbuild, Chromium +29 +29 of 29 +29 of 29",
    ],
)
def test_the_picture_shows(printed: subprocess.CompletedProcess[str], pattern: str) -> None:
    assert re.search(pattern, printed.stdout)


def test_json_is_one_object_of_the_frames_that_have_a_chunk_id_and_a_location(
    answered: dict[str, Any],
) -> None:
    assert set(answered) == {"resolved", "total", "frames"}
    assert (answered["resolved"], answered["total"]) == (67, 68)
    assert len(answered["frames"]) == 68
    for item in answered["frames"]:
        assert {"chunk_id", "lineno", "colno"} <= set(item["raw_frame"])
        assert set(item) >= ITEM_KEYS
        assert item["raw_id"] == raw_id_of(item["raw_frame"])


def test_json_holds_the_recorded_answers_in_order(answered: dict[str, Any]) -> None:
    recorded = read_recording().frames
    for frame, item in zip(recorded, answered["frames"], strict=True):
        contents = item["contents"]
        assert item["raw_frame"] == frame.raw
        assert item["resolved"] is (frame.expected is not None)
        if frame.expected is not None:
            assert tuple(contents[key] for key in ("source", "line", "column")) == frame.expected
            assert frame.truth in (None, frame.expected)


def test_server_and_library_answer_alike(answered: dict[str, Any], made: Report) -> None:
    for item in answered["frames"]:
        assert item["contents"] == made.items[item["raw_id"]]["contents"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_keep_goes_on_serving_until_it_is_ended_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        [*COMMAND, "--keep"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(tmp_path),
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        try:
            for line in iter(process.stderr.readline, ""):
                said += line
                if "curl" in line:
                    break
            assert fetched(said)["count"] == 61
        finally:
            process.send_signal(number)
            process.wait(PATIENCE_S)
        assert process.returncode == code, said
    assert not is_running(pid_of_server(said))
    assert list(tmp_path.iterdir()) == []


def fetched(said: str) -> dict[str, Any]:
    """Does what the example that `--keep` prints does."""
    found = re.search(r"curl -H '(.*?): (.*?)' (http\S+)", said)
    assert found is not None, said
    opener = build_opener(ProxyHandler({}))
    opener.addheaders = [(found[1], found[2])]
    with opener.open(found[3]) as answer:
        content: dict[str, Any] = json.load(answer)
    return content


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('no luck today')", "the server did not start: no luck today"),
        ("print('hello')", "the server did not start: it said nothing"),
    ],
)
def test_a_server_that_does_not_start_ends_the_demo_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    program: str,
    said: str,
) -> None:
    monkeypatch.setattr(demo_server, "_COMMAND", (sys.executable, "-c", program))
    assert demo.run_demo() == 1
    assert capsys.readouterr() == ("", f"demo failed: {said}\n")


def test_a_server_that_never_gets_ready_is_given_up_and_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waiting = (sys.executable, "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(demo_server, "_COMMAND", waiting)
    monkeypatch.setattr(demo_server, "START_SECONDS", 0.05)
    server = DemoServer(tmp_path)
    with pytest.raises(DemoFailed, match=r"not ready within 0\.05 s"), server:
        pass
    assert server.pid is not None
    assert not is_running(server.pid)


def test_a_refused_request_is_told_with_its_answer(tmp_path: Path) -> None:
    with DemoServer(tmp_path) as server, pytest.raises(DemoFailed, match="answered 404"):
        server.send("GET", "/nothing/here", {}, b"")


def test_a_failed_command_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match=r"(?s)keys create --team 0: .*Error: A team id is"):
        DemoServer(tmp_path).command("keys", "create", "--team", "0")


def test_a_missing_extra_is_wrong_usage_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _name: None)
    assert demo.run_demo() == 2
    assert "pip install 'symbolicate[server]'" in capsys.readouterr().err
