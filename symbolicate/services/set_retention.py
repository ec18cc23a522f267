"""Retention of symbol sets: what is not used any more goes, and uploads that never ended."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

from symbolicate.catalog import Catalog
from symbolicate.database import pending_uploads, retention, set_deletion
from symbolicate.database.dialect import chunks
from symbolicate.database.engine import Database
from symbolicate.database.pending_uploads import UploadRow
from symbolicate.database.retention import Unused
from symbolicate.frame_store import FrameStore
from symbolicate.services.paced_removal import PacedRemoval
from symbolicate.services.retention_report import Tally
from symbolicate.services.set_objects import objects_of

LISTED_AT_ONCE = 10_000
DELETED_AT_ONCE = 1000
"""Sets in one transaction: SQLite lets nobody else write meanwhile."""
MAX_SETS = 500_000
UPLOADS_AT_ONCE = 500

_log = logging.getLogger("symbolicate.retention")

Stop = Callable[[], bool]
_Page = Callable[[int, uuid.UUID], list[UploadRow]]


class SetRetention:
    """Deletes unused sets and abandoned uploads of a team, each batch in one transaction.

    A batch is judged again where it is deleted, so that a set which was used meanwhile stays.
    The rows go first: a process that dies then leaves objects, which are swept as orphans.
    """

    def __init__(
        self, database: Database, removal: PacedRemoval, catalog: Catalog, store: FrameStore
    ) -> None:
        self._database = database
        self._removal = removal
        self._catalog = catalog
        self._store = store

    def delete_unused(
        self, team_id: int, unused: Unused, tally: Tally, stop: Stop, limit: int
    ) -> int:
        """Deletes at most `limit` sets; gives how many were judged.

        A batch that fails is halved until it is known which sets cannot be deleted.
        """
        judged = 0
        for page in self._unused(team_id, unused, stop, limit):
            for ids in chunks((row.id for row in page), DELETED_AT_ONCE):
                if stop():
                    return judged
                self._delete(team_id, ids, unused, tally)
                judged += len(ids)
        return judged

    def list_unused(
        self, team_id: int, unused: Unused, tally: Tally, stop: Stop, limit: int
    ) -> int:
        """Counts what `delete_unused` would delete, and changes nothing."""
        judged = 0
        for page in self._unused(team_id, unused, stop, limit):
            for row in page:
                tally.list(team_id, row.ref)
            with self._database.read() as connection:
                frames = retention.failed_frames(connection, team_id, [row.ref for row in page])
            tally.delete("symbol_set", len(page))
            tally.delete("frame", frames)
            tally.delete("object", sum(len(objects_of(team_id, row)) for row in page))
            judged += len(page)
        return judged

    def discard_abandoned(self, team_id: int, before: datetime, tally: Tally, stop: Stop) -> None:
        """Discards uploads that were started before a moment; what serves goes on serving."""
        for page in self._abandoned(team_id, before, stop):
            with self._database.write() as connection:
                ids = [row.id for row in page]
                rows = retention.still_abandoned(connection, team_id, before, ids)
                for row in rows:
                    pending_uploads.discard(connection, team_id, row)
            self._catalog.forget(team_id, [row.ref for row in rows])
            tally.delete("upload", len(rows))
            self._removal.remove(_upload_keys(rows), tally)

    def list_abandoned(self, team_id: int, before: datetime, tally: Tally, stop: Stop) -> None:
        """Counts what `discard_abandoned` would discard, and changes nothing."""
        for page in self._abandoned(team_id, before, stop):
            tally.delete("upload", len(page))
            tally.delete("object", len(page))

    def _unused(
        self, team_id: int, unused: Unused, stop: Stop, limit: int
    ) -> Iterator[list[UploadRow]]:
        def read(count: int, after: uuid.UUID) -> list[UploadRow]:
            with self._database.read() as connection:
                return retention.unused_sets(connection, team_id, unused, count, after)

        return _pages(read, LISTED_AT_ONCE, limit, stop)

    def _abandoned(self, team_id: int, before: datetime, stop: Stop) -> Iterator[list[UploadRow]]:
        def read(count: int, after: uuid.UUID) -> list[UploadRow]:
            with self._database.read() as connection:
                return retention.abandoned_uploads(connection, team_id, before, count, after)

        return _pages(read, UPLOADS_AT_ONCE, MAX_SETS, stop)

    def _delete(self, team_id: int, ids: list[uuid.UUID], unused: Unused, tally: Tally) -> None:
        try:
            with self._database.write() as connection:
                doomed = retention.still_unused(connection, team_id, unused, ids)
                removed = set_deletion.remove_sets(connection, team_id, doomed)
        except Exception:
            # An outage ends the run here; it would only be met again by every half.
            self._database.check()
            self._halve(team_id, ids, unused, tally)
            return
        self._catalog.forget(team_id, [row.ref for row in removed.rows])
        self._store.forget(team_id, removed.raw_ids)
        tally.delete("symbol_set", len(removed.rows))
        tally.delete("frame", len(removed.raw_ids))
        keys = [key for row in removed.rows for key in objects_of(team_id, row)]
        self._removal.remove(keys, tally)

    def _halve(self, team_id: int, ids: list[uuid.UUID], unused: Unused, tally: Tally) -> None:
        """Deletes one half after the other of a batch that failed, while it is handled."""
        if len(ids) == 1:
            _log.exception("symbol set %s of team %d cannot be deleted", ids[0], team_id)
            tally.fail("symbol_set", 1)
            return
        middle = len(ids) // 2
        for half in (ids[:middle], ids[middle:]):
            self._delete(team_id, half, unused, tally)


def _pages(read: _Page, size: int, limit: int, stop: Stop) -> Iterator[list[UploadRow]]:
    """Yields pages of at most `limit` rows in all, until told to stop."""
    last, left = uuid.UUID(int=0), limit
    while left > 0 and not stop():
        wanted = min(size, left)
        page = read(wanted, last)
        if page:
            yield page
        if len(page) < wanted:
            return
        last, left = page[-1].id, left - len(page)


def _upload_keys(rows: list[UploadRow]) -> list[str]:
    return [row.upload_key for row in rows if row.upload_key is not None]
