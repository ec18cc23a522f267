"""Jobs: a pass when woken and every so often, through outages and bugs, until stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.clock import system_clock
from symbolicate.database.engine import Database
from symbolicate.errors import DatabaseUnavailable
from symbolicate.leases import Leases
from symbolicate.services.jobs import ASKED_AGAIN_SECONDS, Job, Jobs

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

SOON = 10.0
NEVER = 3600.0


@dataclass
class MovableClock:
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Scripted:
    """A job whose runs a test counts, and that fails as it is told."""

    def __init__(self, *failures: Exception | None) -> None:
        self._failures = list(failures)
        self._ran = threading.Semaphore(0)
        self.runs = 0

    def __call__(self, stopping: Callable[[], bool]) -> None:
        self.runs += 1
        failure = self._failures.pop(0) if self._failures else None
        try:
            if failure is not None:
                raise failure
        finally:
            self._ran.release()

    def await_run(self) -> None:
        assert self._ran.acquire(timeout=SOON), "the job did not run"


Start = Callable[..., Jobs]


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    """Starts jobs and stops them when the test is over."""
    made: list[Jobs] = []
    leases = Leases(database, system_clock)

    def started(*jobs: Job, seconds: float = NEVER) -> Jobs:
        made.append(Jobs(jobs, seconds, leases))
        made[-1].start()
        return made[-1]

    yield started
    for jobs in made:
        jobs.stop()
    leases.close()


def test_a_pass_is_made_at_once_and_again_when_woken(start: Start) -> None:
    job = Scripted()
    jobs = start(Job("job", job))
    for _ in range(3):
        job.await_run()
        jobs.wake()
    job.await_run()


def test_passes_are_made_without_a_wake_too(start: Start) -> None:
    job = Scripted()
    start(Job("job", job), seconds=0.01)
    for _ in range(3):
        job.await_run()


FAILURES = [DatabaseUnavailable("away"), ZeroDivisionError("a bug")]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_job_that_fails_harms_no_other_and_runs_again(
    start: Start, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    failing, other = Scripted(failure), Scripted()
    with caplog.at_level(logging.WARNING, "symbolicate.jobs"):
        jobs = start(Job("failing", failing), Job("other", other))
        other.await_run()
        jobs.wake()
        failing.await_run()
        failing.await_run()
    assert str(failure) in caplog.text
    level = logging.WARNING if isinstance(failure, DatabaseUnavailable) else logging.ERROR
    assert [record.levelno for record in caplog.records] == [level]


def test_of_many_processes_one_does_a_timed_job_at_its_turn(start: Start) -> None:
    timed, beside = Scripted(), [Scripted() for _ in range(3)]
    hourly = Job("retention", timed, timedelta(hours=1))
    for one in beside:
        start(hourly, Job("beside", one), seconds=0.01)
    for one in beside:
        for _ in range(3):
            one.await_run()
    assert timed.runs == 1


def test_a_process_asks_for_its_turn_again_within_a_minute(database: Database) -> None:
    now, clock = [0.0], MovableClock()
    leases = Leases(database, clock)
    job = Scripted()
    jobs = Jobs([Job("job", job, timedelta(hours=1))], 0.001, leases, monotonic=lambda: now[0])
    jobs.start()
    job.await_run()
    clock.forward(3600)
    now[0] += ASKED_AGAIN_SECONDS
    job.await_run()
    jobs.stop()
    leases.close()
    assert job.runs == 2


def test_stopping_ends_the_thread_and_may_be_repeated(start: Start) -> None:
    job = Scripted()
    jobs = start(Job("job", job))
    job.await_run()
    jobs.stop()
    jobs.stop()
    assert "symbolicate-jobs" not in {thread.name for thread in threading.enumerate()}
    jobs.wake()
    assert job.runs == 1


def test_a_long_job_is_told_that_jobs_stop(start: Start) -> None:
    told, began = threading.Event(), threading.Event()

    def long(stopping: Callable[[], bool]) -> None:
        began.set()
        give_up = time.monotonic() + SOON
        while not stopping() and time.monotonic() < give_up:
            time.sleep(0.001)
        told.set()

    jobs = start(Job("long", long))
    assert began.wait(SOON)
    assert not told.is_set()
    jobs.stop()
    assert told.is_set()


def test_a_finished_upload_wakes_the_reconciler(
    light_bench: Bench, make_web: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll alone would come after an hour."""
    jobs = light_bench.symbolicator.jobs
    monkeypatch.setattr(jobs, "_seconds", NEVER)
    passes = threading.Semaphore(0)
    run = light_bench.symbolicator.reconciler.run

    def watched(stopping: Callable[[], bool]) -> Any:
        try:
            return run(stopping)
        finally:
            passes.release()

    monkeypatch.setattr(jobs, "_jobs", [Job("reconcile", watched)])
    light_bench.store([make_web("chunk")])
    jobs.start()
    assert passes.acquire(timeout=SOON)
    light_bench.upload("chunk", "cart")
    assert passes.acquire(timeout=SOON)
    total, page = light_bench.symbolicator.stored_frames.page(1, limit=1, offset=0)
    assert total == 1
    assert b"src/cart.ts" in page
