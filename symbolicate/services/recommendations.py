"""Recommendations: what a team could do better, computed beside the requests that ask for it."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from symbolicate.clock import Clock, wire_time
from symbolicate.database import recommendation_facts, recommendations
from symbolicate.database.dialect import Transaction
from symbolicate.database.engine import Database
from symbolicate.database.recommendations import COMPUTING, Claim, RecommendationRow
from symbolicate.errors import NotFound, Refused, Unavailable
from symbolicate.metrics import Metrics
from symbolicate.services.recommendation_kinds import KINDS, Computation, enriched, listed_issues

THREADS = 2
MAX_WAITING = 1000
"""Computations that may wait for a thread; a claim beyond them is given back."""

TEAMS_AT_ONCE = 1000
"""Teams of one pass over what grew old; the rest comes at the next turn."""

_log = logging.getLogger("symbolicate.recommendations")


class QueueFull(Unavailable):
    """There is too much to compute already, or the service was closed."""

    dependency = "queue of computations"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommendation as it is now; `completed` means that there is nothing left to do."""

    row: RecommendationRow
    meta: dict[str, Any]
    completed: bool

    def to_wire(self) -> dict[str, Any]:
        """Gives the object of the HTTP API."""
        row = self.row
        return {
            "id": str(row.id),
            "type": row.type,
            "meta": self.meta,
            "completed": self.completed,
            "status": row.status,
            "computed_at": _wire(row.computed_at),
            "dismissed_at": _wire(row.dismissed_at),
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
        }


class Recommendations:
    """Lists, computes and dismisses the recommendations of a team; thread-safe.

    A stale row is claimed by one caller, whatever their number and their process, and computed
    in a thread beside; who lists does not wait for it. A computation that fails leaves the row as
    it was, to be tried at the next list.
    """

    def __init__(
        self, database: Database, *, per_issue_default: int, clock: Clock, metrics: Metrics
    ) -> None:
        self._database = database
        self._per_issue_default = per_issue_default
        self._clock = clock
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(THREADS, "symbolicate-recommendations")
        self._running: set[Future[None]] = set()
        self._lock = Lock()
        self._closed = False

    def page(
        self, team_id: int, *, poll: bool = False, limit: int, offset: int
    ) -> tuple[int, list[Recommendation]]:
        """Gives the count of the team's recommendations and one page of them, ordered by type.

        Starts to compute those that are stale, unless the caller only wants to `poll`.
        """
        claims: list[Claim] = []
        with self._database.read() if poll else self._database.write() as connection:
            if not poll:
                claims = self._claim_stale(connection, team_id)
            count = recommendations.count(connection, team_id)
            rows = recommendations.page(connection, team_id, limit=limit, offset=offset)
            found = _enriched(connection, team_id, rows)
        for claim in claims:
            self._begin(claim)
        return count, found

    def refresh(
        self, team_id: int, recommendation_id: uuid.UUID, *, force: bool = True
    ) -> Recommendation:
        """Starts to compute a recommendation whatever its age, and gives it as it is now.

        One that is being computed is left to that; without `force` nothing is computed. Raises
        `NotFound`, `Refused` for a type that is not computed any more, and `Unavailable`.
        """
        with self._database.write() as connection:
            row = _existing(connection, team_id, recommendation_id)
            if row.type not in KINDS:
                raise Refused("invalid_input", "Unknown recommendation type.")
            claim = None
            if force:
                claim = recommendations.claim(connection, team_id, recommendation_id, self._clock())
            if claim is not None:
                row = row._replace(status=COMPUTING)
            (found,) = _enriched(connection, team_id, [row])
        if claim is not None and not self._begin(claim):
            raise QueueFull("the recommendation was not computed")
        return found

    def dismiss(self, team_id: int, recommendation_id: uuid.UUID) -> Recommendation:
        """Notes that the team does not want to see it; stays so when it is computed again.

        Raises `NotFound`.
        """
        return self._change(team_id, recommendation_id, dismissed=True)

    def restore(self, team_id: int, recommendation_id: uuid.UUID) -> Recommendation:
        """Takes a dismissal back; raises `NotFound`."""
        return self._change(team_id, recommendation_id, dismissed=False)

    def refresh_stale(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Computes again what grew old of teams that once asked, and gives how many those were.

        Types that are always stale are left to who asks for them.
        """
        done = 0
        for name, kind in KINDS.items():
            before = self._clock() - kind.stale_after
            if not kind.stale_after:
                continue
            with self._database.read() as connection:
                teams = recommendations.stale_teams(connection, name, before, TEAMS_AT_ONCE)
            for team_id in teams:
                if stopping():
                    return done
                with self._database.write() as connection:
                    claim = recommendations.claim_stale(
                        connection, team_id, name, before, self._clock()
                    )
                if claim is not None:
                    self._compute(claim)
                    done += 1
        if done:
            _log.info("computed %d recommendations again", done)
        return done

    def join(self, seconds: float = 30.0) -> None:
        """Waits until nothing is being computed here; raises TimeoutError if that takes longer."""
        with self._lock:
            running = set(self._running)
        if wait(running, seconds).not_done:
            raise TimeoutError(f"recommendations are still computed after {seconds:g} s")

    def close(self) -> None:
        """Ends after the computations in hand; those that wait give their claims back."""
        with self._lock:
            self._closed = True
        self._threads.shutdown()

    def _claim_stale(self, connection: Transaction, team_id: int) -> list[Claim]:
        now = self._clock()
        recommendations.ensure(connection, team_id, KINDS, now)
        claims = [
            recommendations.claim_stale(connection, team_id, name, now - kind.stale_after, now)
            for name, kind in KINDS.items()
        ]
        return [claim for claim in claims if claim is not None]

    def _begin(self, claim: Claim) -> bool:
        """Hands a claim to a thread, or gives it back; False then."""
        with self._lock:
            taken = not self._closed and len(self._running) < MAX_WAITING
            if taken:
                future = self._threads.submit(self._compute, claim)
                self._running.add(future)
        if taken:
            future.add_done_callback(self._ended)
        else:
            self._give_back(claim)
        return taken

    def _ended(self, future: Future[None]) -> None:
        with self._lock:
            self._running.discard(future)

    def _compute(self, claim: Claim) -> None:
        if self._closed:
            self._give_back(claim)
            return
        try:
            asked = Computation(claim.team_id, self._clock(), self._per_issue_default)
            with self._database.read() as connection:
                meta = KINDS[claim.type].compute(connection, asked)
            with self._database.write() as connection:
                recommendations.finish(connection, claim, json.dumps(meta), self._clock())
            result = "computed"
        except Exception as error:
            _log.warning("recommendation %s: %s", claim.type, error, exc_info=True)
            self._give_back(claim)
            result = "failed"
        self._metrics.count(
            "symbolicate_recommendations_computed_total", type=claim.type, result=result
        )

    def _give_back(self, claim: Claim) -> None:
        try:
            with self._database.write() as connection:
                recommendations.give_back(connection, claim)
        except Exception:
            _log.warning("a claim is not given back; it ends by itself", exc_info=True)

    def _change(
        self, team_id: int, recommendation_id: uuid.UUID, *, dismissed: bool
    ) -> Recommendation:
        with self._database.write() as connection:
            recommendations.dismiss(
                connection, team_id, recommendation_id, self._clock(), dismissed=dismissed
            )
            row = _existing(connection, team_id, recommendation_id)
            (found,) = _enriched(connection, team_id, [row])
        return found


def _existing(
    connection: Transaction, team_id: int, recommendation_id: uuid.UUID
) -> RecommendationRow:
    row = recommendations.find(connection, team_id, recommendation_id)
    if row is None:
        raise NotFound
    return row


def _enriched(
    connection: Transaction, team_id: int, rows: Sequence[RecommendationRow]
) -> list[Recommendation]:
    metas = [json.loads(row.meta) for row in rows]
    listed = [issue_id for meta in metas for issue_id in listed_issues(meta)]
    statuses = recommendation_facts.issue_statuses(connection, team_id, listed)
    return [_made(row, enriched(meta, statuses)) for row, meta in zip(rows, metas, strict=True)]


def _made(row: RecommendationRow, meta: dict[str, Any]) -> Recommendation:
    kind = KINDS.get(row.type)
    completed = kind is not None and row.computed_at is not None and kind.completed(meta)
    return Recommendation(row, meta, completed)


def _wire(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)
