"""Leases: one process of many does what is to be done once, and another when that one dies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from symbolicate.clock import Clock
from symbolicate.database import leases
from symbolicate.database.engine import Database
from symbolicate.errors import DatabaseUnavailable

LEASE_SECONDS = 5.0
"""How long a lease outlives the process that held it."""
RENEWED_EVERY = LEASE_SECONDS / 3

_log = logging.getLogger("symbolicate.leases")


class Lease(NamedTuple):
    """What its holder shows before it writes; team 0 stands for the whole deployment."""

    team_id: int
    name: str
    token: int


class Leases:
    """Takes leases and keeps those in hand alive; thread-safe.

    A lease says who should do a thing, its token who may still write the result down: a holder
    that was stopped for too long finds with `is_held` that another took its place.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._in_hand: set[Lease] = set()
        self._changed = threading.Condition()
        self._keeper: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def held(self, team_id: int, name: str) -> Iterator[Lease | None]:
        """Holds a lease for the block, or gives None because another holds it."""
        lease = self._take(team_id, name)
        try:
            yield lease
        finally:
            if lease is not None:
                self._end(lease)

    def take_turn(self, name: str, every: timedelta) -> bool:
        """Tells whether it is this process's turn at what is done once in so long everywhere."""
        now = self._clock()
        with self._database.write() as connection:
            return leases.take(connection, 0, name, now, now + every) is not None

    def is_held(self, connection: object, lease: Lease) -> bool:
        """Tells, inside the transaction that writes a result, whether the lease still holds."""
        return leases.is_held(connection, *lease, self._clock())  # type: ignore[arg-type]

    def close(self) -> None:
        """Keeps nothing alive any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._keeper is not None:
            self._keeper.join()

    def _take(self, team_id: int, name: str) -> Lease | None:
        now = self._clock()
        until = now + timedelta(seconds=LEASE_SECONDS)
        with self._database.write() as connection:
            token = leases.take(connection, team_id, name, now, until)
        if token is None:
            return None
        lease = Lease(team_id, name, token)
        with self._changed:
            self._in_hand.add(lease)
            if self._keeper is None:
                self._keeper = threading.Thread(
                    target=self._keep, name="symbolicate-leases", daemon=True
                )
                self._keeper.start()
            self._changed.notify_all()
        return lease

    def _end(self, lease: Lease) -> None:
        with self._changed:
            self._in_hand.discard(lease)
        try:
            with self._database.write() as connection:
                leases.hold_until(connection, *lease, self._clock())
        except DatabaseUnavailable as error:
            _log.warning("a lease runs out by itself: %s", error)

    def _keep(self) -> None:
        """Renews what is in hand, for as long as there is anything."""
        while True:
            with self._changed:
                while not self._in_hand and not self._closed:
                    self._changed.wait()
                if not self._closed:
                    self._changed.wait(RENEWED_EVERY)
                if self._closed:
                    return
                # Under the lock, so that none is renewed once its holder gave it back.
                self._renew()

    def _renew(self) -> None:
        until = self._clock() + timedelta(seconds=LEASE_SECONDS)
        try:
            with self._database.write() as connection:
                for lease in sorted(self._in_hand):
                    if not leases.hold_until(connection, *lease, until):
                        _log.warning("lease %s was taken by another process", lease.name)
        except DatabaseUnavailable as error:
            _log.warning("leases in hand could not be renewed: %s", error)
