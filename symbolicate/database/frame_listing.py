"""Stored frames as lists: newest first, by page, by id."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, func, literal, select

from symbolicate.database.frames import FrameRow
from symbolicate.database.tables import stack_frame

_c = stack_frame.c
_COLUMNS = tuple(_c[name] for name in FrameRow._fields)


def newest(
    connection: Connection, team_id: int, *, limit: int, offset: int = 0, ref: str | None = None
) -> list[FrameRow]:
    """Gives frames by the time of their last resolution, the newest first, then by id."""
    statement = select(*_COLUMNS).where(_c.team_id == team_id)
    if ref is not None:
        statement = statement.where(_c.symbol_set_ref == ref)
    statement = statement.order_by(_c.created_at.desc(), _c.id.desc()).limit(limit).offset(offset)
    return [FrameRow._make(row) for row in connection.execute(statement)]


def count(connection: Connection, team_id: int, most: int | None = None) -> int:
    """Counts the frames of a team, looking at no more than `most`."""
    some = select(literal(1)).select_from(stack_frame).where(_c.team_id == team_id).limit(most)
    statement = select(func.count()).select_from(some.subquery())
    return int(connection.execute(statement).scalar_one())


def find(connection: Connection, team_id: int, frame_id: uuid.UUID) -> FrameRow | None:
    """Gives one frame of the team by its id."""
    statement = select(*_COLUMNS).where(_c.team_id == team_id, _c.id == frame_id)
    row = connection.execute(statement).one_or_none()
    return FrameRow._make(row) if row is not None else None
