"""Uploads in progress: rows added once, locked in one order, swapped and discarded whole."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, select, text

from symbolicate.database import pending_uploads
from symbolicate.database.dialect import CHUNK
from symbolicate.database.engine import Database
from symbolicate.database.pending_uploads import Replacement, UploadRow
from symbolicate.database.tables import symbol_set as table
from symbolicate.identity import uuid7

if TYPE_CHECKING:
    from tests.symbolicate.database.conftest import SetMaker

Moment = Callable[[float], datetime]

OLD, NEW = b"o" * 32, b"n" * 32


def find(database: Database, ref: str, team: int = 1) -> UploadRow | None:
    with database.read() as connection:
        return pending_uploads.lock_by_ref(connection, team, [ref]).get(ref)


def test_rows_are_added_where_none_bears_the_ref(database: Database, moment: Moment) -> None:
    first, second = uuid7(), uuid7()
    with database.write() as connection:
        pending_uploads.add_missing(connection, 1, {"a": first}, moment(0))
        pending_uploads.add_missing(connection, 1, {"a": second, "b": second}, moment(1))
        pending_uploads.add_missing(connection, 2, {"a": uuid7()}, moment(1))
        pending_uploads.add_missing(connection, 2, {}, moment(1))
        rows = pending_uploads.lock_by_ref(connection, 1, ["b", "a", "c"])
    assert {ref: row.id for ref, row in rows.items()} == {"a": first, "b": second}


def test_two_that_add_the_same_refs_at_once_see_one_row_each(
    database: Database, moment: Moment
) -> None:
    refs = [f"{number}" for number in range(40)]
    together = threading.Barrier(2, timeout=30)
    seen: list[dict[str, uuid.UUID]] = []

    def add() -> None:
        together.wait()
        with database.write() as connection:
            proposed = {ref: uuid7() for ref in refs}
            pending_uploads.add_missing(connection, 1, proposed, moment(0))
            rows = pending_uploads.lock_by_ref(connection, 1, refs)
            seen.append({ref: row.id for ref, row in rows.items()})

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert seen[0].keys() == set(refs)


LOCKERS: dict[str, Callable[[Connection, dict[str, uuid.UUID]], object]] = {
    "by ref": lambda connection, ids: pending_uploads.lock_by_ref(connection, 1, ids),
    "by id": lambda connection, ids: pending_uploads.lock_by_id(connection, 1, ids.values()),
}


@pytest.mark.parametrize("lock", LOCKERS.values(), ids=LOCKERS.keys())
def test_rows_are_locked_in_the_order_of_their_ids_whatever_names_them(
    postgres_url: str, moment: Moment, lock: Callable[[Connection, dict[str, uuid.UUID]], object]
) -> None:
    """Ids run against the refs, and there are more than fit into one statement."""
    opened = Database(postgres_url)
    ids = sorted(uuid.uuid4() for _ in range(CHUNK + 1))
    by_ref = {f"{number:04}": ids[-number - 1] for number in range(len(ids))}

    def take_all() -> None:
        with opened.write() as connection:
            lock(connection, by_ref)

    thread = threading.Thread(target=take_all)
    with opened.write() as holder:
        pending_uploads.add_missing(holder, 1, by_ref, moment(0))
    with opened.write() as holder:
        pending_uploads.lock_by_id(holder, 1, ids[:1])
        thread.start()
        wait_for_a_waiter(opened)
        with opened.write() as other:
            found = pending_uploads.lock_by_id(other, 1, ids[1:])
            assert len(found) == CHUNK
    thread.join()
    opened.close()


def wait_for_a_waiter(database: Database) -> None:
    """Returns once a transaction waits for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    give_up = time.monotonic() + 10
    waiting = 0
    while waiting == 0 and time.monotonic() < give_up:
        with database.read() as connection:
            waiting = connection.execute(text(query)).scalar_one()
    assert waiting == 1


def test_sets_of_other_teams_are_not_locked(database: Database, symbol_set: SetMaker) -> None:
    own, foreign = symbol_set("a"), symbol_set("a", team=2)
    with database.write() as connection:
        assert pending_uploads.lock_by_id(connection, 1, [own.id, foreign.id]) == {own.id: own}
        assert pending_uploads.lock_by_ref(connection, 2, ["a"]) == {"a": foreign}


def test_an_upload_opens_beside_what_serves(database: Database, symbol_set: SetMaker) -> None:
    before = symbol_set("a", data_hash=OLD)
    after = symbol_set("a", upload_key="1/uploads/x")
    assert after.upload_key == "1/uploads/x"
    assert (after.id, after.storage_key) == (before.id, before.storage_key)
    assert after.content_hash == "token"


def test_a_swap_sets_everything_and_closes_the_upload(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    row = symbol_set("a", data_hash=OLD, upload_key="1/uploads/x")
    with database.write() as connection:
        new = Replacement("1/symbolsets/n", NEW, 7, "hermes", "new token")
        pending_uploads.replace(connection, row.id, new, moment(8))
        facts = connection.execute(select(table)).one()._asdict()
    assert facts == facts | {
        "storage_key": "1/symbolsets/n",
        "data_hash": NEW,
        "size": 7,
        "kind": "hermes",
        "content_hash": "new token",
        "finished_at": moment(8),
        "reconciled_as": None,
        "upload_key": None,
        "upload_started_at": None,
        "upload_content_hash": None,
    }


DISCARDS = {
    "a row without data goes": (None, "1/uploads/x", None),
    "a row with data keeps it": (OLD, "1/uploads/x", (None, "1/symbolsets/a")),
    "a newer upload stays open": (None, "1/uploads/newer", ("1/uploads/newer", None)),
    "a newer upload beside data stays open": (
        OLD,
        "1/uploads/newer",
        ("1/uploads/newer", "1/symbolsets/a"),
    ),
}


@pytest.mark.parametrize(("data_hash", "now_open", "left"), DISCARDS.values(), ids=DISCARDS.keys())
def test_discarding_closes_just_the_failed_upload(
    database: Database,
    symbol_set: SetMaker,
    data_hash: bytes | None,
    now_open: str,
    left: tuple[str | None, str | None] | None,
) -> None:
    failed = symbol_set("a", data_hash=data_hash, upload_key="1/uploads/x")
    symbol_set("a", upload_key=now_open)
    with database.write() as connection:
        pending_uploads.discard(connection, 2, failed)
        pending_uploads.discard(connection, 1, failed)
    found = find(database, "a")
    assert (found and (found.upload_key, found.storage_key)) == left


def test_discarding_in_another_team_touches_nothing(
    database: Database, symbol_set: SetMaker
) -> None:
    row = symbol_set("a", upload_key="1/uploads/x")
    with database.write() as connection:
        pending_uploads.discard(connection, 2, row)
    assert find(database, "a") == row
