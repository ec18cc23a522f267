"""Single flight: concurrent callers of one key share one call's outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Abandoned(Exception):
    """The leader was torn away (KeyboardInterrupt, SystemExit) and has no outcome to share."""


class SingleFlight(Generic[K, V]):
    """Runs at most one `make` per key at a time; who comes meanwhile waits for its outcome.

    Nothing is remembered: the next call after an outcome runs again. A `make` must not ask for its
    own key.
    """

    def __init__(self) -> None:
        self._flights: dict[K, Future[V]] = {}
        self._lock = threading.Lock()

    def do(self, key: K, make: Callable[[], V]) -> V:
        """Gives `make`'s outcome or a concurrent caller's, an `Exception` included.

        If the leader ends by any other exception, that one is its own, and a follower leads anew.
        """
        while True:
            with self._lock:
                flight = self._flights.get(key)
                leads = flight is None
                if flight is None:
                    flight = self._flights[key] = Future()
            if leads:
                return self._lead(key, flight, make)
            try:
                return flight.result()
            except _Abandoned:
                continue

    def _lead(self, key: K, flight: Future[V], make: Callable[[], V]) -> V:
        try:
            value = make()
        except Exception as error:
            self._land(key)
            flight.set_exception(error)
            raise
        except BaseException:
            self._land(key)
            flight.set_exception(_Abandoned())
            raise
        self._land(key)
        flight.set_result(value)
        return value

    def _land(self, key: K) -> None:
        with self._lock:
            del self._flights[key]
