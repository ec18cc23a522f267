"""What compiling made of symbol sets: what is tried again when limits grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from symbolicate.database import compiled_sets, symbol_sets
from symbolicate.database.engine import Database
from symbolicate.database.tables import symbol_set
from symbolicate.outcome import Failure

SetMaker = Callable[..., Any]
FrameMaker = Callable[..., Any]
HASH = bytes(32)
LIMITED = Failure("limit_exceeded", "segments of 9 exceeds the limit of 8")


@pytest.mark.parametrize(
    ("failed_as", "forgotten"),
    [
        pytest.param("js1 60 1000", 1, id="less time"),
        pytest.param("js1 120 999", 1, id="less memory"),
        pytest.param("js1 60 2000", 1, id="less time and more memory"),
        pytest.param("js1 120 1000", 0, id="the same"),
        pytest.param("js1 120.5 2000", 0, id="more of both"),
        pytest.param("js1", 1, id="unknown"),
    ],
)
def test_only_what_smaller_limits_refused_is_tried_again(
    database: Database, symbol_set: SetMaker, failed_as: str, forgotten: int
) -> None:
    refuse(database, symbol_set("a", data_hash=HASH), LIMITED, failed_as)
    refuse(database, symbol_set("b", data_hash=HASH), Failure("malformed", "no"), "js1 1 1")
    with database.write() as connection:
        assert compiled_sets.forget_outgrown(connection, 120.0, 1000) == forgotten
        states = symbol_sets.states(connection, 1, ["a", "b"])
        waiting = compiled_sets.uncompiled(connection, ["javascript"], 9)
    assert (states["a"].failure is None, states["b"].failure is None) == (forgotten == 1, False)
    assert [one.ref for one in waiting] == ["a"] * forgotten


def test_the_limits_are_no_part_of_the_version(database: Database, symbol_set: SetMaker) -> None:
    refuse(database, symbol_set("a", data_hash=HASH), LIMITED, "js1 120 1000")
    with database.read() as connection:
        state = symbol_sets.states(connection, 1, ["a"])["a"]
    assert (state.failure, state.failed_as) == (LIMITED, "js1")


def refuse(database: Database, row: Any, failure: Failure, failed_as: str) -> None:
    with database.write() as connection:
        now = connection.execute(select(symbol_set.c.created_at)).scalars().first()
        assert now is not None
        connection.execute(update(symbol_set).values(kind="javascript", finished_at=now))
        compiled_sets.mark_failed(connection, row.id, HASH, failure, failed_as, now)
