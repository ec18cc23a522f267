"""Deleting sets: only the team's own, with the frames that failed, whole or not at all."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from symbolicate.database import frames, pending_uploads, set_deletion
from symbolicate.database.dialect import CHUNK
from symbolicate.database.engine import Database
from symbolicate.database.set_deletion import RemovedSets
from symbolicate.database.tables import stack_frame
from symbolicate.database.tables import symbol_set as table
from symbolicate.identity import uuid7

if TYPE_CHECKING:
    from tests.symbolicate.database.conftest import FrameMaker, SetMaker

Moment = Callable[[float], datetime]
HASH = b"h" * 32


def remove(database: Database, ids: list[uuid.UUID], team: int = 1) -> RemovedSets:
    with database.write() as connection:
        return set_deletion.remove_sets(connection, team, ids)


def refs(database: Database) -> list[tuple[int, str]]:
    with database.read() as connection:
        rows = connection.execute(select(table.c.team_id, table.c.ref))
        return sorted((row.team_id, row.ref) for row in rows)


def stored(database: Database) -> list[tuple[int, int]]:
    """Gives the team and the first byte of the raw id of every frame."""
    with database.read() as connection:
        rows = connection.execute(select(stack_frame.c.team_id, stack_frame.c.raw_id))
        return sorted((row.team_id, row.raw_id[0]) for row in rows)


def test_the_rows_go_and_come_back_as_they_were(database: Database, symbol_set: SetMaker) -> None:
    usable = symbol_set("usable", data_hash=HASH, upload_key="1/uploads/x")
    pending, kept = symbol_set("pending", upload_key="1/uploads/y"), symbol_set("kept")
    removed = remove(database, [pending.id, usable.id])
    assert sorted(removed.rows, key=lambda row: row.ref) == [pending, usable]
    assert refs(database) == [(1, "kept")]
    assert remove(database, [pending.id, usable.id]) == RemovedSets([], [])
    assert remove(database, [kept.id, kept.id]).rows == [kept]


def test_sets_of_other_teams_and_unknown_ones_are_passed_over(
    database: Database, symbol_set: SetMaker
) -> None:
    own, foreign = symbol_set("chunk"), symbol_set("chunk", team=2)
    removed = remove(database, [foreign.id, uuid7(), own.id])
    assert removed.rows == [own]
    assert refs(database) == [(2, "chunk")]
    assert remove(database, []) == RemovedSets([], [])


def test_only_failed_frames_under_the_refs_of_the_team_go(
    database: Database, symbol_set: SetMaker, frame: FrameMaker, moment: Moment
) -> None:
    gone = symbol_set("gone", data_hash=HASH)
    symbol_set("stays", data_hash=HASH)
    with database.write() as connection:
        own = [
            frame(1, symbol_set_ref="gone", failure_code="symbol_not_found", resolved=False),
            frame(2, symbol_set_ref="gone", symbol_set_data_hash=HASH),
            frame(3, symbol_set_ref="gone", resolved=False),
            frame(4, symbol_set_ref="stays", failure_code="malformed", resolved=False),
            frame(5, failure_code="no_reference", resolved=False),
        ]
        foreign = frame(6, symbol_set_ref="gone", failure_code="malformed", resolved=False)
        frames.save(connection, 1, own, moment(0))
        frames.save(connection, 2, [foreign], moment(0))
    assert remove(database, [gone.id]).raw_ids == [bytes([1]) * 32]
    assert stored(database) == [(1, 2), (1, 3), (1, 4), (1, 5), (2, 6)]


def test_any_number_of_sets_goes_in_one_transaction(database: Database, moment: Moment) -> None:
    names = {f"chunk {number}": uuid7() for number in range(CHUNK + 3)}
    with database.write() as connection:
        pending_uploads.add_missing(connection, 1, names, moment(0))

    def abandoned() -> None:
        with database.write() as connection:
            removed = set_deletion.remove_sets(connection, 1, list(names.values()))
            assert len(removed.rows) == CHUNK + 3
            raise RuntimeError

    with pytest.raises(RuntimeError):
        abandoned()
    assert len(refs(database)) == CHUNK + 3
    assert len(remove(database, list(names.values())).rows) == CHUNK + 3
    assert refs(database) == []


def test_of_two_deletions_at_once_each_set_is_told_to_one(
    database: Database, symbol_set: SetMaker
) -> None:
    ids = [symbol_set(f"{number}").id for number in range(20)]
    together = threading.Barrier(2, timeout=30)
    told: list[list[uuid.UUID]] = []

    def delete(order: list[uuid.UUID]) -> None:
        together.wait()
        told.append([row.id for row in remove(database, order).rows])

    threads = [threading.Thread(target=delete, args=(order,)) for order in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told[0] + told[1]) == sorted(ids)
