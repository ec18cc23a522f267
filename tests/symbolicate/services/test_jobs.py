"""Jobs: a pass when woken and every so often, through outages and bugs, until stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from symbolicate.errors import DatabaseUnavailable
from symbolicate.services.jobs import Jobs
from symbolicate.services.reconcile import Reconciler

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

SOON = 10.0
NEVER = 3600.0


class Scripted:
    """A reconciler whose passes a test counts, and that fails as it is told."""

    def __init__(self, *failures: Exception | None) -> None:
        self._failures = list(failures)
        self._passed = threading.Semaphore(0)
        self.adopted = 0
        self.passes = 0

    def adopt_older(self) -> None:
        self.adopted += 1
        self._fail()

    def run(self, stopping: Callable[[], bool]) -> None:
        self.passes += 1
        try:
            if self.passes > 1 or not self._failures:
                self._fail()
        finally:
            self._passed.release()

    def await_pass(self) -> None:
        assert self._passed.acquire(timeout=SOON), "no pass was made"

    def _fail(self) -> None:
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure


@pytest.fixture
def started() -> Iterator[Callable[[Any, float], Jobs]]:
    """Starts jobs and stops them when the test is over."""
    made: list[Jobs] = []

    def start(reconciler: Any, seconds: float) -> Jobs:
        jobs = Jobs(cast(Reconciler, reconciler), seconds)
        made.append(jobs)
        jobs.start()
        return jobs

    yield start
    for jobs in made:
        jobs.stop()


Start = Callable[[Any, float], Jobs]


def test_a_pass_is_made_at_once_and_again_when_woken(started: Start) -> None:
    reconciler = Scripted()
    jobs = started(reconciler, NEVER)
    for _ in range(3):
        reconciler.await_pass()
        jobs.wake()
    reconciler.await_pass()
    assert reconciler.adopted == 1


def test_passes_are_made_without_a_wake_too(started: Start) -> None:
    reconciler = Scripted()
    started(reconciler, 0.01)
    for _ in range(3):
        reconciler.await_pass()


FAILURES = [DatabaseUnavailable("away"), ZeroDivisionError("a bug")]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_pass_that_fails_is_followed_by_another(
    started: Start, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    reconciler = Scripted(None, failure)
    with caplog.at_level(logging.WARNING, "symbolicate.jobs"):
        jobs = started(reconciler, NEVER)
        for _ in range(2):
            reconciler.await_pass()
            jobs.wake()
        reconciler.await_pass()
    assert reconciler.passes == 3
    assert str(failure) in caplog.text
    level = logging.WARNING if isinstance(failure, DatabaseUnavailable) else logging.ERROR
    assert [record.levelno for record in caplog.records] == [level]


def test_older_sets_are_adopted_once_the_database_answers(started: Start) -> None:
    reconciler = Scripted(DatabaseUnavailable("away"))
    started(reconciler, 0.01)
    reconciler.await_pass()
    assert reconciler.adopted == 2


def test_stopping_ends_the_thread_and_may_be_repeated(started: Start) -> None:
    reconciler = Scripted()
    jobs = started(reconciler, NEVER)
    reconciler.await_pass()
    jobs.stop()
    jobs.stop()
    assert "symbolicate-jobs" not in {thread.name for thread in threading.enumerate()}
    jobs.wake()
    assert reconciler.passes == 1


def test_a_long_pass_is_told_that_jobs_stop() -> None:
    told = threading.Event()
    began = threading.Event()

    class Long(Scripted):
        def run(self, stopping: Callable[[], bool]) -> None:
            began.set()
            give_up = time.monotonic() + SOON
            while not stopping() and time.monotonic() < give_up:
                time.sleep(0.001)
            told.set()

    jobs = Jobs(cast(Reconciler, Long()), NEVER)
    jobs.start()
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

    monkeypatch.setattr(light_bench.symbolicator.reconciler, "run", watched)
    light_bench.store([make_web("chunk")])
    jobs.start()
    assert passes.acquire(timeout=SOON)
    light_bench.upload("chunk", "cart")
    assert passes.acquire(timeout=SOON)
    total, page = light_bench.symbolicator.stored_frames.page(1, limit=1, offset=0)
    assert total == 1
    assert b"src/cart.ts" in page
