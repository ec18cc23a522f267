"""A least-recently-used cache that weighs bytes, with an optional time limit per entry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Entry(NamedTuple, Generic[V]):
    value: V
    weight: int
    expires: float | None


def _weight_of(entry: _Entry[V]) -> int:
    return entry.weight


class WeightedCache(Generic[K, V]):
    """Keeps at most `capacity_bytes` of values, and forgets the least recently used first.

    Thread-safe. `weigh` gives an entry's bytes, `ttl` its seconds to live (None = no limit); both
    are called without the lock. An entry heavier than the capacity is not kept, and whatever was
    kept under its key goes.
    """

    def __init__(
        self,
        capacity_bytes: int,
        weigh: Callable[[K, V], int],
        *,
        ttl: Callable[[K, V], float | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries: LRUCache[K, _Entry[V]] = LRUCache(capacity_bytes, _weight_of)
        self._lock = threading.Lock()
        self._weigh = weigh
        self._ttl = ttl
        self._clock = clock

    def get(self, key: K) -> V | None:
        """Gives the value kept under a key, or None; counts as a use."""
        with self._lock:
            try:
                value, _, expires = self._entries[key]
            except KeyError:
                return None
            if expires is not None and expires <= self._clock():
                del self._entries[key]
                return None
            return value

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """Gives the values of those keys that are kept; counts as a use of each.

        Takes the lock once, which makes it several times as quick as one `get` a key.
        """
        found: dict[K, V] = {}
        with self._lock:
            entries, now = self._entries, self._clock()
            for key in keys:
                if key not in entries:
                    continue
                value, _, expires = entries[key]
                if expires is None or expires > now:
                    found[key] = value
                else:
                    del entries[key]
        return found

    def put(self, key: K, value: V) -> None:
        """Keeps a value under a key, at the cost of the entries used least recently."""
        weight = self._weigh(key, value)
        seconds = self._ttl(key, value) if self._ttl is not None else None
        expires = None if seconds is None else self._clock() + seconds
        with self._lock:
            if weight > self._entries.maxsize:
                self._entries.pop(key, None)
            else:
                self._entries[key] = _Entry(value, weight, expires)

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
