"""Which issues of a batch spike: their buckets of time against those of the hour before."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from symbolicate.clock import wire_time
from symbolicate.database import issues, spike_buckets
from symbolicate.database.dialect import Transaction
from symbolicate.database.issues import Title
from symbolicate.database.spike_buckets import SpikeRow
from symbolicate.database.team_settings import SpikeConfig
from symbolicate.identity import uuid7
from symbolicate.pipeline.spikes import (
    BUCKET_SECONDS,
    BUCKETS,
    bucket_start,
    is_spike,
    issue_baseline,
    team_baseline,
)

EVENT = "$error_tracking_issue_spiking"


class Spike(NamedTuple):
    """A spike that was found and stored, with what a notice of it says."""

    row: SpikeRow
    title: Title
    fingerprint: str

    def to_event(self, team_id: int) -> dict[str, Any]:
        """Gives the internal event that tells others of it; its uuid is the spike's id."""
        return {
            "uuid": str(self.row.id),
            "event": EVENT,
            "team_id": team_id,
            "distinct_id": str(self.row.issue_id),
            "timestamp": wire_time(self.row.detected_at),
            "properties": {
                "name": self.title.name,
                "description": self.title.description,
                "computed_baseline": self.row.computed_baseline,
                "current_bucket_value": self.row.current_bucket_value,
                "fingerprint": self.fingerprint,
            },
        }


class SpikeDetector:
    """Counts the events of a team's issues and tells which of them spike, in one transaction.

    The transaction must be the only one of its team at a time.
    """

    def __init__(
        self, connection: Transaction, team_id: int, config: SpikeConfig, now: datetime
    ) -> None:
        self._connection = connection
        self._team_id = team_id
        self._config = config
        self._now = now
        self._start = bucket_start(now)
        self._oldest = self._start - (BUCKETS - 1) * BUCKET_SECONDS

    def count(
        self, events: Mapping[uuid.UUID, int], fingerprints: Mapping[uuid.UUID, str]
    ) -> list[Spike]:
        """Adds events of issues to the present bucket, and stores and snoozes what spikes."""
        spike_buckets.count(self._connection, self._team_id, self._start, events)
        reaching = spike_buckets.reaching(
            self._connection, self._team_id, self._start, events, self._config.threshold
        )
        if not reaching:
            return []
        spiking = self._above_baseline(reaching)
        titles = issues.titles(self._connection, self._team_id, spiking)
        snoozed = spike_buckets.snoozed(self._connection, self._team_id, titles, self._now)
        spikes = [
            Spike(self._row(issue, reaching[issue], baseline), titles[issue], fingerprints[issue])
            for issue, baseline in spiking.items()
            if issue in titles and issue not in snoozed
        ]
        self._store([spike.row for spike in spikes])
        return spikes

    def _above_baseline(self, reaching: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, float]:
        """Gives the baselines of the issues that spike."""
        past = spike_buckets.history(
            self._connection, self._team_id, reaching, self._oldest, self._start
        )
        baselines = {issue: self._baseline(past.get(issue, ())) for issue in reaching}
        return {
            issue: baseline
            for issue, baseline in baselines.items()
            if is_spike(reaching[issue], baseline, self._config)
        }

    def _baseline(self, past: Sequence[int]) -> float:
        own = issue_baseline(past)
        return self._team_baseline if own is None else own

    @cached_property
    def _team_baseline(self) -> float:
        span = (self._oldest, self._start)
        return team_baseline(spike_buckets.team_history(self._connection, self._team_id, *span))

    def _row(self, issue_id: uuid.UUID, events: int, baseline: float) -> SpikeRow:
        spike_id = uuid7(int(self._now.timestamp() * 1000))
        return SpikeRow(spike_id, issue_id, self._now, baseline, events)

    def _store(self, rows: list[SpikeRow]) -> None:
        until = self._now + timedelta(minutes=self._config.snooze_duration_minutes)
        spiking = [row.issue_id for row in rows]
        spike_buckets.snooze(self._connection, self._team_id, spiking, until)
        spike_buckets.add_spikes(self._connection, self._team_id, rows)
