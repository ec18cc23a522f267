"""`releases`: made by build tools, found by the key that they chose, changed and deleted."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, JsonValue

from symbolicate.json_text import encode

from .auth import Reader, Writer
from .bodies import read_object
from .errors import NOSNIFF
from .pagination import Page
from .routes import PAGED, Answers, serve_json, team_route
from .schemas import NewRelease, Release
from .stack_frames import path_uuid
from .wiring import wiring_of

PATH = "/releases"
ITEM = "/releases/{release_id}"
BY_HASH = "/releases/hash/{hash_id}"


class ReleasePage(BaseModel):
    """One page of releases."""

    count: int
    next: str | None
    previous: str | None
    results: list[Release]


class ReleaseChanges(BaseModel):
    """What to change; null and empty values change nothing, metadata is replaced as a whole."""

    version: str | None = None
    project: str | None = None
    hash_id: str | None = None
    metadata: dict[str, JsonValue] | None = None


def add_releases(app: FastAPI) -> None:
    """Adds the resource to an application."""
    team_route(app, "GET", PATH, list_releases, Answers(200, ReleasePage), queries=PAGED)
    team_route(app, "POST", PATH, create, Answers(201, Release), NewRelease)
    team_route(app, "GET", BY_HASH, by_hash, Answers(200, Release))
    team_route(app, "GET", ITEM, retrieve_release, Answers(200, Release))
    team_route(app, "PUT", ITEM, update_release, Answers(204), ReleaseChanges)
    team_route(app, "PATCH", ITEM, update_release, Answers(204), ReleaseChanges)
    team_route(app, "DELETE", ITEM, delete_release, Answers(204))


async def list_releases(request: Request, team_id: Reader) -> Response:
    """Lists the team's releases, the newest first."""
    wiring = wiring_of(request.scope)
    page = Page.asked(request)
    count, found = await wiring.run(
        wiring.symbolicator.releases.page, team_id, limit=page.limit, offset=page.offset
    )
    return serve_json(page.answer(request, count, encode([one.to_wire() for one in found])))


async def create(request: Request, team_id: Writer) -> Response:
    """Makes a release; its `hash_id` must be new in the team."""
    wiring = wiring_of(request.scope)
    body = await read_object(request.scope, request.receive)
    made = await wiring.run(
        wiring.symbolicator.releases.create,
        team_id,
        version=body.get("version"),
        project=body.get("project"),
        hash_id=body.get("hash_id"),
        metadata=body.get("metadata"),
    )
    return serve_json(encode(made.to_wire()), 201)


async def by_hash(request: Request, team_id: Reader) -> Response:
    """Gives the release that bears this `hash_id`."""
    wiring = wiring_of(request.scope)
    hash_id = request.path_params["hash_id"]
    found = await wiring.run(wiring.symbolicator.releases.by_hash, team_id, hash_id)
    return serve_json(encode(found.to_wire()))


async def retrieve_release(request: Request, team_id: Reader) -> Response:
    """Gives one release."""
    wiring = wiring_of(request.scope)
    release_id = path_uuid(request, "release_id")
    found = await wiring.run(wiring.symbolicator.releases.one, team_id, release_id)
    return serve_json(encode(found.to_wire()))


async def update_release(request: Request, team_id: Writer) -> Response:
    """Changes a release."""
    wiring = wiring_of(request.scope)
    release_id = path_uuid(request, "release_id")
    body = await read_object(request.scope, request.receive)
    await wiring.run(wiring.symbolicator.releases.update, team_id, release_id, body)
    return Response(status_code=204, headers=NOSNIFF)


async def delete_release(request: Request, team_id: Writer) -> Response:
    """Deletes a release, the symbol sets bound to it, and what their own deletion takes."""
    wiring = wiring_of(request.scope)
    release_id = path_uuid(request, "release_id")
    await wiring.run(wiring.symbolicator.releases.delete, team_id, release_id)
    return Response(status_code=204, headers=NOSNIFF)
