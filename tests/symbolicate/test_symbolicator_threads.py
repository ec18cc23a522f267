"""One `Symbolicator` in many threads at once: right answers, and nothing left when it closes."""

from __future__ import annotations

import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from symbolicate import Outcome, Symbolicator
from symbolicate.config import from_env
from symbolicate.isolation.pool import CompilerPool

TEAM, OTHER_TEAM = 1, 2
THREADS, ROUNDS = 8, 6
PATIENCE_SECONDS = 120

Json = dict[str, Any]
Work = Callable[[int], None]


class WatchedPool(CompilerPool):
    """Notes the process ids of the children that it had."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.pids: set[int] = set()

    def _put_back(self, child: Any) -> None:
        self.pids.add(child._process.pid)
        super()._put_back(child)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[WatchedPool]:
    """Gives the pools of the `Symbolicator`s of a test, each with children of its own."""
    made: list[WatchedPool] = []

    def make(*given: Any) -> WatchedPool:
        made.append(WatchedPool(*given))
        return made[-1]

    monkeypatch.setattr("symbolicate.symbolicator.CompilerPool", make)
    return made


@pytest.fixture
def opened(
    database_url: str, tmp_path: Path, pools: list[WatchedPool], make: Any
) -> Iterator[Symbolicator]:
    """Gives one that does its jobs beside, and whose set `shared` is there."""
    given = {"data_dir": str(tmp_path), "database_url": database_url, "reconcile_seconds": 0.05}
    with Symbolicator(settings=from_env({}, **given)) as symbolicator:
        symbolicator.jobs.start()
        symbolicator.add_symbol_set(TEAM, "shared", make.script("shared"))
        yield symbolicator


def in_threads(work: Work) -> None:
    """Calls `work` with the number of each thread, all at once; raises what one of them raises."""
    together = threading.Barrier(THREADS)

    def one(number: int) -> None:
        together.wait(PATIENCE_SECONDS)
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(one, number) for number in range(THREADS)]:
            done.result(PATIENCE_SECONDS)


def named(event: Json, name: str) -> Json:
    return {**event, "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, name))}


def frames_of(outcome: Outcome) -> list[Json]:
    assert outcome.event is not None, outcome
    listed = outcome.event["properties"]["$exception_list"]
    return [frame for exception in listed for frame in exception["stacktrace"]["frames"]]


def count(symbolicator: Symbolicator, what: str) -> int:
    with symbolicator._database.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT {what}").scalar() or 0)


def test_every_method_in_every_thread_answers_as_if_it_were_alone(
    opened: Symbolicator, make: Any
) -> None:
    def work(number: int) -> None:
        own = f"own-{number}"
        for turn in range(ROUNDS):
            label = f"{own}-{turn}"
            opened.add_symbol_set(TEAM, own, make.script(label))
            mine, shared = make.web(own, colno=5 + turn), make.web("shared")
            ((resolved,), (other,), (foreign,)) = opened.resolve(
                TEAM, [mine, make.web("shared", lineno=2), make.web(f"nobody's-{number}")]
            )
            assert resolved.contents["source"] == f"src/{label}.ts"
            assert other.failure_code == "symbol_not_found"
            assert foreign.failure_code == "no_symbol_set"
            ok, invalid = opened.process(TEAM, [named(make.event(mine, shared), label), "bad"])
            assert [frame["source"] for frame in frames_of(ok)] == [
                f"src/{label}.ts",
                "src/shared.ts",
            ]
            assert invalid.status == "invalid"
            raw_ids = [frame["raw_id"] for frame in frames_of(ok)]
            stored = opened.batch_get(TEAM, [*reversed(raw_ids), "0" * 64])
            assert [frame.raw_id for frame in stored] == raw_ids[::-1]
            assert stored[1].contents["source"] == f"src/{label}.ts"
            assert opened.batch_get(OTHER_TEAM, raw_ids) == []

    in_threads(work)
    assert count(opened, "count(*) FROM stack_frame") == THREADS * ROUNDS + 1
    assert count(opened, "sum(events) FROM issue_day") == THREADS * ROUNDS
    assert count(opened, "count(*) FROM symbol_set") == THREADS + 1


def test_one_event_from_every_thread_is_counted_once_and_answered_alike(
    opened: Symbolicator, make: Any
) -> None:
    events = [named(make.event(make.web("shared", colno=n + 1)), f"same-{n}") for n in range(20)]
    answers: list[tuple[str, ...]] = []

    def work(_number: int) -> None:
        outcomes = opened.process(TEAM, events)
        assert {outcome.status for outcome in outcomes} == {"ok"}
        answers.append(tuple(repr(outcome.event) for outcome in outcomes))

    in_threads(work)
    assert list(Counter(answers).values()) == [THREADS]
    assert count(opened, "count(*) FROM processed_event") == len(events)
    assert count(opened, "sum(events) FROM issue_day") == len(events)
    assert count(opened, "count(*) FROM stack_frame") == len(events)


def test_a_set_that_all_threads_miss_is_compiled_once(
    opened: Symbolicator, make: Any, pools: list[WatchedPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    (pool,) = pools
    opened.jobs.stop()
    compiled: list[str] = []
    run = pool.run

    def watched(task: str, source: Path, target: Path) -> Any:
        compiled.append(task)
        return run(task, source, target)

    monkeypatch.setattr(pool, "run", watched)
    opened.add_symbol_set(TEAM, "wanted", make.script("wanted"))

    def work(number: int) -> None:
        ((frame,),) = opened.resolve(TEAM, [make.web("wanted", colno=number + 5)])
        assert frame.contents["source"] == "src/wanted.ts"

    in_threads(work)
    assert len(compiled) == 1


def test_closing_leaves_no_thread_and_no_child(
    database_url: str, tmp_path: Path, pools: list[WatchedPool], make: Any
) -> None:
    before = set(threading.enumerate())
    given = {"data_dir": str(tmp_path), "database_url": database_url}
    with Symbolicator(settings=from_env({}, **given)) as symbolicator:
        symbolicator.jobs.start()

        def work(number: int) -> None:
            ref = f"own-{number}"
            symbolicator.add_symbol_set(TEAM, ref, make.script(ref))
            (outcome,) = symbolicator.process(TEAM, [make.event(make.web(ref))])
            ids = [frame["raw_id"] for frame in frames_of(outcome)]
            symbolicator.batch_get(TEAM, ids)
            symbolicator.stored_frames.page(TEAM, limit=10, offset=0)

        in_threads(work)
        ours = {thread.name for thread in set(threading.enumerate()) - before}
        assert {"symbolicate-jobs", "symbolicate-leases"} <= ours
    assert set(threading.enumerate()) <= before
    (pool,) = pools
    assert pool.pids
    assert [pid for pid in pool.pids if is_there(pid)] == []


def is_there(pid: int) -> bool:
    """Tells whether a process of ours exists, be it one that nobody waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_closing_twice_is_harmless(
    database_url: str, tmp_path: Path, pools: list[WatchedPool]
) -> None:
    given = {"data_dir": str(tmp_path), "database_url": database_url}
    symbolicator = Symbolicator(settings=from_env({}, **given))
    symbolicator.jobs.start()
    symbolicator.close()
    symbolicator.close()
    assert len(pools) == 1
