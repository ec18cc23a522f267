"""Repository of what was decided about events, so that a repeated one is decided the same."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from symbolicate.database.dialect import chunks
from symbolicate.database.tables import processed_event


class Verdict(NamedTuple):
    """What was decided about an event: `ok`, or `dropped` for a reason.

    There is no issue when none could be made for it.
    """

    status: str
    reason: str | None
    issue_id: uuid.UUID | None
    fingerprint: str


_c = processed_event.c
_FIND = select(_c.event_id, _c.verdict, _c.reason, _c.issue_id, _c.fingerprint).where(
    _c.team_id == bindparam("team"), _c.event_id.in_(bindparam("some", expanding=True))
)
_ADD = insert(processed_event)


def find(connection: Connection, team_id: int, event_ids: Iterable[bytes]) -> dict[bytes, Verdict]:
    """Gives what was decided about those of these events that were processed before."""
    found: dict[bytes, Verdict] = {}
    for some in chunks(event_ids):
        for event_id, *verdict in connection.execute(_FIND, {"team": team_id, "some": some}):
            found[event_id] = Verdict._make(verdict)
    return found


def add(
    connection: Connection, team_id: int, verdicts: Mapping[bytes, Verdict], now: datetime
) -> None:
    """Stores what was decided about events that were never seen before."""
    for some in chunks(sorted(verdicts.items())):
        rows = [
            {
                "team_id": team_id,
                "event_id": event_id,
                "verdict": verdict.status,
                "reason": verdict.reason,
                "issue_id": verdict.issue_id,
                "fingerprint": verdict.fingerprint,
                "finished_at": now,
            }
            for event_id, verdict in some
        ]
        connection.execute(_ADD, rows)
