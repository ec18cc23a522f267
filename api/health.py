"""`/health/live`, `/health/ready` and `/metrics`, for those who run the server."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from fastapi import FastAPI, Response

from symbolicate.errors import Unavailable
from symbolicate.symbolicator import Symbolicator

from .errors import NOSNIFF
from .json_text import encode
from .metrics import CONTENT_TYPE, PrometheusMetrics
from .routes import serve_json

PATIENCE_SECONDS = 3.0


class Readiness:
    """Asks the database and the object store whether they serve, one question at a time.

    It has a thread of its own, so that it answers while every other one waits.
    """

    def __init__(self, symbolicator: Symbolicator) -> None:
        self._symbolicator = symbolicator
        self._thread = ThreadPoolExecutor(1, "symbolicate-ready")
        self._asking: Future[str | None] | None = None

    async def trouble(self) -> str | None:
        """Names the dependency that is out of reach, or gives None."""
        if self._asking is None or self._asking.done():
            self._asking = self._thread.submit(self._ask)
        try:
            answer = asyncio.shield(asyncio.wrap_future(self._asking))
            return await asyncio.wait_for(answer, PATIENCE_SECONDS)
        except TimeoutError:
            return "dependencies"

    def close(self) -> None:
        """Asks no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> str | None:
        try:
            self._symbolicator.check()
        except Unavailable as error:
            return error.dependency
        return None


def add_health(app: FastAPI, readiness: Readiness, metrics: PrometheusMetrics) -> None:
    """Adds the routes to an application."""

    async def live() -> Response:
        """Says that the process answers."""
        return serve_json(b'{"status":"ok"}')

    async def ready() -> Response:
        """Says whether the database and the object store can be reached."""
        trouble = await readiness.trouble()
        if trouble is None:
            return serve_json(b'{"status":"ok"}')
        return serve_json(encode({"status": "unavailable", "out_of_reach": trouble}), 503)

    async def show_metrics() -> Response:
        """Shows every counter in Prometheus' text format."""
        return Response(metrics.page(), 200, NOSNIFF | {"Content-Type": CONTENT_TYPE})

    for path, endpoint in (("/health/live", live), ("/health/ready", ready)):
        app.add_api_route(path, endpoint, methods=["GET"], response_class=Response)
        app.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
    app.add_api_route("/metrics", show_metrics, methods=["GET"], response_class=Response)
