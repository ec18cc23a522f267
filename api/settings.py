"""`settings`: how many events a team lets pass, in all and of one issue."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from symbolicate.json_text import encode

from .auth import Reader, Writer
from .bodies import read_object
from .routes import Answers, serve_json, team_route
from .wiring import wiring_of

RETRIEVE = "/settings/retrieve_settings"
UPDATE = "/settings/update_settings"

Positive = Annotated[int, Field(ge=1, le=2_147_483_647)]


class RateLimitSettings(BaseModel):
    """Events that pass in a window of so many minutes; null is no limit, or the usual window."""

    project_rate_limit_value: Positive | None
    project_rate_limit_bucket_size_minutes: Positive | None
    per_issue_rate_limit_value: Positive | None
    per_issue_rate_limit_bucket_size_minutes: Positive | None


class Changes(BaseModel):
    """Makes every field of a shape one that may be left out, without a default of its own."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required", None))


class RateLimitChanges(Changes, RateLimitSettings):
    """The settings to change; null clears one, and what is not named stays."""


def add_settings(app: FastAPI) -> None:
    """Adds the resource to an application."""
    whole = Answers(200, RateLimitSettings)
    team_route(app, "GET", RETRIEVE, retrieve_settings, whole)
    team_route(app, "PATCH", UPDATE, update_settings, whole, RateLimitChanges)


async def retrieve_settings(request: Request, team_id: Reader) -> Response:
    """Gives the team's rate limits."""
    wiring = wiring_of(request.scope)
    found = await wiring.run(wiring.symbolicator.team_settings.retrieve, team_id)
    return serve_json(encode(asdict(found)))


async def update_settings(request: Request, team_id: Writer) -> Response:
    """Changes the rate limits that the body names, and gives all of them."""
    wiring = wiring_of(request.scope)
    body = await read_object(request.scope, request.receive)
    changed = await wiring.run(wiring.symbolicator.team_settings.update, team_id, body)
    return serve_json(encode(asdict(changed)))
