"""The façade for asyncio programs: the same methods, awaitable."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from symbolicate.frame import Frame, StoredFrame
from symbolicate.outcome import Outcome
from symbolicate.release import Release
from symbolicate.symbolicator import Symbolicator

P = ParamSpec("P")
R = TypeVar("R")


class AsyncSymbolicator:
    """Calls a `Symbolicator` through one bounded pool of threads, so no call blocks the loop.

    Takes what `Symbolicator` takes, or one that is open already, which it closes in the end.
    Opening itself blocks: it creates and migrates the database.
    """

    def __init__(
        self,
        database: str | None = None,
        objects: str | None = None,
        *,
        symbolicator: Symbolicator | None = None,
        threads: int | None = None,
        **given: Any,
    ) -> None:
        self._symbolicator = symbolicator or Symbolicator(database, objects, **given)
        self._pool = ThreadPoolExecutor(
            threads or self._symbolicator.settings.threads, "symbolicate-async"
        )

    @classmethod
    def open(cls, data_dir: str | Path, **given: Any) -> AsyncSymbolicator:
        """Opens the embedded form: SQLite and an object directory below one folder."""
        return cls(symbolicator=Symbolicator.open(data_dir, **given))

    async def resolve(
        self,
        team_id: int,
        raw_frames: Sequence[dict[str, Any]],
        debug_images: Sequence[dict[str, Any]] = (),
    ) -> list[list[Frame]]:
        """See `Symbolicator.resolve`."""
        return await self._call(self._symbolicator.resolve, team_id, raw_frames, debug_images)

    async def process(
        self, team_id: int, events: Sequence[Any], *, last: bool = False
    ) -> list[Outcome]:
        """See `Symbolicator.process`."""
        return await self._call(self._symbolicator.process, team_id, events, last=last)

    async def batch_get(
        self, team_id: int, raw_ids: Sequence[str], symbol_set: str | None = None
    ) -> list[StoredFrame]:
        """See `Symbolicator.batch_get`."""
        return await self._call(self._symbolicator.batch_get, team_id, raw_ids, symbol_set)

    async def create_release(
        self,
        team_id: int,
        *,
        version: str,
        project: str,
        hash_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Release:
        """See `Symbolicator.create_release`."""
        return await self._call(
            self._symbolicator.create_release,
            team_id,
            version=version,
            project=project,
            hash_id=hash_id,
            metadata=metadata,
        )

    async def add_symbol_set(
        self,
        team_id: int,
        ref: str,
        data: bytes | None = None,
        *,
        source: bytes | str | None = None,
        map: bytes | str | None = None,
        release_id: uuid.UUID | None = None,
    ) -> None:
        """See `Symbolicator.add_symbol_set`."""
        await self._call(
            self._symbolicator.add_symbol_set,
            team_id,
            ref,
            data,
            source=source,
            map=map,
            release_id=release_id,
        )

    async def check(self) -> None:
        """See `Symbolicator.check`."""
        await self._call(self._symbolicator.check)

    async def close(self) -> None:
        """Waits for the calls in hand, then closes the `Symbolicator`."""
        await asyncio.to_thread(self._pool.shutdown)
        await asyncio.to_thread(self._symbolicator.close)

    async def __aenter__(self) -> AsyncSymbolicator:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(method, *args, **kwargs))
