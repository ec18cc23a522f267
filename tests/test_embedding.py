"""The examples of `docs/embedding.md` are run, and they print what the page promises."""

from __future__ import annotations

import asyncio
import json
import os
import re
import runpy
import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import nats
import pytest

from symbolicate import Outcome, Symbolicator

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
TEAM = 1
PATIENCE_SECONDS = 60
CODE_LINES = 70
LINE_TOTAL = ("lineTotal", "../src/math.ts", 17)
"""What a frame of the demo's bundle was, by the map that lies beside it."""

Json = dict[str, Any]
Start = Callable[..., "subprocess.Popen[str]"]


def event(name: str, column: int = 400) -> Json:
    """Makes an event that crashed in the demo's bundle; one name gives one uuid."""
    frame: Json = {
        "platform": "web:javascript",
        "function": "c",
        "filename": "https://x.test/app.js",
    }
    frame |= {"lineno": 1, "colno": column, "chunk_id": "my-bundle-1"}
    stack = {"type": "raw", "frames": [frame]}
    listed = [{"type": "Error", "value": "x", "stacktrace": stack}]
    named = {"uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, name)), "event": "$exception"}
    return {**named, "properties": {"$exception_list": listed}}


def place(outcome: Json) -> tuple[str, str, int]:
    """Tells where the one frame of an event that went well was written."""
    (exception,) = outcome["event"]["properties"]["$exception_list"]
    (frame,) = exception["stacktrace"]["frames"]
    return frame["resolved_name"], frame["source"], frame["line"]


def counted(data_dir: Path) -> int:
    """Sums the events that issues were counted up by."""
    with sqlite3.connect(data_dir / "symbolicate.db") as connection:
        (events,) = connection.execute("SELECT sum(events) FROM issue_day").fetchone()
    connection.close()
    return int(events or 0)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Gives a data directory whose team has the demo's bundle."""
    folder = tmp_path / "shop-data"
    demo = ROOT / "fixtures/demo"
    source, written = (demo / "browser.js").read_bytes(), (demo / "browser.js.map").read_bytes()
    with Symbolicator.open(folder) as symbolicator:
        symbolicator.add_symbol_set(TEAM, "my-bundle-1", source=source, map=written)
    return folder


@pytest.fixture
def start(data_dir: Path) -> Iterator[Start]:
    """Starts examples, and ends those that still run when the test is over."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SYMBOLICATE")}
    environment = {**kept, "SYMBOLICATE_DATA_DIR": str(data_dir), "no_proxy": "127.0.0.1"}
    started: list[subprocess.Popen[str]] = []

    def one(name: str, *arguments: str, **given: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error::ResourceWarning", str(EXAMPLES / name), *arguments]
        given.setdefault("stdout", subprocess.PIPE)
        started.append(subprocess.Popen(command, env=environment, text=True, **given))
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.communicate()


def loop_over(start: Start, data_dir: Path, lines: Sequence[str]) -> list[Json]:
    process = start("plain_loop.py", str(data_dir), str(TEAM), stdin=subprocess.PIPE)
    shown, _ = process.communicate("".join(f"{line}\n" for line in lines), PATIENCE_SECONDS)
    assert process.returncode == 0
    return [json.loads(line) for line in shown.splitlines()]


def test_the_page_names_every_example_and_every_example_is_short() -> None:
    page = (DOCS / "embedding.md").read_text("utf-8")
    examples = sorted(EXAMPLES.glob("*.py"))
    assert {f"examples/{path.name}" for path in examples} == set(
        re.findall(r"\]\((examples/[^)]+)\)", page)
    )
    for path in examples:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        assert len(lines) <= CODE_LINES, path.name
        assert 'if __name__ == "__main__":' in lines


def test_links_of_the_page_lead_somewhere() -> None:
    page = (DOCS / "embedding.md").read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (DOCS / target).exists(), target


def test_the_page_names_only_settings_and_methods_that_there_are() -> None:
    page = (DOCS / "embedding.md").read_text("utf-8")
    settings = (DOCS / "settings.md").read_text("utf-8")
    for name in set(re.findall(r"SYMBOLICATE_[A-Z_]+", page)):
        assert f"| `{name}` |" in settings, name
    for method in set(re.findall(r"`([a-z_]+)\(", page)):
        assert hasattr(Symbolicator, method), method


def test_a_plain_loop_prints_one_outcome_an_event_and_no_bad_one_harms_another(
    start: Start, data_dir: Path
) -> None:
    deep = "[" * 100_000
    lines = [json.dumps(event("a")), "no JSON", json.dumps({"event": "$pageview"}), deep]
    outcomes = loop_over(start, data_dir, [*lines, json.dumps(event("b"))])
    statuses = [outcome["status"] for outcome in outcomes]
    assert statuses == ["ok", "invalid", "invalid", "invalid", "ok"]
    assert outcomes[2]["reason"] == "wrong_event_type"
    assert [place(outcomes[n]) for n in (0, 4)] == [LINE_TOTAL] * 2


def test_an_event_that_comes_again_is_answered_alike_and_counted_once(
    start: Start, data_dir: Path
) -> None:
    lines = [json.dumps(event("a")), json.dumps(event("b")), json.dumps(event("a"))]
    first = loop_over(start, data_dir, lines)
    assert first[0] == first[2] != first[1]
    assert loop_over(start, data_dir, lines) == first
    assert counted(data_dir) == 2


def test_processes_that_share_a_database_count_an_event_once_between_them(
    start: Start, data_dir: Path
) -> None:
    lines = [json.dumps(event(str(n), column=400 + n % 7)) for n in range(250)]
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda _: loop_over(start, data_dir, lines), range(3)))
    assert runs[0] == runs[1] == runs[2]
    assert {outcome["status"] for outcome in runs[0]} == {"ok"}
    assert counted(data_dir) == len(lines)


class Flaky:
    """Stands for a `Symbolicator` whose store is away for the first calls."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.asked: list[list[Any]] = []

    def process(self, _team_id: int, events: list[Any]) -> list[Outcome]:
        self.asked.append(events)
        if len(self.asked) > self.away:
            return [Outcome("ok", None, {"was": one}) for one in events]
        made = [Outcome("retry", "dependency_unavailable"), *[Outcome("dropped")] * 9]
        return made[: len(events)]


@pytest.mark.parametrize(("away", "status"), [(0, "ok"), (1, "ok"), (4, "ok"), (5, "retry")])
def test_a_plain_loop_tries_again_only_what_is_to_be_tried_again(
    away: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    settled = runpy.run_path(str(EXAMPLES / "plain_loop.py"))["settled"]
    symbolicator = Flaky(away)
    outcomes = settled(symbolicator, TEAM, ["a", "b", "c"])
    rest = ["ok", "ok"] if away == 0 else ["dropped", "dropped"]
    assert [outcome.status for outcome in outcomes] == [status, *rest]
    assert symbolicator.asked == [["a", "b", "c"], *[["a"]] * min(away, 4)]
    assert len(waits) == min(away, 4)


def test_an_asyncio_service_answers_many_callers_and_closes_cleanly(
    start: Start, data_dir: Path, free_port: int
) -> None:
    process = start("asyncio_service.py", str(free_port), stderr=subprocess.PIPE)
    assert process.stderr is not None
    wait_for(process.stderr, "Uvicorn running")
    with httpx.Client(base_url=f"http://127.0.0.1:{free_port}", trust_env=False) as client:
        bodies = [[event(f"{n}"), "bad", event("same")] for n in range(24)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda body: client.post("/events", json=body), bodies))
        assert {answer.status_code for answer in answers} == {200}
        for ok, bad, same in (answer.json() for answer in answers):
            assert (place(ok), bad["status"], place(same)) == (LINE_TOTAL, "invalid", LINE_TOTAL)
        (frame,) = ok["event"]["properties"]["$exception_list"][0]["stacktrace"]["frames"]
        for body in (b"5", b"{", b"{}", b"[NaN]", b"[" * 9000, b"\xff"):
            assert client.post("/events", content=body).status_code == 400
        odd = json.dumps([{**event("0"), "note": "\ud800"}]).encode()
        (outcome,) = client.post("/events", content=odd).json()
        assert place(outcome) == LINE_TOTAL
        shown = client.get("/frames", params={"id": frame["raw_id"]}).json()
        assert [item["source"] for item in shown] == ["../src/math.ts"]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Application shutdown complete" in errors
    assert "Traceback" not in errors
    assert counted(data_dir) == 25


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(lines: IO[str], words: str) -> None:
    for line in lines:
        if words in line:
            return
    raise AssertionError(f"the program ended before it said {words!r}")


@dataclass
class Delivered:
    """Stands for a message at its nth delivery; notes what becomes of it."""

    num_delivered: int
    stream: int = 7
    notes: list[Any] = field(default_factory=list)

    @property
    def metadata(self) -> Delivered:
        return self

    @property
    def sequence(self) -> Delivered:
        return self

    async def nak(self, delay: float) -> None:
        self.notes.append(delay)

    async def ack(self) -> None:
        self.notes.append("ack")

    async def publish(self, _subject: str, data: bytes, headers: dict[str, str]) -> None:
        self.notes.append((json.loads(data)["status"], headers["Nats-Msg-Id"]))


@pytest.mark.parametrize(
    ("deliveries", "status", "given", "notes"),
    [
        pytest.param(1, "retry", {"uuid": "u"}, [5], id="soon again"),
        pytest.param(3, "retry", {"uuid": "u"}, [20], id="later again"),
        pytest.param(19, "retry", {"uuid": "u"}, [120], id="every two minutes"),
        pytest.param(20, "retry", {"uuid": "u"}, [("retry", "u"), "ack"], id="not for ever"),
        pytest.param(1, "dropped", {"uuid": "u"}, [("dropped", "u"), "ack"], id="published first"),
        pytest.param(1, "invalid", None, [("invalid", "no-7"), "ack"], id="named by its place"),
    ],
)
def test_a_nats_consumer_acknowledges_what_it_published(
    deliveries: int, status: Any, given: Any, notes: list[Any]
) -> None:
    answer = runpy.run_path(str(EXAMPLES / "nats_consumer.py"))["answer"]
    message = Delivered(deliveries)
    asyncio.run(answer(message, message, given, Outcome(status)))
    assert message.notes == notes


async def published(url: str, messages: Sequence[tuple[str, bytes]], expected: int) -> list[Json]:
    """Publishes raw messages under their ids and gives what comes out, once so many came."""
    client = await nats.connect(url)
    try:
        streams = client.jetstream()
        for name, data in messages:
            await streams.publish("crashes.raw", data, headers={"Nats-Msg-Id": name})
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            queue = await streams.consumer_info("crashes-raw", "symbolicate")
            count = (await streams.stream_info("crashes-resolved")).state.messages
            if queue.num_pending == queue.num_ack_pending == 0 and count >= expected:
                places = range(1, count + 1)
                got = [await streams.get_msg("crashes-resolved", place) for place in places]
                return [json.loads(one.data or b"null") for one in got]
            assert asyncio.get_running_loop().time() < deadline, (count, queue)
            await asyncio.sleep(0.05)
    finally:
        await client.close()


def test_a_nats_consumer_answers_each_event_once_and_closes_cleanly(
    start: Start, data_dir: Path, nats_server: str
) -> None:
    process = start("nats_consumer.py", nats_server)
    assert process.stdout is not None
    wait_for(process.stdout, "ready")
    raw = [(str(n), json.dumps(event(str(n))).encode()) for n in range(5)]
    again = [(f"again-{name}", data) for name, data in raw]
    large = {**event("large"), "note": "x" * 1_047_500}
    odd = [("odd", json.dumps({"uuid": "\ud800"}).encode()), ("large", json.dumps(large).encode())]
    messages = [*raw, ("bytes", b"\xff no JSON"), *odd, *again]
    shown = asyncio.run(published(nats_server, messages, expected=8))
    statuses = sorted(outcome["status"] for outcome in shown)
    assert statuses == ["invalid", "invalid", *["ok"] * 6]
    whole = [one for one in shown if one["status"] == "ok" and one["event"] is not None]
    assert {place(outcome) for outcome in whole} == {LINE_TOTAL}
    assert len({outcome["event"]["uuid"] for outcome in whole}) == 5
    (cut,) = [one for one in shown if one.get("reason") == "outcome_too_large"]
    assert (cut["status"], cut["uuid"]) == ("ok", large["uuid"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert counted(data_dir) == 6
