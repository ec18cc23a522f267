"""A least-recently-used cache that weighs bytes, with an optional time limit per entry."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

RECENCY_SECONDS = 1.0
"""How long a use counts as the same one, so that it need not be put in order again."""


class _Entry(Generic[K, V]):
    """A value that may be given out, without another thought, for as long as it is `fresh`."""

    __slots__ = ("expires", "fresh", "key", "names", "value", "weight")

    def __init__(self, key: K, value: V, weight: int, expires: float) -> None:
        self.key = key
        self.value = value
        self.weight = weight
        self.expires = expires
        self.fresh = -math.inf
        self.names: tuple[tuple[Hashable, Hashable], ...] = ()

    def use(self, now: float) -> None:
        self.fresh = min(now + RECENCY_SECONDS, self.expires)


def _weight_of(entry: _Entry[K, V]) -> int:
    return entry.weight


class _Evicting(LRUCache[K, _Entry[K, V]]):
    """Keeps indexes beside the order of use in step, for look-ups that leave the order alone."""

    def __init__(self, capacity_bytes: int) -> None:
        super().__init__(capacity_bytes, _weight_of)
        self.index: dict[K, _Entry[K, V]] = {}
        self.attached: dict[Hashable, dict[Hashable, tuple[Any, _Entry[K, V]]]] = {}

    def __setitem__(self, key: K, entry: _Entry[K, V]) -> None:
        replaced = self.index.get(key)
        super().__setitem__(key, entry)
        self.index[key] = entry
        if replaced is not None and replaced is not entry:
            self._detach(replaced)

    def __delitem__(self, key: K) -> None:
        super().__delitem__(key)
        entry = self.index.pop(key, None)
        if entry is not None:
            self._detach(entry)

    def attach(self, key: K, group: Hashable, name: Hashable, extra: Any) -> None:
        entry = self.index.get(key)
        if entry is not None and name not in self.attached.get(group, ()):
            entry.names += ((group, name),)
            self.attached.setdefault(group, {})[name] = (extra, entry)

    def still(self, entry: _Entry[K, V], now: float) -> bool:
        """Puts an entry that is used in order again, or drops it if its time is over."""
        if entry.expires <= now:
            del self[entry.key]
            return False
        self[entry.key] = entry
        entry.use(now)
        return True

    def clear(self) -> None:
        super().clear()
        self.index.clear()
        self.attached.clear()

    def _detach(self, entry: _Entry[K, V]) -> None:
        for group, name in entry.names:
            named = self.attached[group]
            del named[name]
            if not named:
                del self.attached[group]


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
            entries, look = self._entries, self._entries.index.get
            for key in keys:
                entry = look(key)
                if entry is None or (entry.fresh <= now and not entries.still(entry, now)):
                    found.append(None)
                else:
                    found.append(entry.value)
        return found

    def put(self, key: K, value: V) -> None:
        """Keeps a value under a key, at the cost of the entries used least recently."""
        weight = self._weigh(key, value)
        seconds = self._ttl(key, value) if self._ttl is not None else None
        now = self._clock()
        entry = _Entry(key, value, weight, math.inf if seconds is None else now + seconds)
        entry.use(now)
        with self._lock:
            if weight > self._entries.maxsize:
                self._entries.pop(key, None)
            else:
                self._entries[key] = entry

    def attach(self, key: K, group: Hashable, name: Hashable, extra: Any) -> None:
        """Lets a kept value carry another, found under a name of its own in a group of names.

        It goes when the value goes or is replaced, and is to be counted in the value's weight. A
        name that is taken stays with what it names.
        """
        with self._lock:
            self._entries.attach(key, group, name, extra)

    def get_attached(self, group: Hashable, names: Iterable[Hashable]) -> list[Any] | None:
        """Gives what is attached under each name, or None if one of them is not kept.

        Counts as a use of every value that carries them.
        """
        found: list[Any] = []
        with self._lock:
            now = self._clock()
            entries, look = self._entries, self._entries.attached.get(group, {}).get
            for name in names:
                carried = look(name)
                if carried is None:
                    return None
                extra, entry = carried
                if entry.fresh <= now and not entries.still(entry, now):
                    return None
                found.append(extra)
        return found

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
