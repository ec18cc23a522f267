"""SDK capture, version 1: `POST /i/v1/analytics/events`, with a result per event."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from starlette.routing import Route

from symbolicate.json_text import encode
from symbolicate.outcome import Outcome
from symbolicate.services.compressed import ENCODINGS

from .auth import bearer
from .capture import IGNORED, take_events, team_of
from .capture_body import inflate, read_events_json
from .cross_origin import CrossOrigin
from .errors import ApiError, invalid
from .limits import CAPTURE_BYTES, read_body
from .routes import serve_json
from .wiring import Wiring, wiring_of

PATH = "/i/v1/analytics/events"

_RESULTS = {"ok": "ok", "dropped": "drop", "invalid": "drop", "retry": "retry"}


def analytics_events_routes() -> list[Route]:
    """Gives the route, with and without its last slash."""
    endpoint = CrossOrigin(take)
    return [Route(PATH, endpoint), Route(f"{PATH}/", endpoint)]


async def take(request: Request) -> Response:
    """Processes what SDKs send and says by uuid which events to send again."""
    wiring = wiring_of(request.scope)
    team_id = await wiring.run(team_of, wiring, bearer(request.scope))
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in (*ENCODINGS, "identity"):
        detail = f'Unsupported content encoding "{encoding[:100]}" in request.'
        raise ApiError(415, "unsupported_media_type", detail)
    body = await read_body(request.scope, request.receive, CAPTURE_BYTES)
    sdk = request.headers.get("posthog-sdk-info", "")
    with wiring.in_flight.one():
        results = await wiring.run(_results, wiring, team_id, body, encoding, sdk)
    return serve_json(encode({"results": results}))


def _results(
    wiring: Wiring, team_id: int, body: bytes, encoding: str, sdk: str
) -> dict[str, dict[str, str]]:
    if encoding != "identity":
        body = inflate(body, encoding)
    value = read_events_json(body)
    batch = value.get("batch") if isinstance(value, dict) else None
    if not isinstance(batch, list):
        raise invalid("invalid_input", "Expected an object with a batch of events.")
    events = [_with_library(event, sdk) for event in batch]
    outcomes = take_events(wiring, team_id, events)
    return {
        event["uuid"]: {"result": _result(outcome)}
        for event, outcome in zip(events, outcomes, strict=True)
        if isinstance(event, dict) and isinstance(event.get("uuid"), str)
    }


def _result(outcome: Outcome) -> str:
    return "ok" if outcome is IGNORED else _RESULTS[outcome.status]


def _with_library(event: Any, sdk: str) -> Any:
    """Puts the SDK's name and version back into the properties, where the frame order needs it."""
    name, _, version = sdk.partition("/")
    properties = event.get("properties") if isinstance(event, dict) else None
    if not name or not isinstance(properties, dict):
        return event
    return {**event, "properties": {"$lib": name, "$lib_version": version, **properties}}
