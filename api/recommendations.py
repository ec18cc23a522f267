"""`recommendations`: what a team could do better; listed, computed again, dismissed."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Literal

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, JsonValue

from symbolicate.json_text import encode

from .auth import Reader, Writer
from .pagination import Page
from .routes import PAGED, Answers, Query, serve_json, team_route
from .stack_frames import path_uuid
from .wiring import wiring_of

PATH = "/recommendations"
ITEM = "/recommendations/{recommendation_id}"
POLL = Query("poll", "Computes nothing: for waiting until all are ready.", "boolean")
FORCE = Query("force", "Whether it is computed at all; true unless it says false.", "boolean")


class Recommendation(BaseModel):
    """One recommendation; what `meta` holds depends on the type."""

    id: uuid.UUID
    type: str
    meta: dict[str, JsonValue]
    completed: bool
    status: Literal["ready", "computing"]
    computed_at: datetime | None
    dismissed_at: datetime | None
    created_at: datetime
    updated_at: datetime


class RecommendationPage(BaseModel):
    """One page of recommendations."""

    count: int
    next: str | None
    previous: str | None
    results: list[Recommendation]


def add_recommendations(app: FastAPI) -> None:
    """Adds the resource to an application."""
    listed, one = Answers(200, RecommendationPage), Answers(200, Recommendation)
    team_route(app, "GET", PATH, list_recommendations, listed, queries=(*PAGED, POLL))
    team_route(app, "POST", f"{ITEM}/refresh", refresh_recommendation, one, queries=(FORCE,))
    team_route(app, "POST", f"{ITEM}/dismiss", dismiss_recommendation, one)
    team_route(app, "POST", f"{ITEM}/restore", restore_recommendation, one)


async def list_recommendations(request: Request, team_id: Reader) -> Response:
    """Lists one recommendation of each type, and has those computed that are stale."""
    wiring = wiring_of(request.scope)
    page = Page.asked(request)
    count, found = await wiring.run(
        wiring.symbolicator.recommendations.page,
        team_id,
        poll=request.query_params.get("poll", "").lower() == "true",
        limit=page.limit,
        offset=page.offset,
    )
    return serve_json(page.answer(request, count, encode([one.to_wire() for one in found])))


async def refresh_recommendation(request: Request, team_id: Writer) -> Response:
    """Has a recommendation computed, whatever its age."""
    wiring = wiring_of(request.scope)
    force = request.query_params.get("force", "").lower() != "false"
    found = await wiring.run(
        wiring.symbolicator.recommendations.refresh,
        team_id,
        path_uuid(request, "recommendation_id"),
        force=force,
    )
    return serve_json(encode(found.to_wire()))


async def dismiss_recommendation(request: Request, team_id: Writer) -> Response:
    """Notes that the team does not want to see a recommendation."""
    wiring = wiring_of(request.scope)
    recommendation_id = path_uuid(request, "recommendation_id")
    found = await wiring.run(
        wiring.symbolicator.recommendations.dismiss, team_id, recommendation_id
    )
    return serve_json(encode(found.to_wire()))


async def restore_recommendation(request: Request, team_id: Writer) -> Response:
    """Takes a dismissal back."""
    wiring = wiring_of(request.scope)
    recommendation_id = path_uuid(request, "recommendation_id")
    found = await wiring.run(
        wiring.symbolicator.recommendations.restore, team_id, recommendation_id
    )
    return serve_json(encode(found.to_wire()))
