"""How often one API key may ask: fixed windows, counted in the memory of this process.

A key's window starts with the first request that it counts, and ends a minute or an hour later.
Routes of symbol sets are counted apart from all others. Refused requests count in no window.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from symbolicate.config import Settings
from symbolicate.metrics import Metrics

from .errors import throttled

MINUTE = 60
HOUR = 3600

_SWEEP_AT = 1024
_SYMBOL_SETS = re.compile(r"/api/(?:projects|environments)/[^/]+/error_tracking/symbol_sets(?:/|$)")


class Limit(NamedTuple):
    """So many requests in a window of so many seconds; 0 requests mean no limit."""

    most: int
    seconds: int


@dataclass(slots=True)
class _Window:
    ends: float
    left: int


class Windows:
    """Counts requests by key against every limit at once; forgets windows that have ended."""

    def __init__(self, limits: Sequence[Limit], monotonic: Callable[[], float]) -> None:
        self._limits = [limit for limit in limits if limit.most > 0]
        self._monotonic = monotonic
        self._windows: dict[uuid.UUID, list[_Window]] = {}
        self._sweep_at = _SWEEP_AT

    def __len__(self) -> int:
        """Counts the keys that are remembered."""
        return len(self._windows)

    def take(self, key: uuid.UUID) -> float:
        """Counts one request and gives 0.0, or counts nothing and gives the seconds to wait."""
        now = self._monotonic()
        windows = self._windows.get(key)
        if windows is None:
            windows = self._windows[key] = [_Window(now, 0) for _ in self._limits]
            self._sweep(now)
        spent = [window.ends - now for window in windows if window.ends > now and not window.left]
        wait = max(spent, default=0.0)
        if not wait:
            for window, limit in zip(windows, self._limits, strict=True):
                if window.ends <= now:
                    window.ends, window.left = now + limit.seconds, limit.most
                window.left -= 1
        return wait

    def _sweep(self, now: float) -> None:
        """Drops what has ended whenever twice as much is held as the last time left."""
        if len(self._windows) < self._sweep_at:
            return
        kept = {
            key: windows
            for key, windows in self._windows.items()
            if any(window.ends > now for window in windows)
        }
        self._windows = kept
        self._sweep_at = max(_SWEEP_AT, 2 * len(kept))


class Throttle:
    """Refuses the requests of a key that asks too often."""

    def __init__(self, symbol_sets: Windows, others: Windows, metrics: Metrics) -> None:
        self._symbol_sets = symbol_sets
        self._others = others
        self._metrics = metrics

    def admit(self, key: uuid.UUID, path: str) -> None:
        """Counts a request; raises a 429 that says how long to wait."""
        windows = self._symbol_sets if _SYMBOL_SETS.match(path) else self._others
        wait = windows.take(key)
        if wait:
            self._metrics.count("symbolicate_throttled_requests_total")
            raise throttled(max(1, ceil(wait)))


def throttle_of(
    settings: Settings, metrics: Metrics, monotonic: Callable[[], float] = time.monotonic
) -> Throttle | None:
    """Makes the throttle that the settings ask for; None when they limit nothing."""
    symbol_sets = (
        Limit(settings.symbol_set_requests_per_minute, MINUTE),
        Limit(settings.symbol_set_requests_per_hour, HOUR),
    )
    others = (
        Limit(settings.requests_per_minute, MINUTE),
        Limit(settings.requests_per_hour, HOUR),
    )
    if not any(limit.most > 0 for limit in (*symbol_sets, *others)):
        return None
    return Throttle(Windows(symbol_sets, monotonic), Windows(others, monotonic), metrics)
