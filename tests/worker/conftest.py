"""Events as messages, symbolicators to break or to script, and what runs a consumer or a worker."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from symbolicate import Outcome
from symbolicate.clock import system_clock
from symbolicate.config import from_env
from symbolicate.errors import DatabaseUnavailable, ObjectStoreUnavailable
from symbolicate.metrics import NullMetrics
from symbolicate.services.brokers import MemoryBroker, Message
from symbolicate.symbolicator import Symbolicator
from symbolicate_worker.consumer import Consumer
from symbolicate_worker.handler import Handler, Reply

Json = dict[str, Any]
Run = Callable[..., None]
Start = Callable[..., Any]
Test = Callable[[MemoryBroker, Consumer], Awaitable[None]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]

PYTHON = {"platform": "python", "filename": "a.py", "function": "f", "lineno": 3}
TEAM = 1
PATIENCE = 20.0


class Counted(NullMetrics):
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        super().count(name, amount, **labels)
        with self._lock:
            self.counts[name.removeprefix("symbolicate_"), *labels.values()] += amount


@dataclass
class Scripted:
    """Stands for a `Symbolicator`: what it answers next is decided by the event's own `script`.

    A script is a list of reasons to retry, one for each time that the event is tried, and what
    lies beyond its end is `ok`; `for ever` repeats the one before it.
    """

    calls: list[tuple[int, list[str], bool]] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    passes_last: bool = True
    before: Callable[[], None] = lambda: None

    def process(self, team_id: int, events: Sequence[Any], *, last: bool = False) -> list[Outcome]:
        self.before()
        self.calls.append((team_id, [event["uuid"] for event in events], last))
        return [self._outcome(event, last) for event in events]

    def _outcome(self, event: Json, last: bool) -> Outcome:
        script, tried = event.get("script", []), self.tries[event["uuid"]]
        self.tries[event["uuid"]] += 1
        if last and self.passes_last:
            return Outcome("ok", None, event)
        if script and script[-1] == "for ever":
            return Outcome("retry", script[min(tried, len(script) - 2)])
        return (
            Outcome("retry", script[tried]) if tried < len(script) else Outcome("ok", None, event)
        )


class TurnedClock:
    """A monotonic clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class Made:
    """What tests of the worker make their input of."""

    TEAM = TEAM

    @staticmethod
    def event(name: str, *frames: Json, team_id: Any = TEAM, **more: Any) -> Json:
        """Makes an event; one name gives one uuid."""
        stack = {"type": "raw", "frames": list(frames or (PYTHON,))}
        listed = [{"type": "Error", "value": "x", "stacktrace": stack}]
        named = {"uuid": Made.uuid(name), "event": "$exception", "team_id": team_id}
        return {**named, "properties": {"$exception_list": listed}, **more}

    @staticmethod
    def uuid(name: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, name))

    @staticmethod
    def scripted(name: str, *script: str, **more: Any) -> Json:
        """Makes an event that `Scripted` answers as its script says; its uuid is its name."""
        return {"uuid": name, "team_id": TEAM, "script": list(script), **more}

    @staticmethod
    def message(event: Any, attempt: int = 1, age: float = 0.0) -> Message:
        return Message(json.dumps(event).encode(), attempt, age)

    @staticmethod
    def web(chunk_id: str, column: int = 1) -> Json:
        place = {"filename": "https://x.test/main.js", "lineno": 1, "colno": column}
        return {"platform": "web:javascript", "function": "f", "chunk_id": chunk_id, **place}

    @staticmethod
    def handle(handler: Handler, *messages: Message) -> list[Reply]:
        """Gives the replies in the messages' order; fails unless there is one for each."""
        replies: dict[int, Reply] = {}

        def answer(place: int, reply: Reply) -> None:
            assert place not in replies, "a message was answered twice"
            replies[place] = reply

        handler.handle(messages, answer)
        assert sorted(replies) == list(range(len(messages)))
        return [replies[place] for place in range(len(messages))]

    @staticmethod
    def read(data: bytes | None) -> Any:
        assert data is not None
        return json.loads(data)


@pytest.fixture(scope="session")
def make() -> type[Made]:
    return Made


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def metrics() -> Counted:
    return Counted()


@pytest.fixture
def turned_clock() -> TurnedClock:
    return TurnedClock()


@dataclass
class Real:
    """A `Symbolicator` over SQLite and a directory, whose dependencies a test can take away."""

    symbolicator: Symbolicator
    patch: pytest.MonkeyPatch
    ahead: list[Any] = field(default_factory=list)

    def take_away(self, what: str) -> None:
        """Lets the `database` or the `objects` answer nothing more."""
        error = {"database": DatabaseUnavailable, "objects": ObjectStoreUnavailable}[what]

        def away(*_given: Any, **_named: Any) -> Any:
            raise error("away")

        inner = getattr(self.symbolicator, f"_{what}")
        for name in {"database": ("read", "write"), "objects": ("get",)}[what]:
            self.patch.setattr(inner, name, away)

    def bring_back(self) -> None:
        self.patch.undo()

    def poison(self) -> None:
        """Plants a bug that events meet whose properties say `poison`."""
        find = self.symbolicator._processor._releases

        def broken(team_id: int, sent: Json, refs: set[str]) -> Any:
            if "poison" in sent:
                raise ZeroDivisionError
            return find(team_id, sent, refs)

        self.patch.setattr(self.symbolicator._processor, "_releases", broken)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.symbolicator._database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    ahead: list[Any] = []
    settings = from_env({}, data_dir=str(tmp_path))
    clock = lambda: ahead[-1] if ahead else system_clock()  # noqa: E731
    with (
        pytest.MonkeyPatch.context() as patch,
        Symbolicator(settings=settings, clock=clock) as opened,
    ):
        yield Real(opened, patch, ahead)
        patch.undo()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


class Worker:
    """A running worker."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 3 * PATIENCE
        while not condition():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def end(self) -> float:
        """Sends SIGTERM; gives how long the worker took to end in order."""
        self.process.terminate()
        began = time.monotonic()
        assert self.process.wait(20) == 0, self.log
        return time.monotonic() - began


@pytest.fixture
def start(nats_server: str, data_dir: Path, tmp_path: Path) -> Start:
    """Gives a function that runs a worker for the length of a block, which finds it ready."""
    log = tmp_path / "worker.log"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SYMBOLICATE_")}

    @contextmanager
    def running(
        *options: str, command: Sequence[str] = ("symbolicate_worker",), **env: str
    ) -> Iterator[Worker]:
        where = ["--data-dir", str(data_dir), "--broker", nats_server, *options]
        with log.open("a") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, *where],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=clean | {"SYMBOLICATE_COMPILERS": "1"} | env,
            )
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n", log.read_text()
            yield Worker(process, log)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    return running


async def come_about(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about"
        await asyncio.sleep(0.002)


@pytest.fixture
def until() -> Until:
    """Gives a function that waits for a condition, though not for ever."""
    return come_about


def run_beside(
    handler: Any,
    test: Test,
    *messages: bytes,
    batch: int = 100,
    slots: int = 1,
    ack_wait: float = 30.0,
    broker: type[MemoryBroker] = MemoryBroker,
) -> None:
    """Runs a test beside a consumer, which must have ended by itself some time after."""

    async def both() -> None:
        queue = broker()
        for data in messages:
            queue.put(Message(data))
        consumer = Consumer(queue, handler, batch=batch, slots=slots, ack_wait=ack_wait)
        working = asyncio.create_task(consumer.run())
        try:
            await test(queue, consumer)
            consumer.stop()
            await asyncio.wait_for(working, PATIENCE)
        finally:
            working.cancel()
            consumer.close()

    asyncio.run(both())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Gives `run_beside`, whose consumer notices soon that it is stopped."""
    monkeypatch.setattr("symbolicate_worker.consumer.PULL_SECONDS", 0.02)
    monkeypatch.setattr("symbolicate_worker.consumer.AWAY_SECONDS", 0.02)
    return run_beside
