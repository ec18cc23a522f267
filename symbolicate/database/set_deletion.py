"""Repository of deletion: symbol sets, and the frames that no set explains any more."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete

from symbolicate.database.dialect import chunks
from symbolicate.database.pending_uploads import UploadRow, lock_by_id
from symbolicate.database.tables import stack_frame, symbol_set


class RemovedSets(NamedTuple):
    """What a deletion took: the set rows as they were, and the raw ids of the frames."""

    rows: list[UploadRow]
    raw_ids: list[bytes]


def remove_sets(connection: Connection, team_id: int, ids: Sequence[uuid.UUID]) -> RemovedSets:
    """Deletes those of the sets that the team has, and the frames linked to them that failed.

    Frames without a failure stay. The set rows are locked first, in one order for all callers, so
    that neither a finish nor a writer of frames under their refs comes between.
    """
    rows = list(lock_by_id(connection, team_id, ids).values())
    raw_ids = _remove_failed_frames(connection, team_id, [row.ref for row in rows])
    for some in chunks(row.id for row in rows):
        connection.execute(
            delete(symbol_set).where(symbol_set.c.team_id == team_id, symbol_set.c.id.in_(some))
        )
    return RemovedSets(rows, raw_ids)


def _remove_failed_frames(connection: Connection, team_id: int, refs: Iterable[str]) -> list[bytes]:
    removed: set[bytes] = set()
    for some in chunks(refs):
        statement = delete(stack_frame).where(
            stack_frame.c.team_id == team_id,
            stack_frame.c.symbol_set_ref.in_(some),
            stack_frame.c.failure_code.is_not(None),
        )
        returning = statement.returning(stack_frame.c.raw_id)
        removed.update(connection.execute(returning).scalars())
    return sorted(removed)
