"""What one run of retention did, or would do."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from symbolicate.metrics import Metrics

MAX_LISTED = 100

_log = logging.getLogger("symbolicate.retention")


class ListedSet(NamedTuple):
    """A symbol set that a dry run names."""

    team_id: int
    ref: str


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """Counts of what was deleted, in a dry run of what would be.

    `frames` went with their set or by their age; `objects` are the keys that the store was told
    to remove, some of which may never have been there; `uploads` were abandoned. What failed is
    tried again by the next run. `listed` holds the first sets of a dry run.
    """

    symbol_sets: int = 0
    frames: int = 0
    objects: int = 0
    uploads: int = 0
    spike_events: int = 0
    processed_events: int = 0
    rate_buckets: int = 0
    spike_buckets: int = 0
    spike_snoozes: int = 0
    leases: int = 0
    failed_symbol_sets: int = 0
    failed_objects: int = 0
    listed: tuple[ListedSet, ...] = ()


class Tally:
    """Adds up what a run does; a dry run has no metrics to count it in."""

    def __init__(self, metrics: Metrics | None) -> None:
        self._metrics = metrics
        self._counts: Counter[str] = Counter()
        self._listed: list[ListedSet] = []

    def delete(self, what: str, count: int) -> None:
        """Notes that things of a kind were deleted."""
        self._counts[f"{what}s"] += count
        if self._metrics is not None and count:
            self._metrics.count("symbolicate_retention_deleted_total", count, what=what)

    def fail(self, what: str, count: int) -> None:
        """Notes that things of a kind could not be deleted."""
        self._counts[f"failed_{what}s"] += count
        if self._metrics is not None and count:
            self._metrics.count("symbolicate_retention_failures_total", count, what=what)

    def list(self, team_id: int, ref: str) -> None:
        """Names a set that would be deleted, unless enough are named already."""
        if len(self._listed) < MAX_LISTED:
            self._listed.append(ListedSet(team_id, ref))

    def report(self) -> RetentionReport:
        """Sums up, and logs a run that did something."""
        report = RetentionReport(**self._counts, listed=tuple(self._listed))
        done = ", ".join(f"{count} {what}" for what, count in self._counts.items() if count)
        if done and self._metrics is not None:
            _log.info("retention: %s", done.replace("_", " "))
        return report
