"""Personal API keys: random, shown once, stored as a hash, each for one team."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from symbolicate.cache.weighted import WeightedCache
from symbolicate.clock import Clock
from symbolicate.database import keys
from symbolicate.database.engine import Database
from symbolicate.database.keys import KeyRow as KeyRow
from symbolicate.errors import Refused
from symbolicate.identity import uuid7
from symbolicate.text import storable

PREFIX = "phx_"
DEFAULT_SCOPES = ("error_tracking:read", "error_tracking:write")
KNOWN_SECONDS = 1.0
_USED_AGAIN = timedelta(minutes=10)


class Keys:
    """Makes keys and tells what a key opens; a revoked key opens nothing within one second."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._known: WeightedCache[bytes, KeyRow] = WeightedCache(
            4096,
            lambda _key, _row: 1,
            ttl=lambda _key, _row: KNOWN_SECONDS,
            clock=monotonic,
        )

    def create(self, team_id: int, scopes: Iterable[str] = DEFAULT_SCOPES, label: str = "") -> str:
        """Makes a key and gives its text, which nobody can read again later."""
        wanted = frozenset(scope.strip() for scope in scopes) - {""}
        if not wanted or any(scope.split() != [scope] or not storable(scope) for scope in wanted):
            raise Refused("invalid_input", "Scopes are words such as error_tracking:read", "scopes")
        if not storable(label):
            raise Refused("invalid_input", "NUL and lone surrogates are not allowed.", "label")
        text = PREFIX + secrets.token_urlsafe(32)
        row = KeyRow(uuid7(), team_id, wanted, label, self._clock(), None)
        with self._database.write() as connection:
            keys.add(connection, row, sha256=_hash(text))
        return text

    def known(self, text: str) -> KeyRow | None:
        """Gives what the key opens if this was read within the last second."""
        return self._known.get(_hash(text))

    def authenticate(self, text: str) -> KeyRow | None:
        """Gives what a key opens; None for a text that is no valid key."""
        digest = _hash(text)
        row = self._known.get(digest)
        if row is not None or not text.startswith(PREFIX):
            return row
        with self._database.read() as connection:
            row = keys.find(connection, digest)
        if row is not None:
            self._known.put(digest, row)
            self._note_use(row)
        return row

    def _note_use(self, row: KeyRow) -> None:
        now = self._clock()
        if row.last_used is None or now - row.last_used > _USED_AGAIN:
            with self._database.write() as connection:
                keys.touch(connection, row.id, now)


def allows(row: KeyRow, scope: str) -> bool:
    """Tells whether a key has a scope: `*` is all, and write includes read."""
    if "*" in row.scopes or scope in row.scopes:
        return True
    return scope.endswith(":read") and scope.removesuffix("read") + "write" in row.scopes


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
