"""Counts of long lists: exact while they are short, remembered for a minute when they are long."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

from symbolicate.cache.weighted import WeightedCache

EXACT_ROWS = 10_000
REFRESHED_AFTER_SECONDS = 30.0
FORGOTTEN_AFTER_SECONDS = 60.0
_REMEMBERED = 4096

Count = Callable[[int | None], int]
"""Counts the rows of a list, at most as many as it is told to look at."""


class _Remembered(NamedTuple):
    rows: int
    at: float


class PageCounts:
    """Tells how many rows a list has without looking at each of a million for every page.

    Up to `EXACT_ROWS` the answer is exact. Above, it is at most 60 seconds old; one that is half
    that old is given once more while a thread beside counts again.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._remembered: WeightedCache[tuple[int, str], _Remembered] = WeightedCache(
            _REMEMBERED,
            lambda _key, _rows: 1,
            ttl=lambda _key, _rows: FORGOTTEN_AFTER_SECONDS,
            clock=monotonic,
        )
        self._counting: set[tuple[int, str]] = set()
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "symbolicate-counts")

    def of(self, team_id: int, name: str, count: Count) -> int:
        """Gives the number of rows of a team's list; `count` may run later, in another thread."""
        key = (team_id, name)
        known = self._remembered.get(key)
        if known is not None:
            if self._monotonic() - known.at >= REFRESHED_AFTER_SECONDS:
                self._refresh(key, count)
            return known.rows
        rows = count(EXACT_ROWS + 1)
        return rows if rows <= EXACT_ROWS else self._counted(key, count)

    def close(self) -> None:
        """Counts no more."""
        self._thread.shutdown(cancel_futures=True)

    def _counted(self, key: tuple[int, str], count: Count) -> int:
        began = self._monotonic()
        rows = count(None)
        if rows > EXACT_ROWS:
            self._remembered.put(key, _Remembered(rows, began))
        else:
            self._remembered.discard(key)
        return rows

    def _refresh(self, key: tuple[int, str], count: Count) -> None:
        with self._lock:
            if key in self._counting:
                return
            self._counting.add(key)
        try:
            self._thread.submit(self._counted_beside, key, count)
        except RuntimeError:
            self._counting.discard(key)  # closed meanwhile

    def _counted_beside(self, key: tuple[int, str], count: Count) -> None:
        try:
            self._counted(key, count)
        finally:
            self._counting.discard(key)
