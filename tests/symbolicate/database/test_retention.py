"""What is kept no longer: unused sets, abandoned uploads, old frames."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select, update

from symbolicate.database import frames, retention
from symbolicate.database.engine import Database
from symbolicate.database.pending_uploads import UploadRow
from symbolicate.database.retention import Unused
from symbolicate.database.tables import api_key, stack_frame, symbol_set, team

if TYPE_CHECKING:
    from tests.symbolicate.database.conftest import FrameMaker, SetMaker

Moment = Callable[[float], datetime]

LATER = 1000.0
"""Sets are unused here if nothing happened to them since this second."""
HASH = bytes(32)


def change(database: Database, row: UploadRow, **values: Any) -> None:
    with database.write() as connection:
        connection.execute(update(symbol_set).where(symbol_set.c.id == row.id).values(**values))


def unused(
    database: Database, moment: Moment, *, or_never: bool = True, team_id: int = 1
) -> list[str]:
    with database.read() as connection:
        rule = Unused(moment(LATER), or_never)
        return [row.ref for row in retention.unused_sets(connection, team_id, rule, 100)]


@pytest.mark.parametrize(
    ("last_used", "created", "finished", "or_never", "found"),
    [
        pytest.param(999, 0, 0, True, True, id="used long ago"),
        pytest.param(1000, 0, 0, True, False, id="used since"),
        pytest.param(None, 999, 0, True, True, id="never used"),
        pytest.param(None, 1000, 0, True, False, id="never used, made since"),
        pytest.param(None, 0, 0, False, False, id="never used, and those are kept"),
        pytest.param(999, 0, 0, False, True, id="used long ago, never used ones are kept"),
        pytest.param(999, 0, 999, True, True, id="uploaded again long ago"),
        pytest.param(999, 0, 1000, True, False, id="uploaded again since"),
        pytest.param(None, 0, 1000, True, False, id="never used, uploaded since"),
        pytest.param(999, 0, None, True, True, id="never uploaded"),
        pytest.param(999, 1000, 0, True, True, id="made since, which only counts if never used"),
    ],
)
def test_a_set_is_unused_by_when_it_was_used_and_uploaded(
    database: Database,
    symbol_set: SetMaker,
    moment: Moment,
    last_used: float | None,
    created: float,
    finished: float | None,
    or_never: bool,
    found: bool,
) -> None:
    change(
        database,
        symbol_set("a", data_hash=HASH),
        last_used=None if last_used is None else moment(last_used),
        created_at=moment(created),
        finished_at=None if finished is None else moment(finished),
    )
    assert (unused(database, moment, or_never=or_never) == ["a"]) is found


def test_a_set_whose_upload_is_open_is_in_use(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    symbol_set("serving", data_hash=HASH, upload_key="1/uploads/a")
    symbol_set("new", upload_key="1/uploads/b")
    symbol_set("neither")
    assert unused(database, moment) == ["neither"]


def test_unused_sets_are_read_page_by_page_and_by_team(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    made = sorted((symbol_set(f"{number}") for number in range(5)), key=lambda row: row.id)
    theirs = symbol_set("0", team=2)
    rule = Unused(moment(LATER), True)
    with database.read() as connection:
        first = retention.unused_sets(connection, 1, rule, 3)
        rest = retention.unused_sets(connection, 1, rule, 3, first[-1].id)
        assert retention.unused_sets(connection, 2, rule, 3) == [theirs]
    assert [*first, *rest] == made
    assert len(first) == 3


def test_sets_are_judged_again(database: Database, symbol_set: SetMaker, moment: Moment) -> None:
    idle, used, theirs = symbol_set("idle"), symbol_set("used"), symbol_set("idle", team=2)
    change(database, used, last_used=moment(LATER))
    ids = [used.id, idle.id, theirs.id, uuid.UUID(int=7)]
    with database.write() as connection:
        rule = Unused(moment(LATER), True)
        assert retention.still_unused(connection, 1, rule, ids) == [idle.id]


def test_failed_frames_are_counted_by_ref(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    rows = [
        frame(1, symbol_set_ref="a", failure_code="no_symbol_set"),
        frame(2, symbol_set_ref="b", failure_code="no_symbol_set"),
        frame(3, symbol_set_ref="c", failure_code="no_symbol_set"),
        frame(4, symbol_set_ref="a"),
        frame(5, failure_code="invalid_frame"),
    ]
    with database.write() as connection:
        frames.save(connection, 1, rows, moment(0))
        frames.save(connection, 2, [rows[0]._replace(id=uuid.UUID(int=1))], moment(0))
        assert retention.failed_frames(connection, 1, ["a", "b"]) == 2
        assert retention.failed_frames(connection, 1, []) == 0


def test_an_upload_is_abandoned_by_when_it_was_started(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    old = symbol_set("old", upload_key="1/uploads/a")
    serving = symbol_set("serving", data_hash=HASH, upload_key="1/uploads/b")
    young = symbol_set("young", upload_key="1/uploads/c")
    change(database, young, upload_started_at=moment(1))
    symbol_set("finished", data_hash=HASH)
    theirs = symbol_set("old", team=2, upload_key="2/uploads/a")
    with database.write() as connection:
        found = retention.abandoned_uploads(connection, 1, moment(1), 9)
        assert found == sorted([old, serving], key=lambda row: row.id)
        assert retention.abandoned_uploads(connection, 1, moment(1), 9, found[0].id) == found[1:]
        assert retention.abandoned_uploads(connection, 1, moment(1), 1) == found[:1]
        ids = [row.id for row in (young, old, theirs)]
        assert retention.still_abandoned(connection, 1, moment(1), ids) == [old]


def test_old_frames_go_with_all_their_parts(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    with database.write() as connection:
        rows = [frame(1), frame(1, part=1), frame(2), frame(3)]
        for at, some in ((0, rows[:2]), (1, rows[2:3]), (2, rows[3:])):
            frames.save(connection, 1, some, moment(at))
        frames.save(connection, 2, [frame(1)], moment(0))
        assert retention.count_old_frames(connection, 1, moment(2)) == 3
        first = retention.delete_old_frames(connection, 1, moment(2), 1)
        rest = retention.delete_old_frames(connection, 1, moment(2), 9)
        assert retention.delete_old_frames(connection, 1, moment(2), 9) == ([], 0)
        left = select(stack_frame.c.team_id, stack_frame.c.raw_id).order_by(stack_frame.c.team_id)
        assert connection.execute(left).all() == [(1, b"\3" * 32), (2, b"\1" * 32)]
    assert first == ([b"\1" * 32], 2)
    assert rest == ([b"\2" * 32], 1)


def test_every_team_that_owns_something_is_known(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    symbol_set("a", team=3)
    symbol_set("b", team=3)
    common = {"created_at": moment(0)}
    key = {"sha256": HASH, "scopes": "*", "label": "", "team_id": 2, **common}
    with database.write() as connection:
        connection.execute(insert(team).values(id=1, name="", project_token="t", **common))
        connection.execute(insert(api_key).values(id=uuid.UUID(int=1), **key))
        assert retention.teams(connection) == [1, 2, 3]
        assert connection.execute(select(func.count()).select_from(team)).scalar_one() == 1
