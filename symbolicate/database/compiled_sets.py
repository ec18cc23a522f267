"""Repository of what compiling made of symbol sets: done, failed, or still to do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from symbolicate.database.tables import stack_frame, symbol_set
from symbolicate.outcome import Failure

LIMIT_EXCEEDED = "limit_exceeded"
NO_FAILURE = {
    "failure_code": None,
    "failure_sentence": None,
    "failed_at": None,
    "failed_as": None,
}


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
        **NO_FAILURE,
    )


def mark_failed(
    connection: Connection,
    set_id: uuid.UUID,
    data_hash: bytes,
    failure: Failure,
    failed_as: str,
    now: datetime,
) -> None:
    """Notes why a compiler could not read these bytes.

    `failed_as` is its version, and its limits behind that where they were the reason.
    """
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


def forget_outgrown(connection: Connection, seconds: float, memory_bytes: int) -> int:
    """Takes back what smaller limits than these refused, and the frames that were told so.

    Gives the number of sets, which are to be compiled and reconciled again.
    """
    c = symbol_set.c
    refused = select(c.id, c.team_id, c.ref, c.failed_as).where(c.failure_code == LIMIT_EXCEEDED)
    outgrown = [
        row
        for row in connection.execute(refused)
        if _is_smaller(row.failed_as, seconds, memory_bytes)
    ]
    for row in outgrown:
        connection.execute(
            update(symbol_set).where(c.id == row.id).values(**NO_FAILURE, reconciled_as=None)
        )
        connection.execute(
            update(stack_frame)
            .where(
                stack_frame.c.team_id == row.team_id,
                stack_frame.c.symbol_set_ref == row.ref,
                stack_frame.c.failure_code == LIMIT_EXCEEDED,
            )
            .values(symbol_set_data_hash=None)
        )
    return len(outgrown)


def _is_smaller(failed_as: str, seconds: float, memory_bytes: int) -> bool:
    """Tells whether a failure came of less; one that does not say of what may have."""
    match failed_as.split():
        case [_version, old_seconds, old_memory]:
            return float(old_seconds) < seconds or int(old_memory) < memory_bytes
    return True


def _mark(connection: Connection, set_id: uuid.UUID, data_hash: bytes, **values: Any) -> None:
    """Changes a set unless its bytes were replaced meanwhile."""
    connection.execute(
        update(symbol_set)
        .where(symbol_set.c.id == set_id, symbol_set.c.data_hash == data_hash)
        .values(**values)
    )
