"""The object store of tests and trials: everything in memory, the same contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from typing import IO

from symbolicate.clock import Clock, system_clock
from symbolicate.errors import ObjectMissing
from symbolicate.objects.signing import SelfSigningStore, UrlSigner
from symbolicate.objects.store import ObjectInfo, check_key, check_prefix, too_large


class MemoryStore(SelfSigningStore):
    """Keeps objects for as long as the process lives."""

    def __init__(self, secret_key: bytes, clock: Clock = system_clock) -> None:
        super().__init__(UrlSigner(secret_key, clock))
        self._clock = clock
        self._objects: dict[str, tuple[bytes, datetime]] = {}

    def put(self, key: str, data: bytes) -> None:
        """Stores a copy of the bytes."""
        self._objects[check_key(key)] = (bytes(data), self._clock())

    def get(self, key: str, *, limit: int) -> bytes:
        """Gives the bytes, after their size was checked."""
        data = self._find(key)
        if len(data) > limit:
            raise too_large(len(data), limit)
        return data

    def size(self, key: str) -> int | None:
        """Gives the size in bytes, None when there is no such object."""
        found = self._objects.get(check_key(key))
        return None if found is None else len(found[0])

    def copy(self, source: str, target: str) -> None:
        """Stores the same bytes under a second key."""
        self.put(target, self._find(source))

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects; missing ones are no error."""
        for key in keys:
            self._objects.pop(check_key(key), None)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yields what was there when the listing began."""
        check_prefix(prefix)
        for key, (data, modified) in tuple(self._objects.items()):
            if key.startswith(prefix):
                yield ObjectInfo(key, len(data), modified)

    @contextmanager
    def receive(self, key: str) -> Iterator[IO[bytes]]:
        """Collects an upload and stores it when the block ends without an error."""
        incoming = BytesIO()
        yield incoming
        self.put(key, incoming.getvalue())

    def check(self) -> None:
        """Is always ready."""

    def close(self) -> None:
        """Forgets everything."""
        self._objects.clear()

    def _find(self, key: str) -> bytes:
        try:
            return self._objects[check_key(key)][0]
        except KeyError:
            raise ObjectMissing(f"no object {key}") from None
