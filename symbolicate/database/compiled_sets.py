"""Repository of what compiling made of symbol sets: done, failed, or still to do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from symbolicate.database.tables import symbol_set
from symbolicate.outcome import Failure


@dataclass(frozen=True, slots=True)
class UncompiledSet:
    """A set whose serving bytes no compiler has seen."""

    team_id: int
    ref: str
    kind: str


def mark_compiled(
    connection: Connection, set_id: uuid.UUID, data_hash: bytes, now: datetime
) -> None:
    """Notes that the compiled form of these bytes lies in object storage."""
    _mark(
        connection,
        set_id,
        data_hash,
        compiled_at=now,
        failure_code=None,
        failure_sentence=None,
        failed_at=None,
        failed_as=None,
    )


def mark_failed(
    connection: Connection,
    set_id: uuid.UUID,
    data_hash: bytes,
    failure: Failure,
    failed_as: str,
    now: datetime,
) -> None:
    """Notes why a compiler version could not read these bytes."""
    _mark(
        connection,
        set_id,
        data_hash,
        failure_code=failure.code,
        failure_sentence=failure.sentence,
        failed_at=now,
        failed_as=failed_as,
    )


def uncompiled(connection: Connection, kinds: list[str], limit: int) -> list[UncompiledSet]:
    """Gives sets of some kinds that are still to be compiled, the longest waiting first."""
    c = symbol_set.c
    statement = (
        select(c.team_id, c.ref, c.kind)
        .where(
            c.compiled_at.is_(None),
            c.failed_at.is_(None),
            c.data_hash.is_not(None),
            c.kind.in_(kinds),
        )
        .order_by(c.finished_at)
        .limit(limit)
    )
    return [UncompiledSet(*row) for row in connection.execute(statement)]


def _mark(connection: Connection, set_id: uuid.UUID, data_hash: bytes, **values: object) -> None:
    """Changes a set unless its bytes were replaced meanwhile."""
    connection.execute(
        update(symbol_set)
        .where(symbol_set.c.id == set_id, symbol_set.c.data_hash == data_hash)
        .values(**values)
    )
