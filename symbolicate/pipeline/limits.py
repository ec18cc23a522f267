"""The rate limiter's arithmetic: token buckets that refill steadily."""

from __future__ import annotations

import math
from typing import NamedTuple

DEFAULT_MINUTES = 60


class Bucket(NamedTuple):
    """What is left of a limit: `pool` tokens at `ts`, in whole seconds since 1970."""

    ts: int
    pool: float


class Limit(NamedTuple):
    """A bucket's capacity in tokens, and the tokens that a second brings."""

    capacity: float
    rate: float

    @classmethod
    def of(cls, value: int | None, minutes: int | None) -> Limit | None:
        """Makes the limit of `value` events in a window; None where that means no limit."""
        if value is None or value <= 0:
            return None
        window = max(DEFAULT_MINUTES if minutes is None else minutes, 1)
        return cls(float(value), value / (window * 60))


def take(
    limit: Limit | None, bucket: Bucket | None, wanted: int, now: int
) -> tuple[int, Bucket | None]:
    """Takes up to `wanted` tokens and gives how many there were, with the bucket afterwards.

    Without a limit all are there and no bucket is kept; with a limit and no bucket, a full one is
    opened. What is left over stays, fractions included, and a clock that runs back refills nothing.
    """
    if limit is None:
        return wanted, None
    tokens = limit.capacity
    if bucket is not None:
        elapsed = max(0, now - bucket.ts)
        tokens = min(limit.capacity, bucket.pool + elapsed * limit.rate)
    admitted = min(math.floor(tokens), wanted)
    return admitted, Bucket(now, tokens - admitted)
