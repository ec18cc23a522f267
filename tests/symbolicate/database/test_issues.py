"""Issues by fingerprint, what they are called, and their events by day."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from symbolicate.database import issues
from symbolicate.database.engine import Database, Duplicate
from symbolicate.database.issues import NewIssue, Title
from symbolicate.database.tables import issue, issue_day

Moment = Callable[[float], datetime]

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)
FIRST = NewIssue(ONE, "first", Title("TypeError", "x is null"))
SECOND = NewIssue(TWO, "second", Title(None, None))


def days(database: Database) -> list[tuple[int, uuid.UUID, int, int]]:
    with database.read() as connection:
        rows = connection.execute(select(issue_day).order_by("team_id", "issue_id", "day"))
        return [tuple(row) for row in rows]


def test_an_issue_is_found_by_its_fingerprint(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        issues.add(connection, 1, [SECOND, FIRST], moment(0))
        found = issues.find(connection, 1, ["first", "second", "third"])
        rows = connection.execute(select(issue.c.status, issue.c.created_at)).all()
    assert found == {"first": ONE, "second": TWO}
    assert [tuple(row) for row in rows] == [("active", moment(0))] * 2


def test_a_fingerprint_belongs_to_one_team(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        issues.add(connection, 1, [FIRST], moment(0))
        assert issues.find(connection, 2, ["first"]) == {}
        issues.add(connection, 2, [FIRST._replace(id=TWO)], moment(0))
        assert issues.find(connection, 1, ["first"]) == {"first": ONE}
        assert issues.find(connection, 2, ["first"]) == {"first": TWO}


def test_a_fingerprint_leads_to_one_issue(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        issues.add(connection, 1, [FIRST], moment(0))
    with pytest.raises(Duplicate), database.write() as connection:
        issues.add(connection, 1, [FIRST._replace(id=TWO)], moment(0))
    with database.read() as connection:
        assert issues.titles(connection, 1, [TWO]) == {}


def test_titles_are_of_the_teams_issues_that_are_there(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        issues.add(connection, 1, [FIRST, SECOND], moment(0))
        found = issues.titles(connection, 1, [ONE, TWO, uuid.UUID(int=3)])
        assert found == {ONE: FIRST.title, TWO: SECOND.title}
        assert issues.titles(connection, 2, [ONE]) == {}


def test_events_of_a_day_add_up(database: Database) -> None:
    with database.write() as connection:
        issues.count_day(connection, 1, 20_000, {TWO: 1, ONE: 2})
        issues.count_day(connection, 1, 20_000, {ONE: 40})
        issues.count_day(connection, 1, 20_001, {ONE: 3})
        issues.count_day(connection, 2, 20_000, {ONE: 5})
    assert days(database) == [
        (1, ONE, 20_000, 42),
        (1, ONE, 20_001, 3),
        (1, TWO, 20_000, 1),
        (2, ONE, 20_000, 5),
    ]


def test_more_than_one_statement_takes(database: Database, moment: Moment) -> None:
    new = [NewIssue(uuid.UUID(int=n), f"f{n}", Title("E", None)) for n in range(1, 1101)]
    events = {item.id: 1 for item in new}
    with database.write() as connection:
        issues.add(connection, 1, new, moment(0))
        issues.count_day(connection, 1, 5, events)
        found = issues.find(connection, 1, [item.fingerprint for item in new])
        assert found == {item.fingerprint: item.id for item in new}
        assert len(issues.titles(connection, 1, events)) == len(new)
    assert len(days(database)) == len(new)
