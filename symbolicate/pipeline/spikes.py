"""The spike detector's arithmetic: buckets of five minutes against those of the hour before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import fmean

from symbolicate.database.team_settings import SpikeConfig

BUCKET_SECONDS = 300
BUCKETS = 12


def bucket_start(now: datetime) -> int:
    """Gives the start of the bucket that a moment falls into, in seconds since 1970."""
    return int(now.timestamp() // BUCKET_SECONDS) * BUCKET_SECONDS


def issue_baseline(history: Sequence[int]) -> float | None:
    """Gives the mean of an issue's past buckets that hold events; None if none does."""
    counts = [count for count in history if count > 0]
    return fmean(counts) if counts else None


def team_baseline(history: Sequence[tuple[int, int]]) -> float:
    """Gives the mean number of events an issue in a team's past buckets: (events, issues) each."""
    means = [events / issues for events, issues in history if events > 0 and issues > 0]
    return fmean(means) if means else 0.0


def is_spike(current: int, baseline: float, config: SpikeConfig) -> bool:
    """Tells whether a bucket reaches the threshold and tops the multiple of its baseline."""
    return current >= config.threshold and current > baseline * config.multiplier
