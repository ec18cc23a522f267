"""`/health/live`, `/health/ready` and `/metrics`, for those who run the server."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Response

from symbolicate.asking import Asking
from symbolicate.errors import BrokerUnavailable, Unavailable
from symbolicate.json_text import encode
from symbolicate.prometheus import CONTENT_TYPE, PrometheusMetrics

from .errors import NOSNIFF
from .routes import serve_json
from .wiring import Wiring

PATIENCE_SECONDS = 3.0


class Readiness:
    """Asks what the server stands on whether it serves, and answers while everything waits."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._asking = Asking(self._ask)

    async def trouble(self) -> str | None:
        """Names the dependency that is out of reach, or gives None."""
        try:
            answer = asyncio.shield(asyncio.wrap_future(self._asking.begin()))
            trouble = await asyncio.wait_for(answer, PATIENCE_SECONDS)
            if trouble is None and self._wiring.publisher is not None:
                await asyncio.wait_for(self._wiring.publisher.check(), PATIENCE_SECONDS)
        except TimeoutError:
            return "dependencies"
        except BrokerUnavailable as error:
            return error.dependency
        return trouble

    def _ask(self) -> str | None:
        try:
            self._wiring.symbolicator.check()
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
