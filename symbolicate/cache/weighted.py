"""A least-recently-used cache that weighs bytes, with an optional time limit per entry."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

RECENCY_SECONDS = 1.0
"""How long a use counts as the same one, so that it need not be put in order again."""


class _Entry(Generic[V]):
    __slots__ = ("expires", "used", "value", "weight")

    def __init__(self, value: V, weight: int, expires: float, used: float) -> None:
        self.value = value
        self.weight = weight
        self.expires = expires
        self.used = used


def _weight_of(entry: _Entry[V]) -> int:
    return entry.weight


class _Evicting(LRUCache[K, _Entry[V]]):
    """Keeps an index beside the order of use in step, for look-ups that leave the order alone."""

    def __init__(self, capacity_bytes: int) -> None:
        super().__init__(capacity_bytes, _weight_of)
        self.index: dict[K, _Entry[V]] = {}

    def __setitem__(self, key: K, entry: _Entry[V]) -> None:
        super().__setitem__(key, entry)
        self.index[key] = entry

    def __delitem__(self, key: K) -> None:
        super().__delitem__(key)
        self.index.pop(key, None)

    def clear(self) -> None:
        super().clear()
        self.index.clear()


class WeightedCache(Generic[K, V]):
    """Keeps at most `capacity_bytes` of values, and forgets the least recently used first.

    Thread-safe. `weigh` gives an entry's bytes, `ttl` its seconds to live (None = no limit); both
    are called without the lock. An entry heavier than the capacity is not kept, and whatever was
    kept under its key goes. Recency is told to one second: what is asked for over and over costs
    a look into a dict.
    """

    def __init__(
        self,
        capacity_bytes: int,
        weigh: Callable[[K, V], int],
        *,
        ttl: Callable[[K, V], float | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries: _Evicting[K, V] = _Evicting(capacity_bytes)
        self._lock = threading.Lock()
        self._weigh = weigh
        self._ttl = ttl
        self._clock = clock

    def get(self, key: K) -> V | None:
        """Gives the value kept under a key, or None; counts as a use."""
        return self.get_each((key,))[0]

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """Gives the values of those keys that are kept; counts as a use of each."""
        keys = list(keys)
        found = zip(keys, self.get_each(keys), strict=True)
        return {key: value for key, value in found if value is not None}

    def get_each(self, keys: Sequence[K]) -> list[V | None]:
        """Gives the value of each key, or None in its place; counts as a use of each.

        Takes the lock once, which makes it several times as quick as one `get` a key.
        """
        found: list[V | None] = []
        with self._lock:
            now = self._clock()
            look, stale = self._entries.index.get, now - RECENCY_SECONDS
            for key in keys:
                entry = look(key)
                if entry is None:
                    found.append(None)
                elif entry.expires <= now:
                    del self._entries[key]
                    found.append(None)
                else:
                    if entry.used <= stale:
                        self._entries[key] = entry
                        entry.used = now
                    found.append(entry.value)
        return found

    def put(self, key: K, value: V) -> None:
        """Keeps a value under a key, at the cost of the entries used least recently."""
        weight = self._weigh(key, value)
        seconds = self._ttl(key, value) if self._ttl is not None else None
        now = self._clock()
        entry = _Entry(value, weight, math.inf if seconds is None else now + seconds, now)
        with self._lock:
            if weight > self._entries.maxsize:
                self._entries.pop(key, None)
            else:
                self._entries[key] = entry

    def discard(self, key: K) -> None:
        """Forgets a key, kept or not."""
        with self._lock:
            self._entries.pop(key, None)

    def clear(self) -> None:
        """Forgets every key."""
        with self._lock:
            self._entries.clear()

    @property
    def bytes(self) -> int:
        """The weight of what is kept."""
        with self._lock:
            return int(self._entries.currsize)

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)
