"""Symbol sets as clients see them: by page, filtered and ordered, or one by its id."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, or_, select

from symbolicate.database import releases
from symbolicate.database.tables import release, symbol_set
from symbolicate.release import Release

_c = symbol_set.c
_COLUMNS = (
    _c.id,
    _c.ref,
    _c.team_id,
    _c.created_at,
    _c.last_used,
    _c.failure_sentence,
    _c.storage_key,
)
_BOUND = and_(_c.release_id == release.c.id, _c.team_id == release.c.team_id)
_VALID = and_(_c.storage_key.is_not(None), _c.data_hash.is_not(None), _c.failure_code.is_(None))
_SEARCHED = (_c.ref, release.c.version, release.c.project, release.c.git_commit)

STATUSES: dict[str, tuple[ColumnElement[bool], ...]] = {
    "all": (),
    "valid": (_VALID,),
    "invalid": (not_(_VALID),),
}
"""Valid is a set with data that could be read, as far as that was tried."""

# A set that was never used counts as older than every other, on both databases.
ORDERS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "created_at": (_c.created_at.asc(), _c.id.asc()),
    "-created_at": (_c.created_at.desc(), _c.id.desc()),
    "ref": (_c.ref.asc(),),
    "-ref": (_c.ref.desc(),),
    "last_used": (_c.last_used.asc().nulls_first(), _c.id.asc()),
    "-last_used": (_c.last_used.desc().nulls_last(), _c.id.desc()),
}


class ListedSet(NamedTuple):
    """A symbol set without its bytes; `failure_reason` says why those cannot be read."""

    id: uuid.UUID
    ref: str
    team_id: int
    created_at: datetime
    last_used: datetime | None
    failure_reason: str | None
    storage_key: str | None
    release: Release | None


class SetFilter(NamedTuple):
    """Which sets are meant: `ref` exactly, `search` anywhere in the names, `status` by its key."""

    ref: str | None = None
    search: str | None = None
    status: str = "all"


def page(
    connection: Connection,
    team_id: int,
    wanted: SetFilter,
    order: str,
    *,
    limit: int,
    offset: int,
) -> list[ListedSet]:
    """Gives one page of the team's sets, in the order that bears this key."""
    statement = _filtered(connection, select(*_COLUMNS, *releases.COLUMNS), team_id, wanted)
    statement = statement.order_by(*ORDERS[order]).limit(limit).offset(offset)
    return [_listed(row) for row in connection.execute(statement)]


def count(connection: Connection, team_id: int, wanted: SetFilter) -> int:
    """Counts the team's sets that the filter lets through."""
    statement = _filtered(connection, select(func.count(_c.id)), team_id, wanted)
    return int(connection.execute(statement).scalar_one())


def find(connection: Connection, team_id: int, set_id: uuid.UUID) -> ListedSet | None:
    """Gives one set of the team by its id."""
    statement = (
        select(*_COLUMNS, *releases.COLUMNS)
        .select_from(symbol_set.outerjoin(release, _BOUND))
        .where(_c.team_id == team_id, _c.id == set_id)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else _listed(row)


def _filtered(
    connection: Connection, statement: Select[Any], team_id: int, wanted: SetFilter
) -> Select[Any]:
    conditions = [_c.team_id == team_id, *STATUSES[wanted.status]]
    if wanted.ref is not None:
        conditions.append(_c.ref == wanted.ref)
    if wanted.search is not None:
        conditions.append(_found(connection, wanted.search))
    return statement.select_from(symbol_set.outerjoin(release, _BOUND)).where(*conditions)


def _found(connection: Connection, text: str) -> ColumnElement[bool]:
    """Looks for a text as it is, so that `%` and `_` mean themselves; in any case."""
    position = func.instr if connection.dialect.name == "sqlite" else func.strpos
    folded = func.lower(text)
    return or_(*(position(func.lower(column), folded) > 0 for column in _SEARCHED))


def _listed(row: Sequence[Any]) -> ListedSet:
    own, bound = row[: len(_COLUMNS)], row[len(_COLUMNS) :]
    return ListedSet._make((*own, releases.from_row(bound) if bound[0] is not None else None))
