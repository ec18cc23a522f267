"""What recommendations are made of: frames of JavaScript, and issues that go on for long."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, text

from symbolicate.database import frames, recommendation_facts
from symbolicate.database.engine import Database
from symbolicate.database.recommendation_facts import FrameCounts, LongRunningIssue
from symbolicate.database.tables import issue, issue_day

if TYPE_CHECKING:
    from tests.symbolicate.database.conftest import FrameMaker

Moment = Callable[[float], datetime]

DAY = 86_400
ONE, TWO, THREE, FOUR = (uuid.UUID(int=number) for number in (1, 2, 3, 4))


def add_issue(database: Database, made: uuid.UUID, created: datetime, **given: Any) -> None:
    row = {"id": made, "team_id": 1, "name": "TypeError", "description": None, "status": "active"}
    with database.write() as connection:
        connection.execute(insert(issue).values(**row | {"created_at": created} | given))


def add_day(
    database: Database, issue_id: uuid.UUID, day: int, events: int = 1, team_id: int = 1
) -> None:
    row = {"team_id": team_id, "issue_id": issue_id, "day": day, "events": events}
    with database.write() as connection:
        connection.execute(insert(issue_day).values(**row))


def long_running(
    database: Database, moment: Moment, team_id: int = 1, limit: int = 5
) -> list[LongRunningIssue]:
    """Asks for those that began before the start and had events since day 100."""
    with database.read() as connection:
        return recommendation_facts.long_running(
            connection, team_id, begun_before=moment(0), since_day=100, limit=limit
        )


def counted(database: Database, since: datetime, team_id: int = 1) -> FrameCounts:
    with database.read() as connection:
        return recommendation_facts.javascript_frames(connection, team_id, since)


def test_frames_of_javascript_are_counted_by_whether_they_are_resolved(
    database: Database, frame: FrameMaker, moment: Moment
) -> None:
    def save(team_id: int, now: float, *names: int, **given: Any) -> None:
        with database.write() as connection:
            made = [frame(name, **given) for name in names]
            frames.save(connection, team_id, made, moment(now))

    save(1, 100, 1, 2, 3)
    save(1, 100, 4, resolved=False)
    save(1, 100, 5, 6, resolved=False, lang="python")
    save(1, 99, 7, resolved=False)
    save(2, 100, 8)
    assert counted(database, moment(100)) == FrameCounts(4, 1)
    assert counted(database, moment(99)) == FrameCounts(5, 2)
    assert counted(database, moment(101)) == FrameCounts(0, 0)
    assert counted(database, moment(0), team_id=2) == FrameCounts(1, 0)


def test_frames_of_javascript_are_found_by_their_index(database: Database, moment: Moment) -> None:
    seen: list[str] = []
    with database.read() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        execute = connection.execute

        def explained(statement: Any) -> Any:
            compiled = statement.compile(
                dialect=database.engine.dialect, compile_kwargs={"literal_binds": True}
            )
            word = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
            plan = connection.exec_driver_sql(f"{word} {str(compiled).replace('%', '%%')}")
            seen.append(str(plan.all()))
            return execute(statement)

        connection.execute = explained  # type: ignore[method-assign, assignment]
        recommendation_facts.javascript_frames(connection, 1, moment(0))
    assert "ix_stack_frame_javascript" in seen[0]


def test_events_of_the_days_asked_for_are_added_up(database: Database, moment: Moment) -> None:
    add_issue(database, ONE, moment(-DAY), description="x is undefined")
    for day, events in ((99, 50), (100, 3), (107, 4)):
        add_day(database, ONE, day, events)
    assert long_running(database, moment) == [
        LongRunningIssue(ONE, "TypeError", "x is undefined", moment(-DAY), "active", 7)
    ]


@pytest.mark.parametrize(
    ("created", "status", "day", "events", "found"),
    [
        pytest.param(-1, "active", 100, 1, True, id="old, active, seen lately"),
        pytest.param(0, "active", 100, 1, False, id="begun at the moment"),
        pytest.param(5, "active", 100, 1, False, id="begun after it"),
        pytest.param(-1, "resolved", 100, 1, False, id="resolved"),
        pytest.param(-1, "suppressed", 100, 1, False, id="suppressed"),
        pytest.param(-1, "active", 99, 1, False, id="seen too long ago"),
        pytest.param(-1, "active", 100, 0, False, id="a day without events"),
    ],
)
def test_only_what_goes_on_for_long_is_listed(
    database: Database,
    moment: Moment,
    created: float,
    status: str,
    day: int,
    events: int,
    found: bool,
) -> None:
    add_issue(database, ONE, moment(created), status=status)
    add_day(database, ONE, day, events)
    assert len(long_running(database, moment)) == found


def test_the_oldest_come_first_and_the_rest_is_cut_off(database: Database, moment: Moment) -> None:
    for made, age in ((TWO, 3), (FOUR, 4), (ONE, 1), (THREE, 3)):
        add_issue(database, made, moment(-age * DAY))
        add_day(database, made, 100)
    assert [one.id for one in long_running(database, moment)] == [FOUR, TWO, THREE, ONE]
    assert [one.id for one in long_running(database, moment, limit=2)] == [FOUR, TWO]


def test_other_teams_issues_and_days_are_not_seen(database: Database, moment: Moment) -> None:
    add_issue(database, ONE, moment(-DAY))
    add_day(database, ONE, 100, 7, team_id=2)
    assert long_running(database, moment) == []
    assert long_running(database, moment, team_id=2) == []


def test_the_status_of_issues_that_are_there(database: Database, moment: Moment) -> None:
    add_issue(database, ONE, moment(0), status="resolved")
    add_issue(database, TWO, moment(0), team_id=2)
    with database.read() as connection:
        found = recommendation_facts.issue_statuses(connection, 1, [ONE, TWO, THREE])
        assert recommendation_facts.issue_statuses(connection, 1, []) == {}
    assert found == {ONE: "resolved"}
