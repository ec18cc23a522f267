"""Repository of what spikes are told by: events in buckets of time, snoozes, and spikes found.

A bucket is named by its start in seconds since 1970; how long it lasts is the caller's business.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, func, insert, select

from symbolicate.database.dialect import chunks, merging
from symbolicate.database.tables import spike_bucket, spike_event, spike_snooze


class SpikeRow(NamedTuple):
    """A spike as it is stored: the events of its bucket, and the baseline that they topped."""

    id: uuid.UUID
    issue_id: uuid.UUID
    detected_at: datetime
    computed_baseline: float
    current_bucket_value: int


_c = spike_bucket.c
_SOME: BindParameter[Any] = bindparam("some", expanding=True)
_PAST = (_c.team_id == bindparam("team"), _c.start >= bindparam("since"))
_BEFORE = _c.start < bindparam("before")
_REACHING = select(_c.issue_id, _c.events).where(
    _c.team_id == bindparam("team"),
    _c.start == bindparam("start"),
    _c.issue_id.in_(_SOME),
    _c.events >= bindparam("threshold"),
)
_HISTORY = select(_c.issue_id, _c.events).where(*_PAST, _BEFORE, _c.issue_id.in_(_SOME))
_TEAM_HISTORY = select(func.sum(_c.events), func.count()).where(*_PAST, _BEFORE).group_by(_c.start)
_SNOOZED = select(spike_snooze.c.issue_id).where(
    spike_snooze.c.team_id == bindparam("team"),
    spike_snooze.c.issue_id.in_(_SOME),
    spike_snooze.c.until > bindparam("now"),
)
_ADD_SPIKES = insert(spike_event)


def count(
    connection: Connection, team_id: int, start: int, events: Mapping[uuid.UUID, int]
) -> None:
    """Adds to the events of issues in a bucket."""
    for some in chunks(sorted(events.items())):
        connection.execute(
            merging(connection, spike_bucket, adding="events"),
            [
                {"team_id": team_id, "start": start, "issue_id": issue_id, "events": count}
                for issue_id, count in some
            ],
        )


def reaching(
    connection: Connection,
    team_id: int,
    start: int,
    issue_ids: Iterable[uuid.UUID],
    threshold: int,
) -> dict[uuid.UUID, int]:
    """Gives the events in a bucket of those of these issues that have at least `threshold`."""
    found: dict[uuid.UUID, int] = {}
    for some in chunks(issue_ids):
        values = {"team": team_id, "start": start, "some": some, "threshold": threshold}
        for issue_id, events in connection.execute(_REACHING, values):
            found[issue_id] = events
    return found


def history(
    connection: Connection,
    team_id: int,
    issue_ids: Iterable[uuid.UUID],
    since: int,
    before: int,
) -> dict[uuid.UUID, list[int]]:
    """Gives the events in each bucket of these issues that begins within a span of time."""
    found: dict[uuid.UUID, list[int]] = {}
    for some in chunks(issue_ids):
        values = {"team": team_id, "some": some, "since": since, "before": before}
        for issue_id, events in connection.execute(_HISTORY, values):
            found.setdefault(issue_id, []).append(events)
    return found


def team_history(
    connection: Connection, team_id: int, since: int, before: int
) -> list[tuple[int, int]]:
    """Gives (events, issues) of each of the team's buckets that begins within a span of time."""
    values = {"team": team_id, "since": since, "before": before}
    return [(int(events), issues) for events, issues in connection.execute(_TEAM_HISTORY, values)]


def snoozed(
    connection: Connection, team_id: int, issue_ids: Iterable[uuid.UUID], now: datetime
) -> set[uuid.UUID]:
    """Tells which of these issues are snoozed."""
    found: set[uuid.UUID] = set()
    for some in chunks(issue_ids):
        values = {"team": team_id, "some": some, "now": now}
        found.update(connection.execute(_SNOOZED, values).scalars())
    return found


def snooze(
    connection: Connection, team_id: int, issue_ids: Iterable[uuid.UUID], until: datetime
) -> None:
    """Snoozes issues, whether they were snoozed before or not."""
    for some in chunks(sorted(issue_ids)):
        connection.execute(
            merging(connection, spike_snooze),
            [{"team_id": team_id, "issue_id": issue_id, "until": until} for issue_id in some],
        )


def add_spikes(connection: Connection, team_id: int, spikes: Sequence[SpikeRow]) -> None:
    """Stores spikes that were found."""
    for some in chunks(spikes):
        connection.execute(_ADD_SPIKES, [{"team_id": team_id, **row._asdict()} for row in some])
