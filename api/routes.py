"""How routes are added: every path under both prefixes, with and without its last slash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fastapi import FastAPI, Response
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from .errors import NOSNIFF
from .schemas import ErrorEnvelope, request_body

PREFIXES = (
    "/api/projects/{project_id}/error_tracking",
    "/api/environments/{project_id}/error_tracking",
)

Endpoint = Callable[..., Any]


class Answers(NamedTuple):
    """What a route answers when all is well, for its documentation."""

    status: int
    model: type[BaseModel] | None = None


def team_route(
    app: FastAPI,
    method: str,
    path: str,
    endpoint: Endpoint,
    answers: Answers,
    body: type[BaseModel] | None = None,
) -> None:
    """Adds a route of a team in all its spellings; the document shows the first."""
    extra: dict[str, Any] = {"security": [{"key": []}]}
    if body is not None:
        extra["requestBody"] = request_body(body)
    for number, spelling in enumerate(spellings(path)):
        app.add_api_route(
            spelling,
            endpoint,
            methods=[method],
            status_code=answers.status,
            response_class=Response,
            responses={answers.status: {"model": answers.model}, "4XX": {"model": ErrorEnvelope}},
            openapi_extra=extra,
            include_in_schema=number == 0,
        )
        if method == "GET":
            app.add_api_route(spelling, endpoint, methods=["HEAD"], include_in_schema=False)


def spellings(path: str) -> Iterator[str]:
    """Gives a team's path under both prefixes, without and with its last slash."""
    for prefix in PREFIXES:
        yield prefix + path
        yield f"{prefix}{path}/"


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Gives the methods that the path of a request is routed for."""
    allowed: set[str] = set()
    for route in app.routes:
        if route.matches(scope)[0] is not Match.NONE:
            allowed |= getattr(route, "methods", None) or set()
    return sorted(allowed)


def serve_json(content: bytes, status: int = 200) -> Response:
    """Answers with JSON that is encoded already."""
    return Response(content, status, NOSNIFF, "application/json")
