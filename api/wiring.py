"""What the endpoints share: the library's façade, threads for what blocks, places to work in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from starlette.requests import HTTPConnection
from starlette.types import Scope

from symbolicate.metrics import Metrics
from symbolicate.symbolicator import Symbolicator

from .limits import InFlight
from .publishing import Publisher
from .throttle import throttle_of

P = ParamSpec("P")
R = TypeVar("R")


class Wiring:
    """One application's parts; found again by every request in its scope."""

    def __init__(self, symbolicator: Symbolicator, metrics: Metrics) -> None:
        settings = symbolicator.settings
        self.symbolicator = symbolicator
        self.metrics = metrics
        self.in_flight = InFlight(settings.max_in_flight)
        self.throttle = throttle_of(settings, metrics)
        self.publisher: Publisher | None = None
        self.process_secrets = [
            secret.strip().encode()
            for secret in settings.process_secrets.split(",")
            if secret.strip()
        ]
        self._threads = ThreadPoolExecutor(settings.threads, "symbolicate-api")

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls what blocks in one of a bounded number of threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *args, **kwargs))

    def address(self, connection: HTTPConnection) -> str:
        """Gives the scheme and host that clients see, without a slash at the end."""
        public: str = self.symbolicator.settings.public_url
        return (public or str(connection.base_url)).rstrip("/")

    def close(self) -> None:
        """Takes no more work; what is in hand is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def wiring_of(scope: Scope) -> Wiring:
    """Finds the parts of the application that serves a request."""
    found: Wiring = scope["app"].state.wiring
    return found
