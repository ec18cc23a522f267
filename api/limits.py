"""How much a request may hold, counted while it is read, and how many are worked on at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from .errors import throttled, too_large

MIB = 1024 * 1024
MANAGEMENT_BYTES = 2 * MIB
CAPTURE_BYTES = 20 * MIB
UPLOAD_BYTES = 100 * MIB + 64 * 1024

_BUSY_SECONDS = 1


async def chunks(scope: Scope, receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """Yields a body as it arrives.

    Raises a 413 as soon as more than `limit` bytes are declared or seen; what the client says
    about the length is never believed further than that.
    """
    declared = header(scope, b"content-length") or b""
    if declared.isdigit() and len(declared) < 20 and int(declared) > limit:
        raise too_large("body_bytes", int(declared), limit)
    seen = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        seen += len(chunk)
        if seen > limit:
            raise too_large("body_bytes", seen, limit)
        if chunk:
            yield chunk


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Gives the whole body, at most `limit` bytes."""
    arrived = [chunk async for chunk in chunks(scope, receive, limit)]
    return arrived[0] if len(arrived) == 1 else b"".join(arrived)


def header(scope: Scope, name: bytes) -> bytes | None:
    """Gives the first header of this lower-case name."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


class InFlight:
    """Counts the requests that are worked on; one too many is told to come back."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Holds a place for the block; raises a 429 when none is free."""
        if self._now >= self._most:
            raise throttled(_BUSY_SECONDS)
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1
