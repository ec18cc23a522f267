"""Queries whose answers recommendations are made of."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnClause, Connection, case, func, literal_column, select

from symbolicate.database.dialect import chunks
from symbolicate.database.issues import ACTIVE
from symbolicate.database.tables import issue, issue_day, stack_frame

# Literally as the partial index has it: SQLite does not look at what a parameter holds.
_JAVASCRIPT: ColumnClause[str] = literal_column("'javascript'")


class FrameCounts(NamedTuple):
    """How many frames there are, and how many of them are not resolved."""

    total: int
    unresolved: int


class LongRunningIssue(NamedTuple):
    """An issue that began long ago, and how many events it had lately."""

    id: uuid.UUID
    name: str | None
    description: str | None
    created_at: datetime
    status: str
    events: int


def javascript_frames(connection: Connection, team_id: int, since: datetime) -> FrameCounts:
    """Counts the frames of JavaScript that were stored since a moment."""
    c = stack_frame.c
    unresolved = func.sum(case((c.resolved, 0), else_=1))
    statement = select(func.count(), func.coalesce(unresolved, 0)).where(
        c.team_id == team_id, c.lang == _JAVASCRIPT, c.created_at >= since
    )
    total, open_ones = connection.execute(statement).one()
    return FrameCounts(total, int(open_ones))


def long_running(
    connection: Connection, team_id: int, *, begun_before: datetime, since_day: int, limit: int
) -> list[LongRunningIssue]:
    """Gives active issues that began before a moment and had events since a day, the oldest first.

    Days are numbered from 1970-01-01 in UTC.
    """
    events = func.sum(issue_day.c.events)
    columns = (issue.c.id, issue.c.name, issue.c.description, issue.c.created_at, issue.c.status)
    statement = (
        select(*columns, events)
        .join_from(
            issue,
            issue_day,
            (issue_day.c.team_id == issue.c.team_id) & (issue_day.c.issue_id == issue.c.id),
        )
        .where(
            issue.c.team_id == team_id,
            issue.c.status == ACTIVE,
            issue.c.created_at < begun_before,
            issue_day.c.day >= since_day,
        )
        .group_by(*columns)
        .having(events > 0)
        .order_by(issue.c.created_at, issue.c.id)
        .limit(limit)
    )
    found = [LongRunningIssue._make(row) for row in connection.execute(statement)]
    return [one._replace(events=int(one.events)) for one in found]


def issue_statuses(
    connection: Connection, team_id: int, ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """Gives the status of each of these issues that is still there."""
    found: dict[uuid.UUID, str] = {}
    for some in chunks(ids):
        statement = select(issue.c.id, issue.c.status).where(
            issue.c.team_id == team_id, issue.c.id.in_(some)
        )
        found |= {row.id: row.status for row in connection.execute(statement)}
    return found
