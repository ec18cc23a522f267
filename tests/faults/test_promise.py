"""The promise: workers killed over and over and a store that fails lose, double and spoil nothing.

Real servers: PostgreSQL, NATS and an S3 endpoint that fails 30 % of requests. Each worker is
killed 5 to 500 ms after it said `ready`. `make chaos` runs it whole and prints the figures.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import nats
import pytest
from sqlalchemy import text

from symbolicate import Symbolicator
from symbolicate.database.engine import Database

TEAM = 1
ACK_WAIT_SECONDS = 2
READY_SECONDS = 60
DRAIN_SECONDS = 300
SETS, FRAMES_OF_A_SET = 20, 40
PLANTED_WORKER = Path(__file__).with_name("planted_worker.py")
ERRORS = 0.3


class Scale(NamedTuple):
    events: int
    kills: int


SMALL = Scale(400, 8)
FULL = Scale(
    int(os.environ.get("SYMBOLICATE_EVENTS", "10000")),
    int(os.environ.get("SYMBOLICATE_KILLS", "200")),
)


class Position(NamedTuple):
    """What a frame must be resolved to; line and column are 1-based."""

    source: str
    line: int
    column: int
    name: str


@dataclass
class Report:
    """What was found after a run; `notes` says the first things that are wrong."""

    seed: int
    scale: Scale
    kills: int = 0
    store_errors: int = 0
    redelivered: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        if len(self.notes) < 5:
            self.notes.append(what)

    def __str__(self) -> str:
        return (
            f"{self.scale.events:,} events, {self.kills} x kill -9, {self.store_errors} failed "
            f"requests to the store ({ERRORS:.0%}): {self.lost} lost, {self.doubled} duplicated, "
            f"{self.wrong} wrong frames (seed {self.seed})"
        )


class World:
    """Servers, symbol sets whose truth is known, and workers between them."""

    def __init__(self, database: str, objects: str, broker: str, folder: Path, seed: int) -> None:
        self.database = database
        self.objects = objects
        self.broker = broker
        self.folder = folder
        self.random = random.Random(seed)
        self.truth: dict[tuple[str, int], Position] = {}

    def add_sets(self, objects: str) -> None:
        """Stores symbol sets past the proxy; frames of chunk N at line L have one right answer."""
        with Symbolicator(self.database, objects) as symbolicator:
            for number in range(SETS):
                chunk_id = f"00000000-0000-4000-8000-{number:012d}"
                symbolicator.add_symbol_set(TEAM, chunk_id, source=script(), map=map_of(number))
                # Compiled, as after any upload: no worker here lives for as long as that takes.
                symbolicator.resolve(TEAM, [raw_frame(chunk_id, 1)])
                for index in range(FRAMES_OF_A_SET):
                    self.truth[chunk_id, index + 1] = Position(
                        f"src/part{number}.js", 3 * index + 2, 3, f"part{number}_{index}"
                    )

    def event(self) -> dict[str, Any]:
        """Makes an event of three frames from any sets."""
        places = self.random.sample(sorted(self.truth), 3)
        frames = [raw_frame(chunk_id, line) for chunk_id, line in places]
        stack = {"type": "raw", "frames": frames}
        exception = {"type": "Error", "value": f"no {len(frames)}", "stacktrace": stack}
        return {
            "uuid": str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            "event": "$exception",
            "team_id": TEAM,
            "timestamp": "2026-01-01T00:00:00Z",
            "properties": {"$lib": "web", "$exception_list": [exception]},
        }

    @contextmanager
    def worker(self, plant: str | None) -> Iterator[subprocess.Popen[str]]:
        """Runs a worker until the block ends; it has said `ready` when the block begins."""
        program = ["-m", "symbolicate"] if plant is None else [str(PLANTED_WORKER), plant]
        stores = ["--database", self.database, "--objects", self.objects, "--broker", self.broker]
        settings = {
            "SYMBOLICATE_ACK_WAIT_SECONDS": str(ACK_WAIT_SECONDS),
            "SYMBOLICATE_CACHE_DIR": str(self.folder / "cache"),
            "SYMBOLICATE_COMPILERS": "1",
            "SYMBOLICATE_NEW_ISSUE_BUDGET": "0",
        }
        with (self.folder / "workers.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, *program, "worker", *stores],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | settings,
            )
            try:
                assert process.stdout is not None
                assert process.stdout.readline().strip() == "ready", self.log()
                yield process
            finally:
                process.kill()
                process.wait()
                process.stdout.close() if process.stdout else None

    def log(self) -> str:
        return (self.folder / "workers.log").read_text()[-4000:]


def raw_frame(chunk_id: str, line: int) -> dict[str, Any]:
    place = {"filename": f"https://shop.test/{chunk_id}.js", "lineno": line, "colno": 12}
    return {"platform": "web:javascript", "function": "f", "chunk_id": chunk_id, **place}


def script() -> bytes:
    return b"\n".join(b'function f(){throw new Error("x")}' for _ in range(FRAMES_OF_A_SET))


def map_of(number: int) -> bytes:
    """Makes a map by hand: column 0 of line L is a function's head, column 11 its throw."""
    lines, source = [], []
    for index in range(FRAMES_OF_A_SET):
        source += [f"function part{number}_{index}() {{", "  throw new Error('x');", "}"]
        # Deltas of (column, source, line, column): from the throw before, down two to the next
        # function and back two columns; then eleven columns on, one line down, two columns in.
        lines.append(("AAAA" if index == 0 else "AAEF") + ",WACE")
    made = {"version": 3, "sources": [f"src/part{number}.js"], "names": []}
    made |= {"sourcesContent": ["\n".join(source)], "mappings": ";".join(lines)}
    return json.dumps(made).encode()


async def publish(broker: str, events: list[dict[str, Any]], again: list[int]) -> None:
    """Sends every event, and some of them once more under another message id."""
    client = await nats.connect(broker)
    stream = client.jetstream()
    for place in [*range(len(events)), *again]:
        event = events[place]
        message_id = event["uuid"] if place not in again else str(uuid.uuid4())
        await stream.publish(
            "exceptions.raw", json.dumps(event).encode(), headers={"Nats-Msg-Id": message_id}
        )
    await client.close()


async def waiting(broker: str) -> int:
    """Counts the messages that no worker has answered for good."""
    client = await nats.connect(broker)
    info = await client.jetstream().stream_info("exceptions-raw")
    await client.close()
    return int(info.state.messages)


async def messages(broker: str, subject: str) -> list[dict[str, Any]]:
    """Reads every message of a subject."""
    client = await nats.connect(broker)
    stream = client.jetstream()
    info = await stream.stream_info(subject.replace(".", "-"))
    found: list[dict[str, Any]] = []
    if info.state.messages:
        subscription = await stream.pull_subscribe(subject)
        while len(found) < info.state.messages:
            batch = await subscription.fetch(500, timeout=10)
            found += [json.loads(one.data) for one in batch]
            for one in batch:
                await one.ack()
    await client.close()
    return found


def run_workers(world: World, kills: int, plant: str | None) -> int:
    """Kills one worker after another, then lets one live until nothing waits; gives the kills."""
    done = 0
    while done < kills:
        with world.worker(plant) as process:
            time.sleep(world.random.uniform(0.005, 0.5))
            process.send_signal(signal.SIGKILL)
            done += 1
    with world.worker(plant) as process:
        deadline = time.monotonic() + DRAIN_SECONDS
        while (left := asyncio.run(waiting(world.broker))) and time.monotonic() < deadline:
            assert process.poll() is None, world.log()
            time.sleep(0.2)
        assert left == 0, f"{left} messages wait after {DRAIN_SECONDS} s: {world.log()}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0, world.log()
    return done


def check_messages(report: Report, world: World, events: list[dict[str, Any]]) -> None:
    """Compares what came out with what went in and with the truth of every frame."""
    out = asyncio.run(messages(world.broker, "exceptions.resolved"))
    dead = asyncio.run(messages(world.broker, "exceptions.dead"))
    seen = Counter(message["uuid"] for message in out)
    asked = {event["uuid"]: event for event in events}
    report.lost = len(asked.keys() - seen.keys())
    report.doubled = sum(count - 1 for count in seen.values())
    reasons = Counter(letter["reason"] for letter in dead)
    report.note(f"{len(seen)} events came out; dead letters: {dict(reasons)}")
    for message in out:
        if message["status"] != "ok":
            report.lost += 1
            report.note(f"{message['status']}: {message.get('reason')}")
            continue
        report.wrong += wrong_frames(report, world, asked[message["uuid"]], message["event"])


def wrong_frames(report: Report, world: World, sent: dict[str, Any], made: dict[str, Any]) -> int:
    wrong = 0
    raw = sent["properties"]["$exception_list"][0]["stacktrace"]["frames"]
    frames = made["properties"]["$exception_list"][0]["stacktrace"]["frames"]
    if len(raw) != len(frames):
        report.note(f"{len(raw)} frames went in, {len(frames)} came out")
        return len(raw)
    for before, after in zip(raw, frames, strict=True):
        expected = world.truth[before["chunk_id"], before["lineno"]]
        found = tuple(after.get(key) for key in ("source", "line", "column", "resolved_name"))
        if found != expected:
            wrong += 1
            report.note(f"{before['chunk_id']}:{before['lineno']} became {found}: {after}")
    return wrong


def check_records(report: Report, database: str) -> None:
    """Looks for events that were counted twice or not at all, and for frames stored in doubt."""
    opened = Database(database)
    with opened.read() as connection:

        def one(statement: str) -> int:
            return int(connection.execute(text(statement)).scalar_one() or 0)

        events = one("SELECT count(*) FROM processed_event")
        counted = one("SELECT sum(events) FROM issue_day")
        in_doubt = one("SELECT count(*) FROM stack_frame WHERE failure_code IS NOT NULL")
        unproven = one("SELECT count(*) FROM stack_frame WHERE symbol_set_data_hash IS NULL")
        twice = one("SELECT count(*) - count(DISTINCT (team_id, raw_id, part)) FROM stack_frame")
    opened.close()
    report.lost += max(0, report.scale.events - min(events, counted))
    report.doubled += max(0, counted - report.scale.events) + twice
    report.wrong += in_doubt + unproven
    report.note(f"{events} processed, {counted} counted, {in_doubt} in doubt, {twice} rows twice")


@pytest.fixture
def scale(full: bool) -> Scale:
    return FULL if full else SMALL


Promise = Callable[..., Report]


@pytest.fixture
def run(
    postgres_url: str,
    s3_url: str,
    proxied_url: str,
    proxy: Any,
    nats_server: str,
    tmp_path: Path,
    seed: int,
) -> Promise:
    """Gives a function that runs workers over a failing store and reports what became of it."""

    def promise(scale: Scale, plant: str | None = None) -> Report:
        report = Report(seed, scale)
        world = World(postgres_url, proxied_url, nats_server, tmp_path, seed)
        world.add_sets(s3_url)
        with world.worker(None):
            pass  # it makes the streams
        events = [world.event() for _ in range(scale.events)]
        again = world.random.sample(range(scale.events), scale.events // 20)
        asyncio.run(publish(nats_server, events, again))
        proxy.faults.errors = ERRORS
        report.kills = run_workers(world, scale.kills, plant)
        report.store_errors = proxy.done["error"]
        proxy.faults.errors = 0.0
        check_messages(report, world, events)
        check_records(report, postgres_url)
        return report

    return promise


@pytest.mark.timeout(3600)
def test_nothing_is_lost_doubled_or_wrong(
    run: Promise, scale: Scale, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    report = run(scale)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}, {time.monotonic() - began:.0f} s\n")
    assert (report.lost, report.doubled, report.wrong) == (0, 0, 0), report.notes
    assert (report.kills, report.store_errors > 0) == (scale.kills, True)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("plant", "fault"), [("early-ack", "lost"), ("double-write", "doubled")])
def test_the_check_catches_a_worker_that_breaks_the_promise(
    run: Promise, plant: str, fault: str
) -> None:
    report = run(SMALL, plant)
    assert getattr(report, fault) > 0, f"{report}: {report.notes}"
