"""F18: a set arrives after thousands of frames that wait for it and for others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from symbolicate.services.reconcile import PAGE

if TYPE_CHECKING:
    from tests.faults.conftest import Deployment, Start

FIRST_SECONDS, ALL_SECONDS = 2.0, 120.0
AN_EVENT = 100
LATE = ("chunk-0", "chunk-2", "chunk-4")
"""Where the machine stalls under the first, the next shows how soon it goes."""


class Waiting(NamedTuple):
    """How many sets are waited for, and by how many frames each."""

    sets: int
    frames: int


@pytest.fixture
def waiting(amount: Callable[[Waiting, Waiting], Waiting]) -> Waiting:
    return amount(Waiting(10, 200), Waiting(50, 2000))


def store_frames(symbolicator: Any, make: Any, ref: str, frames: int) -> None:
    columns = range(1, frames + 1)
    for at in range(0, frames, AN_EVENT):
        event = make.event([make.web(ref, column) for column in columns[at : at + AN_EVENT]])
        (one,) = symbolicator.process(make.TEAM, [event])
        assert one.status == "ok"


def rows(where: Deployment, sign: str, ref: str) -> list[tuple[Any, ...]]:
    """Gives every row whole, of one set (=) or of all others (<>)."""
    return where.rows(
        f"SELECT * FROM stack_frame WHERE symbol_set_ref {sign} :ref ORDER BY id", ref=ref
    )


def fresh(where: Deployment, ref: str) -> int:
    """Counts the frames of the late set that its bytes answered."""
    sql = (
        "SELECT count(*) FROM stack_frame f JOIN symbol_set s ON s.ref = f.symbol_set_ref"
        " WHERE f.symbol_set_ref = :ref AND f.symbol_set_data_hash = s.data_hash"
        " AND f.contents LIKE '%src/late.ts%'"
    )
    ((count,),) = where.rows(sql, ref=ref)
    return int(count)


def answered(where: Deployment, ref: str, frames: int) -> float:
    """Waits until all frames of a set are fresh; gives the seconds until the first was."""
    finished = time.monotonic()
    first, count = 0.0, 0
    while count < frames:
        count, now = fresh(where, ref), time.monotonic() - finished
        first = first or (now if count else 0.0)
        assert now < ALL_SECONDS
    return first


@pytest.mark.timeout(900)
def test_f18_the_frames_that_wait_for_a_set_are_answered_soon_and_no_others_are_touched(
    anywhere: Deployment, waiting: Waiting, make: Any
) -> None:
    server, uploader = anywhere.open(), anywhere.open()
    server.jobs.start()
    for number in range(waiting.sets):
        ref = f"chunk-{number}"
        # Of the others, one half was answered and one half waits too.
        if number % 2:
            uploader.add_symbol_set(make.TEAM, ref, make.bundle(ref))
        store_frames(server, make, ref, waiting.frames)
    for ref in LATE:
        others, before = rows(anywhere, "<>", ref), rows(anywhere, "=", ref)
        assert len(others) == (waiting.sets - 1) * waiting.frames
        # Finished at another process: nothing wakes the jobs of this one.
        uploader.add_symbol_set(make.TEAM, ref, make.bundle("late"))
        seconds = answered(anywhere, ref, waiting.frames)
        if seconds <= FIRST_SECONDS:
            break
    assert seconds <= FIRST_SECONDS
    # A whole pass more, lest one be judged in its middle.
    server.jobs.stop()
    assert server.reconciler.run().frames == 0
    assert rows(anywhere, "<>", ref) == others
    # The same rows, by id and raw id, with new answers.
    assert [row[:4] for row in rows(anywhere, "=", ref)] == [row[:4] for row in before]


@pytest.mark.timeout(900)
def test_f18_a_reconciler_that_is_killed_midway_leaves_nothing_half_done(
    local: Deployment, start: Start, make: Any, seed: int, amount: Callable[[int, int], int]
) -> None:
    dice = random.Random(seed)
    symbolicator = local.open()
    deaths = amount(3, 30)
    frames = PAGE * (deaths + 1)
    store_frames(symbolicator, make, LATE[0], frames)
    store_frames(symbolicator, make, "chunk-1", 10)
    others = rows(local, "<>", LATE[0])
    symbolicator.add_symbol_set(make.TEAM, LATE[0], make.bundle("late"))
    settled: dict[Any, tuple[Any, ...]] = {}
    for _ in range(deaths):
        process = start(local.settings())
        assert process.answer() == "ready"
        # The first ones take the lease, and before the last a second page is not written.
        process.ask("reconcile", die_at=dice.randrange(8, 28))
        assert process.answer() is None
        local.let_leases_run_out()
        now = {row[0]: row for row in rows(local, "=", LATE[0])}
        assert len(now) == frames
        # What was answered before the last death was not answered again.
        assert all(now[key] == row for key, row in settled.items())
        settled = {key: row for key, row in now.items() if "src/late.ts" in str(row)}
        assert len(settled) == fresh(local, LATE[0])
        assert local.rows("SELECT reconciled_as FROM symbol_set") == [(None,)]
    symbolicator.jobs.start()
    give_up = time.monotonic() + ALL_SECONDS
    while fresh(local, LATE[0]) < frames:
        assert time.monotonic() < give_up
    now = {row[0]: row for row in rows(local, "=", LATE[0])}
    assert all(now[key] == row for key, row in settled.items())
    assert rows(local, "<>", LATE[0]) == others
