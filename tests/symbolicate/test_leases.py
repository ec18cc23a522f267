"""Leases: one holder at a time, another when it dies, and a token that tells them apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from symbolicate import leases as leases_module
from symbolicate.database.engine import Database
from symbolicate.leases import LEASE_SECONDS, Leases

NAME = "compile:1"
DEADLINE_SECONDS = 20


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(database: Database, clock: Clock) -> Iterator[Callable[[], Leases]]:
    """Gives the leases of another process each time; none of them renews by itself."""
    made: list[Leases] = []

    def make() -> Leases:
        made.append(Leases(database, clock))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leases_module, "RENEWED_EVERY", 3600.0)
        yield make
        for one in made:
            one.close()


def test_one_holds_a_lease_and_the_next_gets_it_when_it_is_given_back(
    process: Callable[[], Leases],
) -> None:
    first, second = process(), process()
    with first.held(1, NAME) as mine:
        assert mine is not None
        with second.held(1, NAME) as theirs, first.held(1, NAME) as again:
            assert theirs is None
            assert again is None
    with second.held(1, NAME) as theirs:
        assert theirs is not None
        assert theirs.token > mine.token


def test_teams_and_names_are_leased_apart(process: Callable[[], Leases]) -> None:
    one = process()
    with one.held(1, NAME) as a, one.held(2, NAME) as b, one.held(1, "other") as c:
        assert None not in (a, b, c)


def test_a_lease_is_given_back_whatever_happens(process: Callable[[], Leases]) -> None:
    one = process()
    with pytest.raises(KeyError), one.held(1, NAME):
        raise KeyError
    with one.held(1, NAME) as again:
        assert again is not None


def test_who_dies_is_followed_when_the_lease_runs_out(
    process: Callable[[], Leases], database: Database, clock: Clock
) -> None:
    dead, heir = process(), process()
    with dead.held(1, NAME) as old:
        assert old is not None
        clock.forward(LEASE_SECONDS - 0.001)
        with heir.held(1, NAME) as early:
            assert early is None
        clock.forward(0.001)
        with heir.held(1, NAME) as new:
            assert new is not None
            with database.write() as connection:
                assert heir.is_held(connection, new)
                assert not dead.is_held(connection, old)
            # The dead one comes back to life and gives back what is not its own any more.
        with database.write() as connection:
            assert not heir.is_held(connection, new)


def test_a_late_holder_neither_ends_nor_renews_the_lease_of_its_heir(
    process: Callable[[], Leases], database: Database, clock: Clock
) -> None:
    late, heir = process(), process()
    with heir.held(1, "other"):
        pass
    holding = late.held(1, NAME)
    holding.__enter__()
    clock.forward(LEASE_SECONDS)
    with heir.held(1, NAME) as new:
        assert new is not None
        late._renew()
        holding.__exit__(None, None, None)
        with database.write() as connection:
            assert heir.is_held(connection, new)


def test_a_lease_in_hand_is_kept_alive_and_not_after_it_was_given_back(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases_module, "RENEWED_EVERY", 0.01)
    keeper, other = Leases(database, clock), Leases(database, clock)
    renewed = threading.Event()
    renew = keeper._renew

    def noted() -> None:
        renew()
        renewed.set()

    monkeypatch.setattr(keeper, "_renew", noted)
    with keeper.held(1, NAME) as lease:
        assert lease is not None
        for _ in range(3):
            clock.forward(LEASE_SECONDS - 1)
            renewed.clear()
            assert renewed.wait(DEADLINE_SECONDS)
        with other.held(1, NAME) as theirs:
            assert theirs is None
    with other.held(1, NAME) as theirs:
        assert theirs is not None
    keeper.close()
    other.close()


def test_of_many_at_once_one_gets_the_lease(process: Callable[[], Leases]) -> None:
    processes = [process() for _ in range(8)]
    start, done = threading.Barrier(8), threading.Barrier(8)
    got: list[int] = []

    def ask(one: Leases) -> None:
        start.wait(DEADLINE_SECONDS)
        with one.held(1, NAME) as lease:
            if lease is not None:
                got.append(lease.token)
            done.wait(DEADLINE_SECONDS)

    threads = [threading.Thread(target=ask, args=(one,)) for one in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert len(got) == 1


def test_a_turn_comes_once_in_so_long_for_all_processes(
    process: Callable[[], Leases], clock: Clock
) -> None:
    first, second = process(), process()
    hour = timedelta(hours=1)
    assert first.take_turn("retention", hour)
    assert not first.take_turn("retention", hour)
    clock.forward(3599.999)
    assert not second.take_turn("retention", hour)
    clock.forward(0.001)
    assert second.take_turn("retention", hour)
    assert not first.take_turn("retention", hour)
