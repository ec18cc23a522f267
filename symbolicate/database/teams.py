"""Repository of teams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from symbolicate.database.dialect import insert_ignoring
from symbolicate.database.tables import team


@dataclass(frozen=True, slots=True)
class Team:
    """A tenant; `project_token` is what SDKs send with their events."""

    id: int
    name: str
    project_token: str


def find(connection: Connection, team_id: int) -> Team | None:
    """Gives the team, or None."""
    row = connection.execute(
        select(team.c.id, team.c.name, team.c.project_token).where(team.c.id == team_id)
    ).one_or_none()
    return row and Team(*row)


def find_by_token(connection: Connection, project_token: str) -> int | None:
    """Gives the id of the team that a project token belongs to."""
    return connection.execute(
        select(team.c.id).where(team.c.project_token == project_token)
    ).scalar_one_or_none()


def next_id(connection: Connection) -> int:
    """Gives the smallest id above all that are taken."""
    return int(connection.execute(select(func.coalesce(func.max(team.c.id), 0))).scalar_one()) + 1


def add(connection: Connection, row: Team, now: datetime) -> None:
    """Adds a team; its id and token must be new."""
    connection.execute(insert(team).values(created_at=now, **_columns(row)))


def rename(connection: Connection, team_id: int, name: str) -> None:
    """Gives a team another name."""
    connection.execute(update(team).where(team.c.id == team_id).values(name=name))


def ensure(connection: Connection, row: Team, now: datetime) -> None:
    """Adds a team unless its id is there already."""
    connection.execute(insert_ignoring(connection, team), {"created_at": now, **_columns(row)})


def _columns(row: Team) -> dict[str, object]:
    return {"id": row.id, "name": row.name, "project_token": row.project_token}
