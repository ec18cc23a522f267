"""Stored frames: replaced with their ids kept, never by ignorance, and found when stale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from symbolicate.database import frame_listing, frames, pending_uploads
from symbolicate.database.dialect import CHUNK, chunks
from symbolicate.database.engine import Database
from symbolicate.database.frames import FrameRow, NewFrame, SourceRow
from symbolicate.database.pending_uploads import Replacement
from symbolicate.identity import uuid7

if TYPE_CHECKING:
    from tests.symbolicate.database.conftest import FrameMaker, SetMaker

Moment = Callable[[float], datetime]

OLD, NEW = b"o" * 32, b"n" * 32


def save(database: Database, new: Sequence[NewFrame], now: datetime, team: int = 1) -> None:
    with database.write() as connection:
        frames.save(connection, team, new, now)


def load(database: Database, *names: int, team: int = 1) -> list[FrameRow]:
    with database.read() as connection:
        return frames.load(connection, team, [bytes([name]) * 32 for name in names])


def test_a_frame_comes_back_as_it_was_stored(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    stored = frame(
        1,
        raw_frame='{"a":"\\u0000 ü"}',
        debug_image="{}",
        symbol_set_ref="ünï/\U0001f4a9",
        symbol_set_data_hash=bytes(range(32)),
        contents='{"a": 1}',
        context="{}",
        resolved=False,
        failure_code="transient",
        retry_at=moment(5),
    )
    save(database, [stored], moment(1))
    (row,) = load(database, 1)
    assert row == tuple(getattr(stored, n, moment(1)) for n in FrameRow._fields)
    with database.read() as connection:
        found = frames.sources(connection, 1, [stored.raw_id, bytes(32)])
    assert found == {stored.raw_id: SourceRow('{"a":"\\u0000 ü"}', "{}")}


def test_a_frame_saved_again_keeps_its_id_and_gets_a_new_time(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    first = frame(1, contents='"first"')
    save(database, [first], moment(0))
    save(database, [frame(1, contents='"second"')], moment(9))
    (row,) = load(database, 1)
    assert (row.id, row.created_at, row.contents) == (first.id, moment(9), '"second"')


@pytest.mark.parametrize(("before", "after"), [(3, 1), (3, 2), (1, 3), (2, 2)])
def test_parts_beyond_the_new_ones_are_deleted(
    database: Database, frame: FrameMaker, moment: Moment, before: int, after: int
) -> None:
    save(database, [frame(1, part=part) for part in range(before)], moment(0))
    save(database, [frame(2, part=part) for part in range(before)], moment(0))
    save(database, [frame(1, part=part) for part in range(before)], moment(0), team=2)
    save(database, [frame(1, part=part) for part in reversed(range(after))], moment(1))
    assert [row.part for row in load(database, 1)] == list(range(after))
    assert [row.part for row in load(database, 2)] == list(range(before))
    assert [row.part for row in load(database, 1, team=2)] == list(range(before))


REPLACEMENTS = {
    "ignorance by ignorance": (None, None, "new"),
    "ignorance by an answer": (None, NEW, "new"),
    "an answer by a newer answer": (OLD, NEW, "new"),
    "an answer by ignorance": (OLD, None, "old"),
}


@pytest.mark.parametrize(("had", "has", "kept"), REPLACEMENTS.values(), ids=REPLACEMENTS.keys())
def test_an_answer_is_never_replaced_by_ignorance(
    database: Database,
    frame: FrameMaker,
    moment: Moment,
    had: bytes | None,
    has: bytes | None,
    kept: str,
) -> None:
    old = [frame(1, part=part, symbol_set_data_hash=had, contents='"old"') for part in (0, 1)]
    save(database, old, moment(0))
    save(database, [frame(1, symbol_set_data_hash=has, contents='"new"')], moment(1))
    rows = load(database, 1)
    assert [row.contents for row in rows] == ([f'"{kept}"'] if kept == "new" else ['"old"'] * 2)
    assert rows[0].created_at == moment(1 if kept == "new" else 0)


def test_raw_ids_of_other_teams_are_not_seen(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    save(database, [frame(1, contents='"one"')], moment(0), team=1)
    save(database, [frame(1, contents='"two"')], moment(0), team=2)
    assert [row.contents for row in load(database, 1, team=1)] == ['"one"']
    assert load(database, 1, team=3) == []
    with database.read() as connection:
        assert frames.sources(connection, 3, [bytes([1]) * 32]) == {}


def test_more_raw_ids_than_fit_into_one_statement_are_all_read(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    many = [frame(0)._replace(raw_id=n.to_bytes(32, "big")) for n in range(CHUNK + 1)]
    save(database, many, moment(0))
    with database.read() as connection:
        rows = frames.load(connection, 1, [one.raw_id for one in many])
        assert len(frames.sources(connection, 1, [one.raw_id for one in many])) == CHUNK + 1
    assert {row.raw_id for row in rows} == {one.raw_id for one in many}


def test_chunks_cut_without_losing_or_repeating() -> None:
    assert list(chunks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([], 3)) == []


def test_writers_that_meet_the_same_frames_in_another_order_do_not_lock_each_other_out(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    both = threading.Barrier(2, timeout=30)
    failures: list[Exception] = []

    def write(names: Sequence[int]) -> None:
        try:
            for _ in range(10):
                both.wait()
                save(database, [frame(name) for name in names], moment(0))
        except Exception as error:
            failures.append(error)
            both.abort()

    orders = [range(1, 60), range(59, 0, -1)]
    threads = [threading.Thread(target=write, args=(names,)) for names in orders]
    run(threads)
    assert failures == []


def test_hashes_now_gives_the_serving_generation_of_the_refs_that_have_a_row(
    database: Database, symbol_set: SetMaker
) -> None:
    symbol_set("a", data_hash=OLD, upload_key="1/uploads/a")
    symbol_set("b", upload_key="1/uploads/b")
    symbol_set("a", team=2, data_hash=NEW)
    with database.write() as connection:
        assert frames.hashes_now(connection, 1, {"a", "b", "c"}) == {"a": OLD, "b": None}


def test_a_replacement_waits_until_rows_of_the_generation_read_are_written(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    """On PostgreSQL the row is held, on SQLite the write lock."""
    row = symbol_set("a", data_hash=OLD)
    reading, replaced = threading.Event(), threading.Event()

    def switch() -> None:
        reading.wait()
        with database.write() as connection:
            new = Replacement("1/symbolsets/new", NEW, 1, "javascript", "t")
            pending_uploads.replace(connection, row.id, new, moment(0))
        replaced.set()

    thread = threading.Thread(target=switch)
    thread.start()
    with database.write() as connection:
        frames.hashes_now(connection, 1, ["a"])
        reading.set()
        assert not replaced.wait(0.2)
        assert frames.hashes_now(connection, 1, ["a"]) == {"a": OLD}
    thread.join()
    with database.write() as connection:
        assert frames.hashes_now(connection, 1, ["a"]) == {"a": NEW}


def test_two_writers_of_frames_may_hold_the_same_generation_on_postgresql(
    postgres_url: str, moment: Moment
) -> None:
    opened = Database(postgres_url)
    with opened.write() as connection:
        pending_uploads.add_missing(connection, 1, {"a": uuid7()}, moment(0))
    with opened.write() as one, opened.write() as other:
        other.execute(text("SET LOCAL lock_timeout = 1000"))
        assert frames.hashes_now(one, 1, ["a"]) == frames.hashes_now(other, 1, ["a"])
    opened.close()


STALE = {
    "no generation": ({"symbol_set_data_hash": None}, True),
    "another generation": ({"symbol_set_data_hash": OLD}, True),
    "this generation": ({"symbol_set_data_hash": NEW}, False),
    "this generation, another resolver": (
        {"symbol_set_data_hash": NEW, "resolver_version": 2},
        True,
    ),
    "another ref": ({"symbol_set_ref": "b"}, False),
    "no ref": ({"symbol_set_ref": None}, False),
}


@pytest.mark.parametrize(("changed", "stale"), STALE.values(), ids=STALE.keys())
def test_a_frame_is_stale_for_a_set_that_has_other_bytes_or_an_older_resolver(
    database: Database, frame: FrameMaker, moment: Moment, changed: dict[str, Any], stale: bool
) -> None:
    facts = {"symbol_set_ref": "a", **changed}
    save(database, [frame(1, **facts), frame(1, part=1, **facts)], moment(0))
    save(database, [frame(2, **facts)], moment(0), team=2)
    assert stale_page(database) == ([1] if stale else [])


def test_stale_frames_come_oldest_first_page_by_page(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    for name, seconds in {1: 30, 2: 10, 3: 20}.items():
        save(database, [frame(name, symbol_set_ref="a")], moment(seconds))
    assert stale_page(database, limit=2) == [2, 3]
    assert stale_page(database, limit=2, offset=2) == [1]


def test_frames_are_due_for_retry_from_their_moment_on_the_longest_waiting_first(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    save(database, [frame(1, retry_at=moment(30)), frame(2, retry_at=moment(20))], moment(0))
    save(database, [frame(3, retry_at=moment(25))], moment(0), team=2)
    save(database, [frame(4, retry_at=moment(30.000001)), frame(5)], moment(0))
    with database.read() as connection:
        due = frames.due_for_retry(connection, moment(30), 10)
        first = frames.due_for_retry(connection, moment(30), 1)
    assert [(team, raw_id[0]) for team, raw_id in due] == [(1, 2), (2, 3), (1, 1)]
    assert first == due[:1]


def test_the_list_is_newest_first_then_by_id_and_of_one_team(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    together = [frame(1), frame(2, symbol_set_ref="a"), frame(2, part=1, symbol_set_ref="a")]
    save(database, together, moment(5))
    save(database, [frame(3, symbol_set_ref="a")], moment(9))
    save(database, [frame(4)], moment(1))
    save(database, [frame(5)], moment(7), team=2)
    expected = [row.id for row in load(database, 3)]
    expected += sorted((one.id for one in together), reverse=True)
    expected += [row.id for row in load(database, 4)]
    with database.read() as connection:
        listed = frame_listing.newest(connection, 1, limit=10)
        assert [row.id for row in listed] == expected
        page = frame_listing.newest(connection, 1, limit=2, offset=1)
        assert [row.id for row in page] == expected[1:3]
        linked = frame_listing.newest(connection, 1, limit=10, ref="a")
        assert [row.id for row in linked] == [i for i in expected if i in {r.id for r in linked}]
        assert len(linked) == 3
        assert frame_listing.count(connection, 1) == 5


def test_a_frame_is_found_by_id_in_its_own_team_only(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    stored = frame(1)
    save(database, [stored], moment(0))
    with database.read() as connection:
        found = frame_listing.find(connection, 1, stored.id)
        assert found is not None
        assert found.raw_id == stored.raw_id
        assert frame_listing.find(connection, 2, stored.id) is None


def stale_page(database: Database, *, limit: int = 10, offset: int = 0) -> list[int]:
    """Names the frames of team 1 that are stale for the new generation of the set `a`."""
    with database.read() as connection:
        found = frames.stale_for(connection, 1, "a", NEW, 1, limit=limit, offset=offset)
    return [raw_id[0] for raw_id in found]


def run(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
