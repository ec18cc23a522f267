"""Single flight: one call for many callers, failure included."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from symbolicate.cache.single_flight import SingleFlight

LIMIT = 30


class WatchedKey:
    """A key that tells how often it was looked up: each caller does so before it waits."""

    def __init__(self) -> None:
        self.seen = 0
        self.changed = threading.Condition()

    def __hash__(self) -> int:
        with self.changed:
            self.seen += 1
            self.changed.notify_all()
        return 7

    def __eq__(self, other: object) -> bool:
        return self is other

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.seen >= count, LIMIT)


# The leader looks its key up twice: to see that nobody flies, and to take the flight.
LEADER_LOOKUPS = 2


def fly(
    callers: int, ending: Callable[[], str], flight: SingleFlight[WatchedKey, str]
) -> tuple[list[Future[str]], list[int]]:
    """Starts callers of one key and ends the leader's call when all the others wait."""
    key, calls = WatchedKey(), list[int]()
    barrier = threading.Barrier(callers)

    def make() -> str:
        calls.append(threading.get_ident())
        if len(calls) == 1:
            key.wait_for(LEADER_LOOKUPS + callers - 1)
        return ending()

    def call() -> str:
        barrier.wait(LIMIT)
        return flight.do(key, make)

    with ThreadPoolExecutor(callers) as pool:
        futures = [pool.submit(call) for _ in range(callers)]
        wait(futures, LIMIT)
    return futures, calls


def test_a_thousand_concurrent_callers_make_one_call() -> None:
    futures, calls = fly(1000, lambda: "made", SingleFlight())
    assert [future.result() for future in futures] == ["made"] * 1000
    assert len(calls) == 1


def test_concurrent_callers_share_the_leaders_failure() -> None:
    def fail() -> str:
        raise LookupError("nothing there")

    futures, calls = fly(20, fail, SingleFlight())
    assert {repr(future.exception()) for future in futures} == {"LookupError('nothing there')"}
    assert len(calls) == 1


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_followers_of_a_leader_torn_away_make_their_own_call(ending: type[BaseException]) -> None:
    torn: list[bool] = []

    def tear_the_first() -> str:
        if not torn:
            torn.append(True)
            raise ending
        return "made by a follower"

    futures, calls = fly(10, tear_the_first, SingleFlight())
    failures = [future.exception() for future in futures if future.exception() is not None]
    assert [type(failure) for failure in failures] == [ending]
    results = [future.result() for future in futures if future.exception() is None]
    assert results == ["made by a follower"] * 9
    assert len(calls) >= 2


def test_sequential_calls_run_again() -> None:
    flight, answers = SingleFlight[str, int](), iter([1, 2])
    assert flight.do("key", lambda: next(answers)) == 1
    assert flight.do("key", lambda: next(answers)) == 2


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_call_after_a_failure_leads(error: type[BaseException]) -> None:
    flight = SingleFlight[str, str]()

    def fail() -> str:
        raise error

    with pytest.raises(error):
        flight.do("key", fail)
    assert flight.do("key", lambda: "fine") == "fine"


def test_different_keys_do_not_wait_for_each_other() -> None:
    flight, both = SingleFlight[str, int](), threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(flight.do, key, lambda: both.wait(LIMIT)) for key in "ab"]
        assert sorted(future.result(LIMIT) for future in futures) == [0, 1]


def test_none_is_an_outcome_like_any_other() -> None:
    assert SingleFlight[str, None]().do("key", lambda: None) is None
