"""The reconciler: symbol sets that arrive late, or are replaced, repair the frames stored before.

Its work list is a query (sets whose generation was not reconciled, frames whose retry is due), so
a crash loses nothing, and doing a piece twice changes nothing.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

from symbolicate.answers import Answers
from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.database import frames, symbol_sets
from symbolicate.database.engine import Database
from symbolicate.database.symbol_sets import DueSet
from symbolicate.frame_store import FrameStore
from symbolicate.languages.registry import RESOLVER_VERSION
from symbolicate.leases import Lease, Leases
from symbolicate.metrics import Metrics
from symbolicate.resolver import RETRY_AFTER

PAGE = 200
SETS_AT_ONCE = 100
SETTLED_AFTER = timedelta(seconds=5)
"""A transaction that began before a set's finish may store an older answer until then."""
STUCK_SECONDS = 30.0

_log = logging.getLogger("symbolicate.reconcile")


class Progress(NamedTuple):
    """What one pass did: sets that are done, frames that were answered again."""

    sets: int
    frames: int


class Reconciler:
    """Brings stored frames up to their sets, page by page, the oldest first."""

    def __init__(
        self,
        database: Database,
        store: FrameStore,
        answers: Answers,
        catalog: Catalog,
        leases: Leases,
        *,
        clock: Clock,
        metrics: Metrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._store = store
        self._answers = answers
        self._catalog = catalog
        self._leases = leases
        self._clock = clock
        self._metrics = metrics
        self._monotonic = monotonic
        self._stuck: dict[tuple[bytes, bytes], float] = {}
        self._adopted = False

    def run(self, stopping: Callable[[], bool] = lambda: False) -> Progress:
        """Makes one pass over all that is due; ends after the page in hand when told to stop.

        One process at a time does it: to another, while it lasts, nothing is due.
        """
        if not self._adopted:
            self._adopt_older()
        if not self._is_due():
            return Progress(0, 0)
        with self._leases.held(0, "reconcile") as lease:
            return Progress(0, 0) if lease is None else self._pass(lease, stopping)

    def _adopt_older(self) -> None:
        """Puts sets back on the list whose frames an older resolver answered."""
        with self._database.write() as connection:
            symbol_sets.requeue_older(connection, RESOLVER_VERSION)
        self._adopted = True

    def _is_due(self) -> bool:
        with self._database.read() as connection:
            return bool(
                symbol_sets.due(connection, 1) or frames.due_for_retry(connection, self._clock(), 1)
            )

    def _pass(self, lease: Lease, stopping: Callable[[], bool]) -> Progress:
        began = self._clock()
        done = repaired = 0
        for one in self._due():
            if stopping() or self._is_stuck(one):
                continue
            count, remaining = self._reconcile(one, stopping)
            repaired += count
            settled = began - one.finished_at >= SETTLED_AFTER and not stopping()
            if count == 0 and remaining == 0 and settled:
                if not self._mark(lease, one):
                    break
                done += 1
        repaired += self._retry()
        if repaired:
            self._metrics.count("symbolicate_reconciled_frames_total", repaired)
            _log.info("answered %d stored frames again", repaired)
        return Progress(done, repaired)

    def _mark(self, lease: Lease, done: DueSet) -> bool:
        """Takes a set off the list; False, and nothing is written, if the lease was lost."""
        with self._database.write() as connection:
            held = self._leases.is_held(connection, lease)
            if held:
                symbol_sets.mark_reconciled(connection, done, RESOLVER_VERSION)
            else:
                _log.warning("another process goes on with the repair of stored frames")
            return held

    def _due(self) -> Iterator[DueSet]:
        """Yields the whole work list: sets that are stuck or not settled delay no other."""
        last = None
        while True:
            with self._database.read() as connection:
                page = symbol_sets.due(connection, SETS_AT_ONCE, last)
            yield from page
            if len(page) < SETS_AT_ONCE:
                return
            last = page[-1]

    def _reconcile(self, due: DueSet, stopping: Callable[[], bool]) -> tuple[int, int]:
        """Answers a set's stale frames again; gives how many were, and how many could not be."""
        self._catalog.forget(due.team_id, [due.ref])
        repaired = remaining = 0
        while not stopping() and (page := self._stale_page(due, remaining)):
            self._store.forget(due.team_id, page)
            answers = self._answers.refreshed(due.team_id, page)
            fresh = sum(
                answer.data_hash == due.data_hash and answer.resolver_version == RESOLVER_VERSION
                for answer in answers.values()
            )
            repaired += fresh
            remaining += len(page) - fresh
        if remaining and not repaired:
            self._stuck[due.id.bytes, due.data_hash] = self._monotonic() + STUCK_SECONDS
        return repaired, remaining

    def _stale_page(self, due: DueSet, offset: int) -> list[bytes]:
        with self._database.read() as connection:
            return frames.stale_for(
                connection,
                due.team_id,
                due.ref,
                due.data_hash,
                RESOLVER_VERSION,
                limit=PAGE,
                offset=offset,
            )

    def _retry(self) -> int:
        with self._database.read() as connection:
            due = frames.due_for_retry(connection, self._clock(), PAGE)
        by_team: dict[int, list[bytes]] = defaultdict(list)
        for team_id, raw_id in due:
            by_team[team_id].append(raw_id)
        for team_id, raw_ids in by_team.items():
            self._store.forget(team_id, raw_ids)
            self._answers.refreshed(team_id, raw_ids)
            with self._database.write() as connection:
                # Those that still cannot be answered make room for others that are due.
                now = self._clock()
                frames.postpone(connection, team_id, raw_ids, now, now + RETRY_AFTER)
            self._store.forget(team_id, raw_ids)
        return len(due)

    def _is_stuck(self, due: DueSet) -> bool:
        """Tells whether a set's bytes could not be read a moment ago, so that a pass is in vain."""
        until = self._stuck.get((due.id.bytes, due.data_hash))
        if until is None or self._monotonic() < until:
            return until is not None
        del self._stuck[due.id.bytes, due.data_hash]
        return False
