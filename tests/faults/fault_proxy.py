"""An HTTP proxy that does to answers what networks and servers do, by a seed.

It stands between a client and one upstream server and treats each request by itself: it may
answer an error instead of asking, delay, slow down, cut off or change one byte of the answer.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

PIECE = 16 * 1024
_HEAD_BYTES = 64 * 1024

T = TypeVar("T")


@dataclass
class Faults:
    """What goes wrong, each share of the requests by itself; may be changed while it runs.

    `cut_at` is the part of the answer's body after which the connection is reset, None for a
    random one; `rate` is bytes a second, 0 for no limit. Only answers to `methods` are touched,
    and after `at_most` faults nothing more goes wrong. `away` refuses everything.
    """

    errors: float = 0.0
    statuses: tuple[int, ...] = (500, 503)
    cuts: float = 0.0
    cut_at: float | None = None
    flips: float = 0.0
    stalls: float = 0.0
    stall_seconds: float = 30.0
    latency: float = 0.0
    rate: float = 0.0
    methods: frozenset[str] = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
    at_most: int | None = None
    away: bool = False


class _Request(NamedTuple):
    method: str
    path: str
    head: bytes
    body: bytes


@dataclass
class FaultProxy:
    """A proxy before `upstream` (an `http://` URL) on a free port of this machine."""

    upstream: str
    seed: int
    faults: Faults = field(default_factory=Faults)
    requests: list[tuple[str, str]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        parts = urlsplit(self.upstream)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._random = random.Random(self.seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def change(self, **faults: Any) -> None:
        """Lets other things go wrong from now on, and begins to count anew."""
        self.done.clear()
        self.requests.clear()
        self.faults = Faults(**faults)

    def count(self, method: str, part: str = "") -> int:
        """Counts the requests of a method whose path holds a text."""
        return sum(one == method and part in path for one, path in list(self.requests))

    def close(self) -> None:
        """Stops and breaks every connection."""
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, awaitable: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(awaitable, self._loop).result(10)

    async def _stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _read(reader, writer)) is not None:
                if not await self._answer(request, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            # Raised further, asyncio would log it as a failure of the server.
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, request: _Request, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; False if the connection is over."""
        faults = self.faults
        self.requests.append((request.method, request.path))
        if faults.away:
            writer.transport.abort()
            return False
        if request.method in faults.methods:
            await asyncio.sleep(faults.latency)
            if self._happens(faults.errors, "error"):
                status = self._random.choice(faults.statuses)
                writer.write(b"HTTP/1.1 %d Fault\r\nContent-Length: 0\r\n\r\n" % status)
                await writer.drain()
                return True
        head, body = await self._forward(request)
        writer.write(head)
        return await self._send(request, body, writer)

    async def _send(self, request: _Request, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Sends a body as it is to arrive; False if it was cut off."""
        faults = self.faults
        touched = request.method in faults.methods and bool(body)
        if touched and self._happens(faults.flips, "flip"):
            body = self._flipped(body)
        is_cut = touched and self._happens(faults.cuts, "cut")
        end = self._end(len(body), faults.cut_at) if is_cut else len(body)
        stalls = touched and self._happens(faults.stalls, "stall")
        rate = faults.rate if touched else 0.0
        size = max(1, min(PIECE, int(rate / 10))) if rate else PIECE
        for start in range(0, end, size):
            piece = body[start : min(end, start + size)]
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(len(piece) / rate if rate else 0)
            if stalls:
                await asyncio.sleep(faults.stall_seconds)
                stalls = False
        if is_cut:
            # What was written so far still arrives; then the connection is at its end.
            writer.close()
        return not is_cut

    def _flipped(self, body: bytes) -> bytes:
        place = self._random.randrange(len(body))
        changed = body[place] ^ 1 << self._random.randrange(8)
        return body[:place] + bytes([changed]) + body[place + 1 :]

    def _end(self, length: int, cut_at: float | None) -> int:
        share = self._random.random() if cut_at is None else cut_at
        return min(length - 1, int(length * share))

    def _happens(self, share: float, name: str) -> bool:
        faults = self.faults
        if share <= 0 or self._random.random() >= share:
            return False
        if faults.at_most is not None and sum(self.done.values()) >= faults.at_most:
            return False
        self.done[name] += 1
        return True

    async def _forward(self, request: _Request) -> tuple[bytes, bytes]:
        """Asks upstream over a connection of its own; gives the answer's head and body."""
        reader, writer = await asyncio.open_connection(*self._target, limit=_HEAD_BYTES)
        try:
            writer.write(request.head + request.body)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            fields = _fields(head)
            if request.method == "HEAD" or head.split(b" ", 2)[1] in (b"204", b"304"):
                return head, b""
            if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
                return head, await _chunked(reader)
            length = fields.get(b"content-length")
            return head, await (
                reader.read() if length is None else reader.readexactly(int(length))
            )
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@contextmanager
def fault_proxy(upstream: str, seed: int, **faults: Any) -> Iterator[FaultProxy]:
    """Runs a proxy for the block."""
    proxy = FaultProxy(upstream, seed, Faults(**faults))
    try:
        yield proxy
    finally:
        proxy.close()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Request | None:
    """Reads a request whose body has a declared length; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    fields = _fields(head)
    if fields.get(b"expect", b"").lower() == b"100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
    method, path, _ = head.split(b" ", 2)
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:")]
    return _Request(method.decode(), path.decode(), b"\r\n".join(kept), body)


def _fields(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:] if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    """Reads a chunked body as it is, framing included."""
    pieces: list[bytes] = []
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        pieces += [line, await reader.readexactly(size + 2)]
        if size == 0:
            return b"".join(pieces)
