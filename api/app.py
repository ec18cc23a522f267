"""The HTTP application over one `Symbolicator`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from symbolicate import __version__
from symbolicate.errors import Refused, Unavailable
from symbolicate.prometheus import PrometheusMetrics
from symbolicate.symbolicator import Symbolicator

from .analytics_events import analytics_events_routes
from .auth import authenticate
from .batch_get import PATH, BatchGet
from .capture import capture_routes
from .docs_page import add_docs_page
from .errors import ApiError, method_not_allowed, response_of, server_error
from .health import Readiness, add_health
from .identity import add_identity
from .local_uploads import add_local_uploads
from .openapi import document
from .process import add_process
from .publishing import Publisher
from .recommendations import add_recommendations
from .releases import add_releases
from .routes import allowed_methods
from .settings import add_settings
from .spike_detection_config import add_spike_detection_config
from .spike_events import add_spike_events
from .stack_frames import add_stack_frames
from .symbol_set_uploads import add_symbol_set_uploads
from .symbol_sets import add_symbol_sets
from .wiring import Wiring


class Application(FastAPI):
    """FastAPI, with the hot route before its middleware and its search for a route."""

    _batch_get = BatchGet()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        hot = PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if hot is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            scope["path_params"] = hot.groupdict()
            await self._batch_get(scope, receive, send)


def create_app(symbolicator: Symbolicator, metrics: PrometheusMetrics | None = None) -> FastAPI:
    """Makes an application; the `Symbolicator` stays the caller's to close.

    `metrics` is the sink that the `Symbolicator` was given, so that `/metrics` shows it all.
    """
    metrics = metrics or PrometheusMetrics()
    wiring = Wiring(symbolicator, metrics)
    readiness = Readiness(wiring)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if broker_url := symbolicator.settings.broker_url:
            wiring.publisher = await Publisher.open(broker_url, metrics)
        yield
        wiring.close()
        if wiring.publisher is not None:
            await wiring.publisher.close()

    app = Application(
        title="symbolicate",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        exception_handlers={Exception: _bug},
    )
    for kind in (ApiError, Refused, Unavailable, ClientDisconnect):
        app.add_exception_handler(kind, _expected)
    app.add_exception_handler(HTTPException, _unrouted)
    app.state.wiring = wiring
    app.state.bodies = {}
    app.router.routes.extend([*capture_routes(), *analytics_events_routes()])
    add_stack_frames(app)
    add_releases(app)
    add_symbol_set_uploads(app)
    add_symbol_sets(app)
    add_settings(app)
    add_spike_detection_config(app)
    add_spike_events(app)
    add_recommendations(app)
    add_identity(app)
    add_local_uploads(app)
    add_process(app)
    add_health(app, readiness, metrics)
    add_docs_page(app)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


async def _expected(_request: Request, error: Exception) -> Response:
    return response_of(error) or server_error()


async def _bug(_request: Request, _error: Exception) -> Response:
    """Answers a bug; the server logs it."""
    return server_error()


async def _unrouted(request: Request, error: Exception) -> Response:
    """Answers an unknown path, and a method that a known path does not have."""
    assert isinstance(error, HTTPException)
    try:
        if request.url.path.startswith("/api/"):
            await authenticate(request.scope)
    except (ApiError, Unavailable) as refusal:
        return response_of(refusal) or server_error()
    if error.status_code != 405:
        return response_of(error) or server_error()
    allow = ", ".join([*allowed_methods(request.app, request.scope), "OPTIONS"])
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allow})
    return method_not_allowed(request.method, allow).response()
