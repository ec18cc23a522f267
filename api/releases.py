"""`releases`: made by build tools, found by the key that they chose."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from .auth import Reader, Writer
from .bodies import read_object
from .json_text import encode
from .routes import Answers, serve_json, team_route
from .schemas import NewRelease, Release
from .wiring import wiring_of


def add_releases(app: FastAPI) -> None:
    """Adds the resource to an application."""
    team_route(app, "POST", "/releases", create, Answers(201, Release), NewRelease)
    team_route(app, "GET", "/releases/hash/{hash_id}", by_hash, Answers(200, Release))


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
