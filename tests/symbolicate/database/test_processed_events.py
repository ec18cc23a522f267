"""What was decided about events is found again, by team."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from symbolicate.database import processed_events
from symbolicate.database.engine import Database, Duplicate
from symbolicate.database.processed_events import Verdict
from symbolicate.database.tables import processed_event

Moment = Callable[[float], datetime]

ISSUE = uuid.UUID(int=7)
OK = Verdict("ok", None, ISSUE, "fingerprint")
DROPPED = Verdict("dropped", "issue_budget", None, "other")
ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


def test_verdicts_are_found_as_they_were_stored(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        processed_events.add(connection, 1, {TWO: DROPPED, ONE: OK}, moment(5))
    with database.read() as connection:
        found = processed_events.find(connection, 1, [ONE, TWO, THREE])
        times = connection.execute(select(processed_event.c.finished_at)).scalars().all()
    assert found == {ONE: OK, TWO: DROPPED}
    assert times == [moment(5), moment(5)]


def test_another_teams_events_are_not_found(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        processed_events.add(connection, 1, {ONE: OK}, moment(0))
        processed_events.add(connection, 2, {ONE: DROPPED}, moment(0))
        assert processed_events.find(connection, 1, [ONE]) == {ONE: OK}
        assert processed_events.find(connection, 2, [ONE]) == {ONE: DROPPED}
        assert processed_events.find(connection, 3, [ONE]) == {}


def test_an_event_is_decided_about_once(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        processed_events.add(connection, 1, {ONE: OK}, moment(0))
    with pytest.raises(Duplicate), database.write() as connection:
        processed_events.add(connection, 1, {ONE: DROPPED}, moment(0))


def test_more_events_than_one_statement_takes(database: Database, moment: Moment) -> None:
    verdicts = {number.to_bytes(32, "big"): OK for number in range(1200)}
    with database.write() as connection:
        processed_events.add(connection, 1, verdicts, moment(0))
        assert processed_events.find(connection, 1, verdicts) == verdicts
