"""Repository of stored frames."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, literal, or_, select, update

from symbolicate.database.dialect import chunks, held, upsert
from symbolicate.database.tables import stack_frame, symbol_set


class FrameRow(NamedTuple):
    """One stored part of one raw frame; `contents`, `context` and `raw_frame` are JSON text."""

    raw_id: bytes
    part: int
    id: uuid.UUID
    created_at: datetime
    contents: str
    context: str | None
    resolved: bool
    failure_code: str | None
    symbol_set_ref: str | None
    symbol_set_data_hash: bytes | None
    resolver_version: int
    retry_at: datetime | None


class SourceRow(NamedTuple):
    """What a stored frame was made from, so that it can be resolved again."""

    raw_frame: str
    debug_image: str | None


class NewFrame(NamedTuple):
    """One part to store."""

    raw_id: bytes
    part: int
    id: uuid.UUID
    raw_frame: str
    debug_image: str | None
    symbol_set_ref: str | None
    symbol_set_data_hash: bytes | None
    resolver_version: int
    contents: str
    context: str | None
    resolved: bool
    failure_code: str | None
    retry_at: datetime | None
    lang: str


_c = stack_frame.c
_COLUMNS = tuple(_c[name] for name in FrameRow._fields)
_KEY = ("team_id", "raw_id", "part")


def load(connection: Connection, team_id: int, raw_ids: Iterable[bytes]) -> list[FrameRow]:
    """Gives every part of these raw ids, the parts of one in order."""
    rows: list[FrameRow] = []
    for some in chunks(raw_ids):
        statement = (
            select(*_COLUMNS)
            .where(_c.team_id == team_id, _c.raw_id.in_(some))
            .order_by(_c.raw_id, _c.part)
        )
        rows.extend(FrameRow._make(row) for row in connection.execute(statement))
    return rows


def sources(
    connection: Connection, team_id: int, raw_ids: Iterable[bytes]
) -> dict[bytes, SourceRow]:
    """Gives what these raw ids were made from."""
    found: dict[bytes, SourceRow] = {}
    for some in chunks(raw_ids):
        statement = select(_c.raw_id, _c.raw_frame, _c.debug_image).where(
            _c.team_id == team_id, _c.raw_id.in_(some), _c.part == 0
        )
        for raw_id, raw_frame, debug_image in connection.execute(statement):
            found[raw_id] = SourceRow(raw_frame, debug_image)
    return found


def hashes_now(
    connection: Connection, team_id: int, refs: Iterable[str]
) -> dict[str, bytes | None]:
    """Reads the generation that serves under each ref and keeps it from changing until commit."""
    found: dict[str, bytes | None] = {}
    for some in chunks(sorted(refs)):
        statement = held(
            select(symbol_set.c.ref, symbol_set.c.data_hash)
            .where(symbol_set.c.team_id == team_id, symbol_set.c.ref.in_(some))
            .order_by(symbol_set.c.id),
            shared=True,
        )
        found.update((row.ref, row.data_hash) for row in connection.execute(statement))
    return found


def save(connection: Connection, team_id: int, frames: Sequence[NewFrame], now: datetime) -> None:
    """Stores all parts of the given raw ids, replacing what is there.

    A row keeps its id and gets a new `created_at`. An answer that a symbol set gave is never
    replaced by one that no set gave. Parts beyond the new ones are deleted.
    """
    # One order for all writers: two that met the same frames would otherwise lock each other out.
    frames = sorted(frames, key=lambda frame: (frame.raw_id, frame.part))
    statement = upsert(connection, stack_frame)
    new = statement.excluded
    kept = (*_KEY, "id")
    statement = statement.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={c.name: new[c.name] for c in stack_frame.columns if c.name not in kept},
        where=_may_replace(new.symbol_set_data_hash.is_not(None)),
    )
    for some in chunks(frames):
        connection.execute(statement, [_values(team_id, frame, now) for frame in some])
    _trim(connection, team_id, frames)


def _trim(connection: Connection, team_id: int, frames: Sequence[NewFrame]) -> None:
    last: dict[bytes, NewFrame] = {frame.raw_id: frame for frame in frames}
    for some in chunks(last):
        surplus = connection.execute(
            select(_c.raw_id, func.max(_c.part))
            .where(_c.team_id == team_id, _c.raw_id.in_(some), _c.part > 0)
            .group_by(_c.raw_id)
        )
        for raw_id, highest in surplus.all():
            frame = last[raw_id]
            if highest > frame.part:
                connection.execute(
                    delete(stack_frame).where(
                        _c.team_id == team_id,
                        _c.raw_id == raw_id,
                        _c.part > frame.part,
                        _may_replace(literal(frame.symbol_set_data_hash is not None)),
                    )
                )


def _may_replace(knowing: ColumnElement[bool]) -> ColumnElement[bool]:
    return or_(_c.symbol_set_data_hash.is_(None), knowing)


def _values(team_id: int, frame: NewFrame, now: datetime) -> dict[str, Any]:
    return {**frame._asdict(), "team_id": team_id, "created_at": now}


def stale_for(
    connection: Connection,
    team_id: int,
    ref: str,
    data_hash: bytes,
    resolver_version: int,
    *,
    limit: int,
    offset: int,
) -> list[bytes]:
    """Gives raw ids under a ref whose answer is not of this generation, the oldest first."""
    statement = (
        select(_c.raw_id)
        .where(
            _c.team_id == team_id,
            _c.symbol_set_ref == ref,
            _c.part == 0,
            or_(
                _c.symbol_set_data_hash.is_(None),
                _c.symbol_set_data_hash != data_hash,
                _c.resolver_version != resolver_version,
            ),
        )
        .order_by(_c.created_at, _c.id)
        .limit(limit)
        .offset(offset)
    )
    return list(connection.execute(statement).scalars())


def postpone(
    connection: Connection, team_id: int, raw_ids: Iterable[bytes], now: datetime, until: datetime
) -> None:
    """Puts off the next attempt at those of these frames that are due for one."""
    for some in chunks(raw_ids):
        connection.execute(
            update(stack_frame)
            .where(_c.team_id == team_id, _c.raw_id.in_(some), _c.retry_at <= now)
            .values(retry_at=until)
        )


def due_for_retry(connection: Connection, now: datetime, limit: int) -> list[tuple[int, bytes]]:
    """Gives (team, raw id) of frames whose time to be tried again has come."""
    statement = (
        select(_c.team_id, _c.raw_id)
        .where(and_(_c.retry_at.is_not(None), _c.retry_at <= now))
        .order_by(_c.retry_at)
        .limit(limit)
    )
    return [(team, raw_id) for team, raw_id in connection.execute(statement)]
