"""F14 and F22: many miss the same sets at the same moment, in several processes with empty caches.

Requests are counted at the proxy: the bytes of a set are fetched once for its one compile, and its
compiled form once by every other process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

from symbolicate.symbolicator import Symbolicator

if TYPE_CHECKING:
    from tests.faults.conftest import Deployment, Start
    from tests.faults.fault_proxy import FaultProxy
    from tests.faults.programs import Process

PROCESSES = 4
FOLLOWED_SECONDS = 5.0
"""How long a process may be missing before another does its work."""
SLOW = 0.3
"""Seconds by which every request is delayed, so that all callers come while the first waits."""
BEHIND_SECONDS = 2.0
"""What followers may take longer than the fetch on a busy machine; 50 ms where there is room."""


def started(where: Deployment, start: Start, amount: int = PROCESSES) -> list[Process]:
    processes = [start(where.settings()) for _ in range(amount)]
    assert [process.answer() for process in processes] == ["ready"] * amount
    return processes


def resolved(processes: Sequence[Process], frames: list[Any], threads: int) -> list[Any]:
    """Has every process resolve the frames in so many threads at once."""
    for process in processes:
        process.ask("resolve", frames=frames, threads=threads)
    return [process.answer() for process in processes]


def test_f14_a_thousand_identical_misses_fetch_and_compile_once(
    proxied: Deployment, proxy: FaultProxy, start: Start, make: Any
) -> None:
    proxied.open().add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    processes = started(proxied, start)
    proxy.change(latency=SLOW)
    answers = resolved(processes, [make.web("chunk")], 250)
    expected = {json.dumps([make.source("app")]): 250}
    assert [answer["answers"] for answer in answers] == [expected] * PROCESSES
    assert proxy.count("GET", "/symbolsets/") == 1
    assert proxy.count("PUT", "/compiled/") == 1
    assert proxy.count("GET", "/compiled/") <= PROCESSES - 1
    # Two requests, one after the other, and a third by those that waited for them.
    assert max(answer["longest"] for answer in answers) <= 3 * SLOW + BEHIND_SECONDS


def test_f14_a_failure_is_shared_and_not_stuck(
    proxied: Deployment, proxy: FaultProxy, make: Any
) -> None:
    symbolicator = proxied.open()
    symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    proxy.change(errors=1.0, latency=SLOW, methods=frozenset({"GET"}))
    start = Barrier(50)

    def miss(_: int) -> str:
        start.wait(30)
        return str(make.seen(symbolicator, "chunk"))

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(miss, range(50))) == {"transient"}
    assert proxy.count("GET") == 3
    proxy.change()
    assert make.seen(symbolicator, "chunk") == make.source("app")


def test_f14_a_leader_that_is_killed_is_followed_within_its_lease(
    proxied: Deployment, proxy: FaultProxy, start: Start, make: Any
) -> None:
    proxied.open().add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    leader, follower = started(proxied, start, 2)
    proxy.change(latency=60.0, methods=frozenset({"GET"}))
    leader.ask("resolve", frames=[make.web("chunk")], threads=1)
    make.wait_until(lambda: proxy.count("GET", "/symbolsets/") == 1)
    follower.ask("resolve", frames=[make.web("chunk")], threads=10)
    proxy.change()
    leader.kill()
    died = time.monotonic()
    answer = follower.answer()
    assert answer["answers"] == {json.dumps([make.source("app")]): 10}
    assert time.monotonic() - died <= FOLLOWED_SECONDS + BEHIND_SECONDS
    assert proxy.count("GET", "/symbolsets/") == 1


def test_f22_a_cold_start_fetches_each_set_once_in_each_process(
    proxied: Deployment,
    proxy: FaultProxy,
    start: Start,
    make: Any,
    amount: Callable[[int, int], int],
) -> None:
    refs = [f"chunk-{number}" for number in range(amount(10, 100))]
    frames = [make.web(ref) for ref in refs]
    writer = proxied.open()
    for ref in refs:
        writer.add_symbol_set(make.TEAM, ref, make.bundle(ref))
        assert make.seen(writer, ref) == make.source(ref)
    settings = [proxied.settings() for _ in range(PROCESSES)]
    expected = {json.dumps([make.source(ref) for ref in refs]): 8}
    for number, gets in ((PROCESSES, PROCESSES * len(refs)), (1, 0)):
        # One that starts again finds on its disk what it fetched the first time.
        processes = [start(one) for one in settings[:number]]
        assert [process.answer() for process in processes] == ["ready"] * number
        proxy.change()
        answers = resolved(processes, frames, 8)
        assert [answer["answers"] for answer in answers] == [expected] * number
        assert proxy.count("GET", "/compiled/") == proxy.count("GET") == gets
        for process in processes:
            process.close()


def test_f22_a_cold_start_of_all_on_sets_that_nobody_compiled_compiles_each_once(
    proxied: Deployment,
    proxy: FaultProxy,
    start: Start,
    make: Any,
    amount: Callable[[int, int], int],
) -> None:
    refs = [f"chunk-{number}" for number in range(amount(6, 50))]
    writer: Symbolicator = proxied.open()
    for ref in refs:
        writer.add_symbol_set(make.TEAM, ref, make.bundle(ref))
    processes = started(proxied, start)
    proxy.change()
    answers = resolved(processes, [make.web(ref) for ref in refs], 8)
    expected = {json.dumps([make.source(ref) for ref in refs]): 8}
    assert [answer["answers"] for answer in answers] == [expected] * PROCESSES
    assert proxy.count("GET", "/symbolsets/") == len(refs)
    assert proxy.count("PUT", "/compiled/") == len(refs)
    assert proxy.count("GET", "/compiled/") == len(refs) * (PROCESSES - 1)
