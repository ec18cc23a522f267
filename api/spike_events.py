"""`spike_events`: the spikes that were seen, filtered, ordered, by page."""

from __future__ import annotations

import uuid
from datetime import datetime

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from symbolicate.json_text import encode
from symbolicate.services.spikes import ORDERS

from .auth import Reader
from .pagination import Page
from .routes import PAGED, Answers, Query, serve_json, team_route
from .wiring import wiring_of

PATH = "/spike_events"
QUERIES = (
    Query("issue_ids", "Comma list of issue ids; empty: all issues."),
    Query("date_from", "Detected then or later; ISO-8601, UTC unless it says otherwise."),
    Query("date_to", "Detected then or earlier; a date without a time is its midnight."),
    Query("order_by", "The column to order by; descending with a minus.", choices=ORDERS),
)


class SpikeIssue(BaseModel):
    """The issue that spiked, as it is called now."""

    id: uuid.UUID
    name: str | None
    description: str | None


class SpikeEvent(BaseModel):
    """One spike: the events of its bucket, and the baseline that they were held against."""

    id: uuid.UUID
    issue: SpikeIssue
    detected_at: datetime
    computed_baseline: float
    current_bucket_value: int


class SpikeEventPage(BaseModel):
    """One page of spikes."""

    count: int
    next: str | None
    previous: str | None
    results: list[SpikeEvent]


def add_spike_events(app: FastAPI) -> None:
    """Adds the resource to an application."""
    answers = Answers(200, SpikeEventPage)
    team_route(app, "GET", PATH, list_spike_events, answers, queries=(*PAGED, *QUERIES))


async def list_spike_events(request: Request, team_id: Reader) -> Response:
    """Lists the team's spikes, the newest first."""
    wiring = wiring_of(request.scope)
    page = Page.asked(request)
    count, found = await wiring.run(
        wiring.symbolicator.spikes.events,
        team_id,
        request.query_params,
        limit=page.limit,
        offset=page.offset,
    )
    results = encode([event.to_wire() for event in found])
    return serve_json(page.answer(request, count, results))
