"""SDK capture, `/batch/`, `/e/` and `/i/v0/e/`: events with a project token, from anywhere."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response
from starlette.routing import Route

from symbolicate.outcome import Outcome
from symbolicate.text import storable

from .capture_body import read_captured
from .cross_origin import CrossOrigin
from .errors import ApiError, authentication_failed, invalid, not_authenticated, unavailable
from .limits import CAPTURE_BYTES, read_body
from .routes import serve_json
from .wiring import Wiring, wiring_of

PATHS = ("/batch", "/e", "/i/v0/e")

IGNORED = Outcome("dropped", "not_an_exception")


def capture_routes() -> list[Route]:
    """Gives the routes, with and without their last slash."""
    endpoint = CrossOrigin(capture)
    return [Route(path + slash, endpoint) for path in PATHS for slash in ("/", "")]


async def capture(request: Request) -> Response:
    """Processes what SDKs send; the answer comes after the commit."""
    wiring = wiring_of(request.scope)
    body = await read_body(request.scope, request.receive, CAPTURE_BYTES)
    with wiring.in_flight.one():
        await wiring.run(_take, wiring, body)
    return serve_json(b'{"status":"Ok"}')


def _take(wiring: Wiring, body: bytes) -> None:
    captured = read_captured(body)
    if len(captured.tokens) > 1:
        raise invalid("invalid_input", "The events of one request name several project tokens.")
    team_id = team_of(wiring, captured.tokens[0] if captured.tokens else None)
    outcomes = take_events(wiring, team_id, captured.events)
    if any(outcome.status == "retry" for outcome in outcomes):
        raise retry_later()


def team_of(wiring: Wiring, token: str | None) -> int:
    """Gives the team of a project token, or raises a 401."""
    if token is None:
        raise not_authenticated("Project token was not provided.")
    team_id = wiring.symbolicator.teams.by_project_token(token) if storable(token) else None
    if team_id is None:
        raise authentication_failed("Project token is invalid.")
    return team_id


def take_events(wiring: Wiring, team_id: int, events: Sequence[Any]) -> list[Outcome]:
    """Processes the exceptions among the events and counts the others; one outcome per event.

    With a broker the exceptions are published to it instead.
    """
    ours = [place for place, event in enumerate(events) if not _is_other(event)]
    outcomes = [IGNORED] * len(events)
    wiring.metrics.count("symbolicate_events_total", len(events) - len(ours), outcome="ignored")
    named = [_named(events[place]) for place in ours]
    if wiring.publisher is None:
        made = wiring.symbolicator.process(team_id, named)
    else:
        made = wiring.publisher.publish(team_id, named)
    for place, outcome in zip(ours, made, strict=True):
        outcomes[place] = outcome
    return outcomes


def retry_later() -> ApiError:
    """Says that the same events are welcome later: repeats are recognised by their uuid."""
    return unavailable("A dependency is out of reach; send the events again later.")


def _is_other(event: Any) -> bool:
    return (
        isinstance(event, dict)
        and isinstance(name := event.get("event"), str)
        and (name != "$exception")
    )


def _named(event: Any) -> Any:
    """Gives an event a uuid if its SDK did not, so that its exceptions get ids of their own."""
    if isinstance(event, dict) and not event.get("uuid"):
        return {**event, "uuid": str(uuid.uuid4())}
    return event
