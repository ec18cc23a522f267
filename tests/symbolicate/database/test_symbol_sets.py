"""Symbol sets: what resolvers see of them, when they count as used, and which are due."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from symbolicate.database import pending_uploads, releases, symbol_sets
from symbolicate.database.dialect import CHUNK
from symbolicate.database.engine import Database
from symbolicate.database.symbol_sets import DueSet
from symbolicate.identity import uuid7
from symbolicate.release import Release

if TYPE_CHECKING:
    from tests.symbolicate.database.conftest import SetMaker

Moment = Callable[[float], datetime]

OLD, NEW = b"o" * 32, b"n" * 32
HOUR = 3600


def due(database: Database, limit: int = 10, after: DueSet | None = None) -> list[DueSet]:
    with database.read() as connection:
        return symbol_sets.due(connection, limit, after)


STATES = {
    "pending": (None, "1/uploads/x", False, True),
    "usable": (OLD, None, True, False),
    "usable, replacement pending": (OLD, "1/uploads/x", True, True),
    "nothing": (None, None, False, False),
}


@pytest.mark.parametrize(
    ("data_hash", "upload_key", "usable", "pending"), STATES.values(), ids=STATES.keys()
)
def test_a_state_tells_what_serves_and_whether_an_upload_is_open(
    database: Database,
    symbol_set: SetMaker,
    data_hash: bytes | None,
    upload_key: str | None,
    usable: bool,
    pending: bool,
) -> None:
    row = symbol_set("a", data_hash=data_hash, upload_key=upload_key)
    with database.read() as connection:
        state = symbol_sets.states(connection, 1, ["a", "unknown"])
    assert state.keys() == {"a"}
    found = state["a"]
    assert (found.id, found.ref, found.usable, found.pending) == (row.id, "a", usable, pending)
    assert (found.data_hash, found.release, found.last_used) == (data_hash, None, None)


def test_a_state_holds_the_release_that_the_set_was_built_for(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    made = Release(uuid7(), "h", 1, moment(1), {"git": {"commit_id": "ü\0"}}, "1.0", "shop")
    row = symbol_set("a", data_hash=OLD)
    with database.write() as connection:
        releases.add(connection, made)
        pending_uploads.bind_release(connection, row.id, made.id)
    with database.read() as connection:
        assert symbol_sets.states(connection, 1, ["a"])["a"].release == made


def test_sets_of_other_teams_are_not_seen(database: Database, symbol_set: SetMaker) -> None:
    own, foreign = symbol_set("a", data_hash=OLD), symbol_set("a", team=2, data_hash=NEW)
    with database.read() as connection:
        assert symbol_sets.states(connection, 1, ["a"])["a"].id == own.id
        assert symbol_sets.ref_of(connection, 1, own.id) == "a"
        assert symbol_sets.ref_of(connection, 1, foreign.id) is None


def test_more_refs_than_fit_into_one_statement_are_all_found(
    database: Database, moment: Moment
) -> None:
    ids = {f"{number}": uuid7() for number in range(CHUNK + 1)}
    with database.write() as connection:
        pending_uploads.add_missing(connection, 1, ids, moment(0))
        assert symbol_sets.states(connection, 1, ids).keys() == ids.keys()
        symbol_sets.touch(connection, 1, ids, moment(1))
        found = symbol_sets.states(connection, 1, ids).values()
    assert {state.last_used for state in found} == {moment(1)}


def test_use_is_noted_at_most_once_in_twelve_hours(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    symbol_set("a")
    symbol_set("b")
    symbol_set("a", team=2)

    def used(seconds: float, refs: Iterable[str] = ("a",)) -> list[datetime | None]:
        with database.write() as connection:
            symbol_sets.touch(connection, 1, refs, moment(seconds))
            found = symbol_sets.states(connection, 1, ["a", "b"])
            other = symbol_sets.states(connection, 2, ["a"])
        return [found["a"].last_used, found["b"].last_used, other["a"].last_used]

    assert used(0) == [moment(0), None, None]
    assert used(12 * HOUR, ["a", "b"]) == [moment(0), moment(12 * HOUR), None]
    assert used(12 * HOUR + 1) == [moment(12 * HOUR + 1), moment(12 * HOUR), None]


def test_sets_with_new_bytes_are_due_the_longest_waiting_first(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    late = symbol_set("late", data_hash=OLD, finished=20)
    early = symbol_set("early", team=2, data_hash=OLD, finished=10)
    symbol_set("pending", upload_key="1/uploads/x")
    assert due(database) == [
        DueSet(early.id, 2, "early", OLD, moment(10)),
        DueSet(late.id, 1, "late", OLD, moment(20)),
    ]


def test_the_work_list_is_read_page_by_page_without_gaps_or_repeats(
    database: Database, symbol_set: SetMaker
) -> None:
    for number in range(7):
        symbol_set(f"{number}", data_hash=OLD, finished=number // 3)
    whole = due(database)
    assert len(whole) == 7
    paged, last = [], None
    while page := due(database, 2, last):
        paged += page
        last = page[-1]
    assert paged == whole


def test_a_reconciled_set_is_due_again_only_for_another_resolver(
    database: Database, symbol_set: SetMaker
) -> None:
    symbol_set("a", data_hash=OLD)
    with database.write() as connection:
        symbol_sets.mark_reconciled(connection, due(database)[0], 7)
    assert due(database) == []
    with database.write() as connection:
        symbol_sets.requeue_older(connection, 7)
    assert due(database) == []
    with database.write() as connection:
        symbol_sets.requeue_older(connection, 8)
    assert [one.ref for one in due(database)] == ["a"]


def test_a_set_that_was_replaced_meanwhile_is_not_marked(
    database: Database, symbol_set: SetMaker
) -> None:
    symbol_set("a", data_hash=OLD)
    (before,) = due(database)
    symbol_set("a", data_hash=NEW)
    with database.write() as connection:
        symbol_sets.mark_reconciled(connection, before, 7)
    assert [one.data_hash for one in due(database)] == [NEW]


def test_a_reconciled_set_that_is_replaced_is_due_again(
    database: Database, symbol_set: SetMaker
) -> None:
    symbol_set("a", data_hash=OLD)
    with database.write() as connection:
        symbol_sets.mark_reconciled(connection, due(database)[0], 7)
    symbol_set("a", data_hash=NEW, finished=5)
    assert [one.data_hash for one in due(database)] == [NEW]
