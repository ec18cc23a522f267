"""Repository of symbol sets: what resolvers ask of them, and which are due for repair."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from symbolicate.database import releases
from symbolicate.database.dialect import chunks
from symbolicate.database.tables import release, symbol_set
from symbolicate.outcome import Failure
from symbolicate.release import SymbolSet

LAST_USED_THROTTLE = timedelta(hours=12)

_STATE_COLUMNS = (
    symbol_set.c.id,
    symbol_set.c.ref,
    symbol_set.c.storage_key,
    symbol_set.c.data_hash,
    symbol_set.c.upload_key,
    symbol_set.c.compiled_at,
    symbol_set.c.failure_code,
    symbol_set.c.failure_sentence,
    symbol_set.c.failed_as,
    symbol_set.c.last_used,
)
_STATES = select(*_STATE_COLUMNS, *releases.COLUMNS).outerjoin(
    release, symbol_set.c.release_id == release.c.id
)


@dataclass(frozen=True, slots=True)
class DueSet:
    """A set whose generation has not been used yet to repair the frames that wait for it."""

    id: uuid.UUID
    team_id: int
    ref: str
    data_hash: bytes
    finished_at: datetime


def states(connection: Connection, team_id: int, refs: Iterable[str]) -> dict[str, SymbolSet]:
    """Gives the sets of the team that bear these refs, with their releases."""
    found: dict[str, SymbolSet] = {}
    for some in chunks(refs):
        statement = _STATES.where(symbol_set.c.team_id == team_id, symbol_set.c.ref.in_(some))
        for row in connection.execute(statement):
            found[row.ref] = _state(tuple(row))
    return found


def ref_of(connection: Connection, team_id: int, set_id: uuid.UUID) -> str | None:
    """Gives the ref of a set of the team by its id."""
    statement = select(symbol_set.c.ref).where(
        symbol_set.c.team_id == team_id, symbol_set.c.id == set_id
    )
    return connection.execute(statement).scalar_one_or_none()


def touch(connection: Connection, team_id: int, refs: Iterable[str], now: datetime) -> None:
    """Notes that the sets were used, at most once in twelve hours each."""
    old = or_(symbol_set.c.last_used.is_(None), symbol_set.c.last_used < now - LAST_USED_THROTTLE)
    for some in chunks(sorted(refs)):
        connection.execute(
            update(symbol_set)
            .where(symbol_set.c.team_id == team_id, symbol_set.c.ref.in_(some), old)
            .values(last_used=now)
        )


def due(connection: Connection, limit: int, after: DueSet | None = None) -> list[DueSet]:
    """Gives sets that are due for reconciliation, the longest waiting first; page by page."""
    c = symbol_set.c
    statement = (
        select(c.id, c.team_id, c.ref, c.data_hash, c.finished_at)
        .where(c.reconciled_as.is_(None), c.data_hash.is_not(None))
        .order_by(c.finished_at, c.id)
        .limit(limit)
    )
    if after is not None:
        same_time = and_(c.finished_at == after.finished_at, c.id > after.id)
        statement = statement.where(or_(c.finished_at > after.finished_at, same_time))
    return [DueSet(*row) for row in connection.execute(statement)]


def mark_reconciled(connection: Connection, done: DueSet, resolver_version: int) -> None:
    """Takes a set off the work list, unless its bytes were replaced meanwhile."""
    connection.execute(
        update(symbol_set)
        .where(symbol_set.c.id == done.id, symbol_set.c.data_hash == done.data_hash)
        .values(reconciled_as=_reconciled_as(done.data_hash, resolver_version))
    )


def requeue_older(connection: Connection, resolver_version: int) -> None:
    """Puts sets back on the work list that were reconciled by another resolver version."""
    c = symbol_set.c
    statement = select(c.id, c.data_hash, c.reconciled_as).where(c.reconciled_as.is_not(None))
    outdated = [
        row.id
        for row in connection.execute(statement)
        if row.reconciled_as != _reconciled_as(row.data_hash, resolver_version)
    ]
    for some in chunks(outdated):
        connection.execute(update(symbol_set).where(c.id.in_(some)).values(reconciled_as=None))


def _reconciled_as(data_hash: bytes, resolver_version: int) -> bytes:
    return data_hash + resolver_version.to_bytes(4, "big")


def _state(row: Sequence[Any]) -> SymbolSet:
    set_id, ref, storage_key, data_hash, upload_key, compiled_at, *rest = row
    code, sentence, failed_as, last_used, *bound = rest
    return SymbolSet(
        id=set_id,
        ref=ref,
        storage_key=storage_key,
        data_hash=data_hash,
        pending=upload_key is not None,
        compiled=compiled_at is not None,
        failure=None if code is None else Failure(code, sentence),
        failed_as=None if failed_as is None else failed_as.partition(" ")[0],
        last_used=last_used,
        release=releases.from_row(bound) if bound[0] is not None else None,
    )
