"""Accounts of a team's events: every counter that a batch moves, in one transaction.

The transaction also holds what was decided about each event, so that one that comes again is
recognised and moves none of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from symbolicate.clock import Clock
from symbolicate.database.dialect import lock
from symbolicate.database.engine import Database
from symbolicate.database.processed_events import Verdict
from symbolicate.metrics import Metrics
from symbolicate.pipeline.admission import Defaults
from symbolicate.pipeline.entry import Entry
from symbolicate.pipeline.settlement import Settlement
from symbolicate.pipeline.spike_detection import Spike

_log = logging.getLogger("symbolicate.accounts")


class Settled(NamedTuple):
    """A verdict for each entry, in order, and the spikes that they made."""

    verdicts: list[Verdict]
    spikes: list[Spike]


class Accounts:
    """Decides which events pass and counts them; thread-safe, and safe among processes."""

    def __init__(
        self, database: Database, defaults: Defaults, *, clock: Clock, metrics: Metrics
    ) -> None:
        self._database = database
        self._defaults = defaults
        self._clock = clock
        self._metrics = metrics

    def settle(self, team_id: int, entries: Sequence[Entry]) -> Settled:
        """Settles a batch: all of it is committed, or nothing is and `Unavailable` is raised.

        Batches of a team wait for each other; those of different teams do not, on PostgreSQL.
        """
        if not entries:
            return Settled([], [])
        with self._database.write() as connection:
            lock(connection, f"{team_id}/accounts")
            settlement = Settlement(connection, team_id, self._defaults, self._clock())
            verdicts = settlement.settle(entries)
        self._tell(team_id, settlement)
        return Settled(verdicts, settlement.spikes)

    def _tell(self, team_id: int, settlement: Settlement) -> None:
        """Counts and logs what has been committed."""
        self._add("symbolicate_repeated_events_total", settlement.repeated)
        self._add("symbolicate_issues_created_total", settlement.new_issues)
        self._add("symbolicate_spikes_total", len(settlement.spikes))
        for (limit, result), events in settlement.met.items():
            labels = {"team": str(team_id), "limit": limit, "result": result}
            self._metrics.count("symbolicate_rate_limited_events_total", events, **labels)
        for spike in settlement.spikes:
            _log.info(
                "issue %s of team %s spikes: %d events, baseline %.1f",
                spike.row.issue_id,
                team_id,
                spike.row.current_bucket_value,
                spike.row.computed_baseline,
            )

    def _add(self, name: str, amount: int) -> None:
        if amount:
            self._metrics.count(name, amount)
