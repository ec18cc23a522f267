"""Who a key's holder is: the first questions of PostHog's clients, which any valid key may ask.

Users and organisations are not modelled: the caller is a key, and a key has one team.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from symbolicate.clock import wire_time
from symbolicate.json_text import encode

from .auth import AnyKey, check_team
from .routes import Endpoint, serve_json
from .wiring import wiring_of

KEY = "/api/personal_api_keys/@current"
USER = "/api/users/@me"
PROJECT = "/api/projects/{project_id}"
ENVIRONMENT = "/api/environments/{project_id}"


class PersonalApiKey(BaseModel):
    """A key without its text, which only its holder knows."""

    id: UUID
    label: str
    created_at: datetime
    last_used_at: datetime | None
    scopes: list[str]
    scoped_teams: list[int]
    scoped_organizations: list[str]


class Project(BaseModel):
    """A team; its project token is never shown."""

    id: int
    name: str
    organization: None


class KeyHolder(BaseModel):
    """The caller: a key, under the key's own id, and its team."""

    uuid: UUID
    distinct_id: UUID
    team: Project
    organization: None


def add_identity(app: FastAPI) -> None:
    """Adds the routes to an application."""
    _add(app, KEY, "", current_key, PersonalApiKey, "personal_api_keys_current_retrieve")
    _add(app, USER, "/", current_user, KeyHolder, "users_me_retrieve")
    _add(app, PROJECT, "/", project, Project, "projects_retrieve")
    _add(app, ENVIRONMENT, "/", project, Project, "environments_retrieve")


def _add(
    app: FastAPI,
    path: str,
    slash: str,
    endpoint: Endpoint,
    model: type[BaseModel],
    operation_id: str,
) -> None:
    """Adds a path with and without its last slash; the document shows it as clients ask."""
    for end in ("", "/"):
        app.add_api_route(
            path + end,
            endpoint,
            methods=["GET"],
            response_class=Response,
            responses={200: {"model": model}},
            operation_id=operation_id,
            include_in_schema=end == slash,
        )
        app.add_api_route(path + end, endpoint, methods=["HEAD"], include_in_schema=False)


async def current_key(key: AnyKey) -> Response:
    """Describes the key that the caller holds."""
    described = {
        "id": str(key.id),
        "label": key.label,
        "created_at": wire_time(key.created_at),
        "last_used_at": key.last_used and wire_time(key.last_used),
        "scopes": sorted(key.scopes),
        "scoped_teams": [key.team_id],
        "scoped_organizations": [],
    }
    return serve_json(encode(described))


async def current_user(request: Request, key: AnyKey) -> Response:
    """Says that the caller is a key, and of which team."""
    holder = {"uuid": str(key.id), "distinct_id": str(key.id)}
    team = await _team(request, key.team_id)
    return serve_json(encode({**holder, "team": team, "organization": None}))


async def project(request: Request, key: AnyKey) -> Response:
    """Names the team."""
    check_team(request.scope, key)
    return serve_json(encode(await _team(request, key.team_id)))


async def _team(request: Request, team_id: int) -> dict[str, object]:
    wiring = wiring_of(request.scope)
    name = await wiring.run(wiring.symbolicator.teams.name, team_id)
    return {"id": team_id, "name": name, "organization": None}
