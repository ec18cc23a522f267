"""Repository of retention: which symbol sets, uploads and frames are kept no longer.

Lists are read page by page, ordered by id, and locked and judged again where they are acted on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    or_,
    select,
    union,
)

from symbolicate.database.dialect import chunks, held
from symbolicate.database.pending_uploads import UploadRow
from symbolicate.database.tables import api_key, stack_frame, symbol_set, team

_c = symbol_set.c
_f = stack_frame.c
_COLUMNS = tuple(_c[field.name] for field in fields(UploadRow))
_START = uuid.UUID(int=0)


class Unused(NamedTuple):
    """Since when a set must not have been used or uploaded, to be kept no longer.

    `or_never`: also one that was never used, if it was made before that.
    """

    since: datetime
    or_never: bool


def teams(connection: Connection) -> list[int]:
    """Gives every team that may own something."""
    owners = union(select(team.c.id), select(api_key.c.team_id), select(_c.team_id))
    return sorted(connection.execute(owners).scalars())


def unused_sets(
    connection: Connection, team_id: int, unused: Unused, limit: int, after: uuid.UUID = _START
) -> list[UploadRow]:
    """Gives sets of a team that are kept no longer, those with an open upload left out."""
    return _page(connection, team_id, _is_unused(unused), limit, after)


def still_unused(
    connection: Connection, team_id: int, unused: Unused, ids: Iterable[uuid.UUID]
) -> list[uuid.UUID]:
    """Gives those of the sets that are kept no longer even now, and locks them."""
    found: list[uuid.UUID] = []
    for some in chunks(sorted(ids)):
        statement = select(_c.id).where(_c.team_id == team_id, _c.id.in_(some), _is_unused(unused))
        found.extend(connection.execute(held(statement.order_by(_c.id))).scalars())
    return found


def failed_frames(connection: Connection, team_id: int, refs: Iterable[str]) -> int:
    """Counts the frames that the deletion of the sets with these refs takes along."""
    found = 0
    for some in chunks(refs):
        statement = select(func.count()).where(
            _f.team_id == team_id, _f.symbol_set_ref.in_(some), _f.failure_code.is_not(None)
        )
        found += connection.execute(statement).scalar_one()
    return found


def abandoned_uploads(
    connection: Connection, team_id: int, before: datetime, limit: int, after: uuid.UUID = _START
) -> list[UploadRow]:
    """Gives sets of a team whose upload was started before a moment and never finished."""
    return _page(connection, team_id, _is_abandoned(before), limit, after)


def still_abandoned(
    connection: Connection, team_id: int, before: datetime, ids: Iterable[uuid.UUID]
) -> list[UploadRow]:
    """Gives those of the sets whose upload is abandoned even now, and locks them."""
    found: list[UploadRow] = []
    for some in chunks(sorted(ids)):
        statement = _rows(team_id, _c.id.in_(some), _is_abandoned(before))
        found.extend(UploadRow(*row) for row in connection.execute(held(statement)))
    return found


def count_old_frames(connection: Connection, team_id: int, before: datetime) -> int:
    """Counts the frame rows of a team that were stored before a moment."""
    statement = select(func.count()).where(_f.team_id == team_id, _f.created_at < before)
    return int(connection.execute(statement).scalar_one())


def delete_old_frames(
    connection: Connection, team_id: int, before: datetime, limit: int
) -> tuple[list[bytes], int]:
    """Deletes some frames that were stored before a moment, all parts of each.

    Gives at most `limit` raw ids, none when nothing is left, and the number of rows.
    """
    old = and_(_f.team_id == team_id, _f.created_at < before)
    statement = select(_f.raw_id).where(old).order_by(_f.created_at).limit(limit)
    raw_ids = sorted(set(connection.execute(statement).scalars()))
    rows = 0
    for some in chunks(raw_ids):
        rows += connection.execute(delete(stack_frame).where(old, _f.raw_id.in_(some))).rowcount
    return raw_ids, rows


def _page(
    connection: Connection,
    team_id: int,
    condition: ColumnElement[bool],
    limit: int,
    after: uuid.UUID,
) -> list[UploadRow]:
    statement = _rows(team_id, condition, _c.id > after).limit(limit)
    return [UploadRow(*row) for row in connection.execute(statement)]


def _rows(team_id: int, *conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).where(_c.team_id == team_id, *conditions).order_by(_c.id)


def _is_unused(unused: Unused) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = _c.last_used < unused.since
    if unused.or_never:
        condition = or_(condition, and_(_c.last_used.is_(None), _c.created_at < unused.since))
    settled = or_(_c.finished_at.is_(None), _c.finished_at < unused.since)
    return and_(condition, settled, _c.upload_key.is_(None))


def _is_abandoned(before: datetime) -> ColumnElement[bool]:
    return and_(_c.upload_key.is_not(None), _c.upload_started_at < before)
