"""`POST /process`: events from services of the same house, outcomes back in the same order."""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.types import Scope

from symbolicate.json_text import NotJson, decode_events, encode
from symbolicate.metrics import Metrics
from symbolicate.outcome import Outcome
from symbolicate.symbolicator import Symbolicator

from .auth import bearer
from .errors import authentication_failed, invalid, not_authenticated, parse_error, unavailable
from .limits import CAPTURE_BYTES, header, read_body
from .routes import serve_json
from .wiring import Wiring, wiring_of

_INVALID = Outcome("invalid", "invalid_properties")


def add_process(app: FastAPI) -> None:
    """Adds the route to an application."""
    app.add_api_route("/process", process, methods=["POST"], response_class=Response)
    app.add_api_route("/process/", process, methods=["POST"], include_in_schema=False)


async def process(request: Request) -> Response:
    """Gives one tagged outcome per event; with `?shape=posthog` the bare events and null."""
    wiring = wiring_of(request.scope)
    check_caller(request.scope, wiring.process_secrets)
    body = await read_body(request.scope, request.receive, CAPTURE_BYTES)
    bare = request.query_params.get("shape") == "posthog"
    with wiring.in_flight.one():
        return serve_json(await wiring.run(_answer, wiring, body, bare))


def check_caller(scope: Scope, secrets: Sequence[bytes]) -> None:
    """Lets in who knows a secret; where there is none, who calls from this machine itself."""
    if not secrets:
        if not _is_local(scope):
            raise not_authenticated()
        return
    given = bearer(scope)
    if given is None:
        raise not_authenticated()
    matches = [hmac.compare_digest(secret, given.encode("latin-1")) for secret in secrets]
    if not any(matches):
        raise authentication_failed("The secret in the request's Authorization header is invalid.")


def _is_local(scope: Scope) -> bool:
    """Tells whether the peer is this machine and speaks for nobody else."""
    client = scope.get("client")
    forwarded = header(scope, b"forwarded") or header(scope, b"x-forwarded-for")
    if client is None or forwarded is not None:
        return False
    try:
        peer = ip_address(client[0])
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    return (mapped or peer).is_loopback


def _answer(wiring: Wiring, body: bytes, bare: bool) -> bytes:
    try:
        events = decode_events(body)
    except NotJson as error:
        raise parse_error(f"JSON parse error - {error}") from None
    if not isinstance(events, list):
        raise invalid("not_a_list", "Expected an array of events.")
    outcomes = outcomes_of(wiring.symbolicator, wiring.metrics, events)
    if not bare:
        return encode([outcome.tagged() for outcome in outcomes])
    if any(outcome.status == "retry" for outcome in outcomes):
        raise unavailable("A dependency is out of reach; send the events again later.")
    return encode([outcome.event for outcome in outcomes])


def outcomes_of(
    symbolicator: Symbolicator, metrics: Metrics, events: Sequence[Any]
) -> list[Outcome]:
    """Processes events of many teams, each team's together, and gives the outcomes in order."""
    outcomes = [_INVALID] * len(events)
    places: dict[int, list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        team_id = event.get("team_id") if isinstance(event, dict) else None
        if type(team_id) is int:
            places[team_id].append(place)
    for team_id, mine in places.items():
        made = symbolicator.process(team_id, [events[place] for place in mine])
        for place, outcome in zip(mine, made, strict=True):
            outcomes[place] = outcome
    nameless = len(events) - sum(map(len, places.values()))
    metrics.count("symbolicate_events_total", nameless, outcome="invalid")
    return outcomes
