"""Repository of issues: what events are one by their fingerprints, and how many came in a day."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, insert, select

from symbolicate.database.dialect import chunks, merging
from symbolicate.database.tables import issue, issue_day, issue_fingerprint

ACTIVE = "active"


class Title(NamedTuple):
    """How an issue is called."""

    name: str | None
    description: str | None


class NewIssue(NamedTuple):
    """An issue to make, and the fingerprint that led to it."""

    id: uuid.UUID
    fingerprint: str
    title: Title


_SOME: BindParameter[Any] = bindparam("some", expanding=True)
_FIND = select(issue_fingerprint.c.fingerprint_hash, issue_fingerprint.c.issue_id).where(
    issue_fingerprint.c.team_id == bindparam("team"),
    issue_fingerprint.c.fingerprint_hash.in_(_SOME),
)
_TITLES = select(issue.c.id, issue.c.name, issue.c.description).where(
    issue.c.team_id == bindparam("team"), issue.c.id.in_(_SOME)
)
_ADD = insert(issue)
_LINK = insert(issue_fingerprint)


def find(connection: Connection, team_id: int, fingerprints: Iterable[str]) -> dict[str, uuid.UUID]:
    """Gives the issue of each fingerprint that has one."""
    named = {_hash(fingerprint): fingerprint for fingerprint in fingerprints}
    found: dict[str, uuid.UUID] = {}
    for some in chunks(named):
        for digest, issue_id in connection.execute(_FIND, {"team": team_id, "some": some}):
            found[named[digest]] = issue_id
    return found


def add(connection: Connection, team_id: int, new: Sequence[NewIssue], now: datetime) -> None:
    """Makes issues, each with the fingerprint that led to it; none of these may be there yet."""
    common = {"team_id": team_id, "created_at": now}
    for some in chunks(new):
        rows = [
            {"id": item.id, "status": ACTIVE, **item.title._asdict(), **common} for item in some
        ]
        connection.execute(_ADD, rows)
    links = sorted((_hash(item.fingerprint), item.id) for item in new)
    for pairs in chunks(links):
        rows = [{"fingerprint_hash": digest, "issue_id": made, **common} for digest, made in pairs]
        connection.execute(_LINK, rows)


def count_day(
    connection: Connection, team_id: int, day: int, events: Mapping[uuid.UUID, int]
) -> None:
    """Adds to the events of issues in a day, which is a number of days since 1970 in UTC."""
    for some in chunks(sorted(events.items())):
        connection.execute(
            merging(connection, issue_day, adding="events"),
            [
                {"team_id": team_id, "issue_id": issue_id, "day": day, "events": count}
                for issue_id, count in some
            ],
        )


def titles(
    connection: Connection, team_id: int, issue_ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, Title]:
    """Gives how these issues are called; those that are not there are absent."""
    found: dict[uuid.UUID, Title] = {}
    for some in chunks(issue_ids):
        for issue_id, *title in connection.execute(_TITLES, {"team": team_id, "some": some}):
            found[issue_id] = Title._make(title)
    return found


def _hash(fingerprint: str) -> bytes:
    return blake2b(fingerprint.encode(), digest_size=32).digest()
