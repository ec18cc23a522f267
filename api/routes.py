"""How routes are added: every path under both prefixes, with and without its last slash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fastapi import FastAPI, Response
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from .errors import NOSNIFF
from .schemas import request_body

PREFIXES = (
    "/api/projects/{project_id}/error_tracking",
    "/api/environments/{project_id}/error_tracking",
)

Endpoint = Callable[..., Any]


class Query(NamedTuple):
    """A query parameter, for its documentation; `kind` is its JSON type."""

    name: str
    doc: str
    kind: str = "string"
    choices: tuple[str, ...] = ()


PAGED = (
    Query("limit", "Rows in one page, at most.", "integer"),
    Query("offset", "Rows before the page.", "integer"),
)


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
    queries: Sequence[Query] = (),
) -> None:
    """Adds a route of a team in all its spellings; the document shows the first."""
    extra: dict[str, Any] = {}
    if body is not None:
        app.state.bodies[body.__name__] = body
        extra["requestBody"] = request_body(body)
    if queries:
        extra["parameters"] = [_parameter(query) for query in queries]
    for number, spelling in enumerate(spellings(path)):
        app.add_api_route(
            spelling,
            endpoint,
            methods=[method],
            status_code=answers.status,
            response_class=Response,
            responses={answers.status: {"model": answers.model}},
            openapi_extra=extra,
            include_in_schema=number == 0,
        )
        if method == "GET":
            app.add_api_route(spelling, endpoint, methods=["HEAD"], include_in_schema=False)


def _parameter(query: Query) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": query.kind}
    if query.choices:
        schema["enum"] = list(query.choices)
    return {"name": query.name, "in": "query", "description": query.doc, "schema": schema}


def spellings(path: str) -> Iterator[str]:
    """Gives a team's path under both prefixes, without and with its last slash."""
    for prefix in PREFIXES:
        yield prefix + path
        yield f"{prefix}{path}/"


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Gives the methods that the path of a request is routed for.

    Where several paths fit, the first one counts: `/symbol_sets/bulk_delete` is no set's id.
    """
    fits = [route for route in app.routes if route.matches(scope)[0] is not Match.NONE]
    first = getattr(fits[0], "path", None) if fits else None
    allowed: set[str] = set()
    for route in fits:
        if getattr(route, "path", None) == first:
            allowed |= getattr(route, "methods", None) or set()
    return sorted(allowed)


def serve_json(content: bytes, status: int = 200) -> Response:
    """Answers with JSON that is encoded already."""
    return Response(content, status, NOSNIFF, "application/json")
