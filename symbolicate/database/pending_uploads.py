"""Repository of uploads in progress: the pending columns of symbol sets, and the swap."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from symbolicate.database.compiled_sets import NO_FAILURE
from symbolicate.database.dialect import chunks, held, insert_ignoring
from symbolicate.database.tables import symbol_set


@dataclass(frozen=True, slots=True)
class UploadRow:
    """A symbol set as the upload flow sees it."""

    id: uuid.UUID
    ref: str
    storage_key: str | None
    data_hash: bytes | None
    content_hash: str | None
    release_id: uuid.UUID | None
    upload_key: str | None
    upload_content_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """Verified bytes that are to serve from now on."""

    storage_key: str
    data_hash: bytes
    size: int
    kind: str
    content_hash: str


_COLUMNS = (
    symbol_set.c.id,
    symbol_set.c.ref,
    symbol_set.c.storage_key,
    symbol_set.c.data_hash,
    symbol_set.c.content_hash,
    symbol_set.c.release_id,
    symbol_set.c.upload_key,
    symbol_set.c.upload_content_hash,
)


_NO_UPLOAD = {"upload_key": None, "upload_started_at": None, "upload_content_hash": None}


def find_by_ref(connection: Connection, team_id: int, refs: Iterable[str]) -> dict[str, UploadRow]:
    """Gives the sets that bear these refs, without locking them."""
    found: dict[str, UploadRow] = {}
    for some in chunks(refs):
        statement = select(*_COLUMNS).where(
            symbol_set.c.team_id == team_id, symbol_set.c.ref.in_(some)
        )
        found |= {row.ref: UploadRow(*row) for row in connection.execute(statement)}
    return found


def lock_by_ref(connection: Connection, team_id: int, refs: Iterable[str]) -> dict[str, UploadRow]:
    """Gives the sets that bear these refs and locks their rows, in one order for all callers."""
    ids: list[uuid.UUID] = []
    for some in chunks(refs):
        statement = select(symbol_set.c.id).where(
            symbol_set.c.team_id == team_id, symbol_set.c.ref.in_(some)
        )
        ids.extend(connection.execute(statement).scalars())
    return {row.ref: row for row in lock_by_id(connection, team_id, ids).values()}


def lock_by_id(
    connection: Connection, team_id: int, ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, UploadRow]:
    """Gives the sets with these ids and locks their rows, in one order for all callers."""
    found: dict[uuid.UUID, UploadRow] = {}
    for some in chunks(sorted(ids)):
        statement = held(
            select(*_COLUMNS)
            .where(symbol_set.c.team_id == team_id, symbol_set.c.id.in_(some))
            .order_by(symbol_set.c.id)
        )
        found |= {row.id: UploadRow(*row) for row in connection.execute(statement)}
    return found


def add_missing(
    connection: Connection, team_id: int, ids: Mapping[str, uuid.UUID], now: datetime
) -> None:
    """Adds a row for each ref, with its proposed id, unless the team has one by that name."""
    rows = [
        {"id": ids[ref], "team_id": team_id, "ref": ref, "created_at": now} for ref in sorted(ids)
    ]
    if rows:
        connection.execute(insert_ignoring(connection, symbol_set), rows)


def begin(
    connection: Connection,
    set_id: uuid.UUID,
    upload_key: str,
    content_hash: str | None,
    now: datetime,
) -> None:
    """Opens an upload beside whatever serves now, in place of one that was open."""
    _set(
        connection,
        set_id,
        upload_key=upload_key,
        upload_started_at=now,
        upload_content_hash=content_hash,
    )


def bind_release(connection: Connection, set_id: uuid.UUID, release_id: uuid.UUID) -> None:
    """Ties a set to the release it was built for."""
    _set(connection, set_id, release_id=release_id)


def replace(connection: Connection, set_id: uuid.UUID, new: Replacement, now: datetime) -> None:
    """Lets the new bytes serve, closes the upload and makes the set due for reconciliation."""
    _set(
        connection,
        set_id,
        storage_key=new.storage_key,
        data_hash=new.data_hash,
        size=new.size,
        kind=new.kind,
        content_hash=new.content_hash,
        **_NO_UPLOAD,
        finished_at=now,
        compiled_at=None,
        **NO_FAILURE,
        reconciled_as=None,
    )


def discard(connection: Connection, team_id: int, row: UploadRow) -> None:
    """Closes a failed upload; a row that never had data goes with it."""
    same = (symbol_set.c.team_id == team_id, symbol_set.c.id == row.id)
    unchanged = symbol_set.c.upload_key == row.upload_key
    if row.storage_key is None:
        connection.execute(delete(symbol_set).where(*same, unchanged))
    else:
        connection.execute(update(symbol_set).where(*same, unchanged).values(**_NO_UPLOAD))


def _set(connection: Connection, set_id: uuid.UUID, **values: Any) -> None:
    connection.execute(update(symbol_set).where(symbol_set.c.id == set_id).values(**values))
