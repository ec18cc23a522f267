"""Counts of long lists: exact when short, remembered when long, refreshed beside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from symbolicate.services.page_counts import EXACT_ROWS, PageCounts

WAIT_SECONDS = 20


@dataclass
class Table:
    """A list whose length a test sets, which notes how each count of it was asked for."""

    rows: int
    asked: list[int | None] = field(default_factory=list)
    counted: threading.Event = field(default_factory=threading.Event)

    def count(self, most: int | None) -> int:
        self.asked.append(most)
        self.counted.set()
        return self.rows if most is None else min(most, self.rows)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counts(clock: Clock) -> Iterator[PageCounts]:
    made = PageCounts(monotonic=clock)
    yield made
    made.close()


@pytest.mark.parametrize("rows", [0, 1, EXACT_ROWS])
def test_a_short_list_is_counted_exactly_every_time(counts: PageCounts, rows: int) -> None:
    table = Table(rows)
    assert counts.of(1, "frames", table.count) == rows
    table.rows = max(0, rows - 1)
    assert counts.of(1, "frames", table.count) == table.rows
    assert table.asked == [EXACT_ROWS + 1] * 2


def test_a_long_list_is_counted_once_and_remembered(counts: PageCounts, clock: Clock) -> None:
    table = Table(EXACT_ROWS + 1)
    assert counts.of(1, "frames", table.count) == EXACT_ROWS + 1
    assert table.asked == [EXACT_ROWS + 1, None]
    table.rows += 5
    clock.now = 29.9
    assert counts.of(1, "frames", table.count) == EXACT_ROWS + 1
    assert len(table.asked) == 2


def test_teams_and_lists_are_remembered_apart(counts: PageCounts) -> None:
    long, short = Table(50_000), Table(3)
    assert counts.of(1, "frames", long.count) == 50_000
    assert counts.of(2, "frames", short.count) == 3
    assert counts.of(1, "releases", short.count) == 3


def test_a_count_of_half_a_minute_is_given_once_more_and_refreshed_beside(
    counts: PageCounts, clock: Clock
) -> None:
    table = Table(50_000)
    counts.of(1, "frames", table.count)
    table.rows = 60_000
    table.counted.clear()
    clock.now = 30.0
    assert counts.of(1, "frames", table.count) == 50_000
    assert table.counted.wait(WAIT_SECONDS)
    counts.close()
    assert counts.of(1, "frames", table.count) == 60_000


def test_a_count_of_a_minute_is_never_given(counts: PageCounts, clock: Clock) -> None:
    table = Table(50_000)
    counts.of(1, "frames", table.count)
    table.rows = 7
    clock.now = 60.0
    assert counts.of(1, "frames", table.count) == 7


def test_a_list_that_became_short_is_exact_again(counts: PageCounts, clock: Clock) -> None:
    table = Table(50_000)
    counts.of(1, "frames", table.count)
    table.rows = 7
    clock.now = 30.0
    counts.of(1, "frames", table.count)
    counts.close()
    table.rows = 8
    assert counts.of(1, "frames", table.count) == 8


def test_many_readers_of_an_old_count_start_one_refresh(counts: PageCounts, clock: Clock) -> None:
    table, go = Table(50_000), threading.Event()
    counts.of(1, "frames", table.count)
    clock.now = 30.0

    def slow(most: int | None) -> int:
        assert go.wait(WAIT_SECONDS)
        return table.count(most)

    for _ in range(5):
        assert counts.of(1, "frames", slow) == 50_000
    go.set()
    counts.close()
    assert table.asked == [EXACT_ROWS + 1, None, None]


def test_a_failed_refresh_is_tried_again(counts: PageCounts, clock: Clock) -> None:
    table, failed = Table(50_000), threading.Event()
    counts.of(1, "frames", table.count)
    clock.now = 30.0

    def failing(_most: int | None) -> int:
        failed.set()
        raise OSError("away")

    assert counts.of(1, "frames", failing) == 50_000
    assert failed.wait(WAIT_SECONDS)
    clock.now = 60.0
    table.rows = 9
    assert counts.of(1, "frames", table.count) == 9
