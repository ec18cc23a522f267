"""Endpoints that pages of every origin may call: preflights answered, every answer marked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from .errors import method_not_allowed, response_of

METHODS = "POST, OPTIONS"

_ONE_DAY = "86400"


class CrossOrigin:
    """Wraps a POST endpoint; its errors are marked too, or a page could not read them."""

    def __init__(self, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        request = Request(scope, receive)
        response = preflight(request) if request.method == "OPTIONS" else await self._post(request)
        response.headers["Access-Control-Allow-Origin"] = "*"
        await response(scope, receive, send)

    async def _post(self, request: Request) -> Response:
        try:
            if request.method != "POST":
                raise method_not_allowed(request.method, METHODS)
            return await self._endpoint(request)
        except Exception as error:
            response = response_of(error)
            if response is None:
                raise
            return response


def preflight(request: Request) -> Response:
    """Allows what the browser asks for."""
    asked = request.headers.get("access-control-request-headers", "*")
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": asked,
        "Access-Control-Max-Age": _ONE_DAY,
        "Vary": "Access-Control-Request-Headers",
    }
    return Response(status_code=204, headers=headers)
