"""Retention: what nobody needs any more is deleted, or counted in a dry run."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.config import Settings
from symbolicate.database import aged_rows, retention
from symbolicate.database.engine import Database
from symbolicate.database.rate_buckets import LIFETIME_SECONDS
from symbolicate.database.retention import Unused
from symbolicate.errors import ObjectStoreUnavailable
from symbolicate.frame_store import FrameStore
from symbolicate.metrics import Metrics
from symbolicate.objects.local import LocalStore
from symbolicate.objects.store import ObjectStore
from symbolicate.services.orphans import Orphans
from symbolicate.services.paced_removal import PacedRemoval, Pause
from symbolicate.services.retention_report import RetentionReport as RetentionReport
from symbolicate.services.retention_report import Tally
from symbolicate.services.set_retention import MAX_SETS, SetRetention, Stop

ABANDONED_AFTER = timedelta(hours=24)
"""How old an upload must be to be discarded, and an object to be swept."""
EVENTS_KEPT = timedelta(days=7)
LEASES_KEPT = timedelta(days=1)
"""Much longer than who lost a lease may still hold its token for the present one."""
SPIKE_BUCKETS_KEPT_SECONDS = 3600
ROWS_AT_ONCE = 10_000
FRAMES_AT_ONCE = 2000

_log = logging.getLogger("symbolicate.retention")


@dataclass(frozen=True, slots=True)
class Ages:
    """How many days unused sets, past spikes and frames are kept; 0: for ever.

    `delete_unused`: whether sets that were never used count as unused.
    """

    days: int
    delete_unused: bool
    frame_days: int

    @classmethod
    def of(cls, settings: Settings) -> Ages:
        """Takes them from the settings."""
        return cls(
            settings.retention_days, bool(settings.delete_unused), settings.frame_retention_days
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """One run, judged by one moment."""

    now: datetime
    dry: bool
    stop: Stop
    tally: Tally


class Retention:
    """Deletes in batches and may be ended between two; whatever is left, the next run finds.

    No object is removed while a row names it, and no row because of an object.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        catalog: Catalog,
        store: FrameStore,
        ages: Ages,
        *,
        clock: Clock,
        metrics: Metrics,
        pause: Pause = time.sleep,
    ) -> None:
        self._database = database
        self._objects = objects
        self._store = store
        self._ages = ages
        self._clock = clock
        self._metrics = metrics
        self._removal = PacedRemoval(objects, pause)
        self._sets = SetRetention(database, self._removal, catalog, store)
        self._orphans = Orphans(database, objects)

    def run(self, *, dry_run: bool = False, stop: Stop = lambda: False) -> RetentionReport:
        """Makes one run over all teams; a dry run only counts, and lists the first sets.

        Failures of the object store are counted; raises `DatabaseUnavailable`.
        """
        tally = Tally(None if dry_run else self._metrics)
        run = _Run(self._clock(), dry_run, stop, tally)
        with self._database.read() as connection:
            teams = retention.teams(connection)
        self._uploads(run, teams)
        self._unused_sets(run, teams)
        self._frames(run, teams)
        self._sweep(run, teams)
        for what, before in self._aged(run.now).items():
            self._rows(run, what, before)
        return tally.report()

    def _uploads(self, run: _Run, teams: Iterable[int]) -> None:
        act = self._sets.list_abandoned if run.dry else self._sets.discard_abandoned
        for team_id in teams:
            act(team_id, run.now - ABANDONED_AFTER, run.tally, run.stop)

    def _unused_sets(self, run: _Run, teams: Iterable[int]) -> None:
        if not self._ages.days:
            return
        unused = Unused(run.now - timedelta(days=self._ages.days), self._ages.delete_unused)
        act = self._sets.list_unused if run.dry else self._sets.delete_unused
        left = MAX_SETS
        for team_id in teams:
            left -= act(team_id, unused, run.tally, run.stop, left)

    def _frames(self, run: _Run, teams: Iterable[int]) -> None:
        if not self._ages.frame_days:
            return
        before = run.now - timedelta(days=self._ages.frame_days)
        for team_id in teams:
            if run.dry:
                with self._database.read() as connection:
                    old = retention.count_old_frames(connection, team_id, before)
                run.tally.delete("frame", old)
            else:
                self._delete_frames(run, team_id, before)

    def _delete_frames(self, run: _Run, team_id: int, before: datetime) -> None:
        while not run.stop():
            with self._database.write() as connection:
                raw_ids, rows = retention.delete_old_frames(
                    connection, team_id, before, FRAMES_AT_ONCE
                )
            self._store.forget(team_id, raw_ids)
            run.tally.delete("frame", rows)
            if not raw_ids:
                return

    def _sweep(self, run: _Run, teams: Iterable[int]) -> None:
        """Removes orphans; a store that cannot be listed ends the sweep, not the run."""
        try:
            for team_id in teams:
                for keys in self._orphans.find(team_id, run.now - ABANDONED_AFTER):
                    if run.stop():
                        return
                    if run.dry:
                        run.tally.delete("object", len(keys))
                    else:
                        self._removal.remove(keys, run.tally)
            if isinstance(self._objects, LocalStore) and not run.dry:
                self._objects.remove_abandoned()
                self._objects.remove_empty_folders()
        except ObjectStoreUnavailable as error:
            _log.warning("orphans are not swept: %s", error)
            run.tally.fail("object", 1)

    def _aged(self, now: datetime) -> dict[str, datetime | int]:
        seconds = int(now.timestamp())
        aged: dict[str, datetime | int] = {
            "processed_event": now - EVENTS_KEPT,
            "rate_bucket": seconds - LIFETIME_SECONDS,
            "spike_bucket": seconds - SPIKE_BUCKETS_KEPT_SECONDS,
            "spike_snooze": now,
            "lease": now - LEASES_KEPT,
        }
        if self._ages.days:
            aged["spike_event"] = now - timedelta(days=self._ages.days)
        return aged

    def _rows(self, run: _Run, what: str, before: datetime | int) -> None:
        if run.dry:
            with self._database.read() as connection:
                run.tally.delete(what, aged_rows.count(connection, what, before))
            return
        rows = ROWS_AT_ONCE
        while rows == ROWS_AT_ONCE and not run.stop():
            with self._database.write() as connection:
                rows = aged_rows.delete_some(connection, what, before, ROWS_AT_ONCE)
            run.tally.delete(what, rows)
