"""Files that a request's body is written to as it arrives, in threads."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from typing import IO

from .limits import MIB
from .wiring import Wiring

_WRITE_BYTES = MIB


class IncomingFile:
    """Writes to a file a large piece at a time."""

    def __init__(self, wiring: Wiring, file: IO[bytes]) -> None:
        self.file = file
        self._wiring = wiring
        self._waiting = bytearray()

    async def write(self, data: bytes) -> None:
        """Takes bytes that may be written later."""
        self._waiting += data
        if len(self._waiting) >= _WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Writes what waits."""
        data, self._waiting = self._waiting, bytearray()
        await self._wiring.run(self.file.write, data)


@asynccontextmanager
async def incoming(
    wiring: Wiring, opened: AbstractContextManager[IO[bytes]]
) -> AsyncIterator[IncomingFile]:
    """Opens a file for the block and closes it behind it, told of the block's error if any."""
    stack = ExitStack()
    incoming_file = IncomingFile(wiring, await wiring.run(stack.enter_context, opened))
    try:
        yield incoming_file
        await incoming_file.flush()
    except BaseException:
        await wiring.run(stack.__exit__, *sys.exc_info())
        raise
    await wiring.run(stack.close)
