"""Repository of recommendations: one row of each type in a team, computed by whoever claims it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from symbolicate.database.dialect import insert_ignoring
from symbolicate.database.tables import recommendation
from symbolicate.identity import uuid7

READY = "ready"
COMPUTING = "computing"
STUCK_AFTER = timedelta(minutes=5)
"""A claim that is older than this is anybody's again."""

_c = recommendation.c


class RecommendationRow(NamedTuple):
    """One stored recommendation; `meta` is JSON text."""

    id: uuid.UUID
    type: str
    meta: str
    status: str
    computed_at: datetime | None
    dismissed_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Claim(NamedTuple):
    """The right to compute a row, given once; its time tells it from every later claim."""

    team_id: int
    id: uuid.UUID
    type: str
    claimed_at: datetime


_COLUMNS = tuple(_c[name] for name in RecommendationRow._fields)


def ensure(connection: Connection, team_id: int, types: Iterable[str], now: datetime) -> None:
    """Adds a row for each type that the team has none of."""
    statement = select(_c.type).where(_c.team_id == team_id)
    missing = set(types) - set(connection.execute(statement).scalars())
    rows = [
        {
            "id": uuid7(),
            "team_id": team_id,
            "type": name,
            "meta": "{}",
            "status": READY,
            "created_at": now,
            "updated_at": now,
        }
        for name in sorted(missing)
    ]
    if rows:
        connection.execute(insert_ignoring(connection, recommendation), rows)


def claim_stale(
    connection: Connection, team_id: int, name: str, computed_before: datetime, now: datetime
) -> Claim | None:
    """Claims the row of a type unless it was computed after a moment, or is being computed."""
    stale = or_(_c.computed_at.is_(None), _c.computed_at <= computed_before)
    return _claim(connection, team_id, now, _c.type == name, stale)


def claim(
    connection: Connection, team_id: int, recommendation_id: uuid.UUID, now: datetime
) -> Claim | None:
    """Claims a row of any age unless it is being computed."""
    return _claim(connection, team_id, now, _c.id == recommendation_id)


def stale_teams(
    connection: Connection, name: str, computed_before: datetime, limit: int
) -> list[int]:
    """Gives teams whose recommendation of a type was computed, and that too long ago."""
    statement = (
        select(_c.team_id)
        .where(_c.type == name, _c.computed_at <= computed_before)
        .order_by(_c.computed_at)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def finish(connection: Connection, claimed: Claim, meta: str, now: datetime) -> bool:
    """Stores what a claim led to; False if the claim was lost meanwhile."""
    values = {"meta": meta, "computed_at": now, "status": READY, "claimed_at": None}
    return _end(connection, claimed, values)


def give_back(connection: Connection, claimed: Claim) -> bool:
    """Ends a claim that led to nothing; False if it was lost meanwhile."""
    return _end(connection, claimed, {"status": READY, "claimed_at": None})


def dismiss(
    connection: Connection,
    team_id: int,
    recommendation_id: uuid.UUID,
    now: datetime,
    *,
    dismissed: bool = True,
) -> None:
    """Notes that a row was dismissed now, or that it is not any more."""
    connection.execute(
        update(recommendation)
        .where(_c.team_id == team_id, _c.id == recommendation_id)
        .values(dismissed_at=now if dismissed else None, updated_at=now)
    )


def find(
    connection: Connection, team_id: int, recommendation_id: uuid.UUID
) -> RecommendationRow | None:
    """Gives a row of the team by id."""
    statement = select(*_COLUMNS).where(_c.team_id == team_id, _c.id == recommendation_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else RecommendationRow._make(row)


def page(
    connection: Connection, team_id: int, *, limit: int, offset: int
) -> list[RecommendationRow]:
    """Gives one page of the team's rows, ordered by type."""
    statement = (
        select(*_COLUMNS).where(_c.team_id == team_id).order_by(_c.type).limit(limit).offset(offset)
    )
    return [RecommendationRow._make(row) for row in connection.execute(statement)]


def count(connection: Connection, team_id: int) -> int:
    """Counts the team's rows."""
    statement = select(func.count()).select_from(recommendation).where(_c.team_id == team_id)
    return int(connection.execute(statement).scalar_one())


def _claim(
    connection: Connection, team_id: int, now: datetime, *conditions: ColumnElement[bool]
) -> Claim | None:
    free = or_(_c.status == READY, _c.claimed_at.is_(None), _c.claimed_at < now - STUCK_AFTER)
    statement = (
        update(recommendation)
        .where(_c.team_id == team_id, free, *conditions)
        .values(status=COMPUTING, claimed_at=now)
        .returning(_c.id, _c.type)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else Claim(team_id, row.id, row.type, now)


def _end(connection: Connection, claimed: Claim, values: dict[str, Any]) -> bool:
    ours = (_c.team_id == claimed.team_id, _c.id == claimed.id)
    current = _c.claimed_at == claimed.claimed_at
    statement = update(recommendation).where(*ours, current).values(**values)
    return connection.execute(statement).rowcount == 1
