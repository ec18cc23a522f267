"""Messages of the broker: bytes that came in made events, and what goes out made bytes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from symbolicate.json_text import NotJson, decode_events, encode
from symbolicate.outcome import Outcome
from symbolicate.services.brokers import HEADER_BYTES, is_message_id
from symbolicate.services.teams import is_team_id

KEPT_BYTES = 256 * 1024
"""How much of a message that is too long for a letter is kept in it."""


class Unusable(Exception):
    """A message that no event can be made of; the text is the reason in its dead letter."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it lay in a message."""

    uuid: str
    team_id: int
    body: dict[str, Any]


def read_event(data: bytes) -> Event:
    """Reads a message; raises `Unusable`."""
    try:
        body = decode_events(data)
    except NotJson:
        raise Unusable("not_json") from None
    if not isinstance(body, dict):
        raise Unusable("not_an_object")
    uuid, team_id = body.get("uuid"), body.get("team_id")
    if not isinstance(uuid, str) or not is_message_id(uuid):
        raise Unusable("no_usable_uuid")
    if not is_team_id(team_id):
        raise Unusable("no_usable_team_id")
    return Event(uuid, team_id, body)


def outcome_bytes(event: Event, outcome: Outcome) -> bytes:
    """Writes a tagged outcome with the names of the event that it is of."""
    return encode({**outcome.tagged(), "uuid": event.uuid, "team_id": event.team_id})


def dead_letter(data: bytes, reason: str, attempts: int, most: int) -> bytes:
    """Writes why a message was given up, with the message: as an event, or as bytes in base64.

    A letter never takes more than `most` bytes; one that would says that it was truncated.
    """
    why: dict[str, Any] = {"reason": reason, "attempts": attempts}
    made = encode({**_content(data), **why})
    if len(made) + HEADER_BYTES <= most:
        return made
    kept = data[: min(KEPT_BYTES, most // 2)]
    return encode({"raw": _base64(kept), "truncated": True, **why})


def _content(data: bytes) -> dict[str, Any]:
    try:
        body = decode_events(data)
    except NotJson:
        body = None
    return {"event": body} if isinstance(body, dict) else {"raw": _base64(data)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
