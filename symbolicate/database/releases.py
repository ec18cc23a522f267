"""Repository of releases."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update

from symbolicate.database.dialect import chunks, held
from symbolicate.database.tables import release, symbol_set
from symbolicate.release import Release
from symbolicate.text import storable

COLUMNS = (
    release.c.id,
    release.c.hash_id,
    release.c.team_id,
    release.c.created_at,
    release.c.metadata,
    release.c.version,
    release.c.project,
)


def from_row(row: Sequence[Any]) -> Release:
    """Makes a release of a row that selected `COLUMNS`."""
    identity, hash_id, team_id, created_at, metadata, version, project = row
    decoded = None if metadata is None else json.loads(metadata)
    return Release(identity, hash_id, team_id, created_at, decoded, version, project)


def add(connection: Connection, made: Release) -> None:
    """Inserts a release; raises Duplicate if its hash id is taken in the team."""
    connection.execute(
        insert(release).values(
            id=made.id,
            team_id=made.team_id,
            hash_id=made.hash_id,
            version=made.version,
            project=made.project,
            created_at=made.created_at,
            **_metadata_columns(made.metadata),
        )
    )


def change(
    connection: Connection, team_id: int, release_id: uuid.UUID, values: dict[str, Any]
) -> bool:
    """Gives a release other values; False if the team has no such release any more.

    Raises Duplicate if its new hash id is taken in the team.
    """
    if "metadata" in values:
        values = values | _metadata_columns(values["metadata"])
    statement = update(release).where(release.c.team_id == team_id, release.c.id == release_id)
    return connection.execute(statement.values(**values)).rowcount == 1


def remove(connection: Connection, team_id: int, release_id: uuid.UUID) -> None:
    """Deletes a release to which no set is bound."""
    connection.execute(
        delete(release).where(release.c.team_id == team_id, release.c.id == release_id)
    )


def known_ids(
    connection: Connection, team_id: int, ids: Iterable[uuid.UUID], *, hold: bool = False
) -> set[uuid.UUID]:
    """Tells which of these releases the team has; `hold` keeps them from going until commit."""
    known: set[uuid.UUID] = set()
    for some in chunks(sorted(set(ids))):
        statement: Select[Any] = (
            select(release.c.id)
            .where(release.c.team_id == team_id, release.c.id.in_(some))
            .order_by(release.c.id)
        )
        statement = held(statement, shared=True) if hold else statement
        known.update(connection.execute(statement).scalars())
    return known


def lock(connection: Connection, team_id: int, release_id: uuid.UUID) -> Release | None:
    """Gives a release and keeps everyone else from changing it or binding sets to it."""
    return _one(connection, team_id, release.c.id == release_id, locked=True)


def bound_sets(connection: Connection, team_id: int, release_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Gives the refs of the sets that are bound to a release, by the sets' ids."""
    statement = select(symbol_set.c.id, symbol_set.c.ref).where(
        symbol_set.c.team_id == team_id, symbol_set.c.release_id == release_id
    )
    return {row.id: row.ref for row in connection.execute(statement)}


def page(connection: Connection, team_id: int, *, limit: int, offset: int) -> list[Release]:
    """Gives one page of the team's releases, the newest first, then by id."""
    statement = (
        select(*COLUMNS)
        .where(release.c.team_id == team_id)
        .order_by(release.c.created_at.desc(), release.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [from_row(row) for row in connection.execute(statement)]


def count(connection: Connection, team_id: int) -> int:
    """Counts the team's releases."""
    statement = select(func.count()).select_from(release).where(release.c.team_id == team_id)
    return int(connection.execute(statement).scalar_one())


def find(connection: Connection, team_id: int, release_id: uuid.UUID) -> Release | None:
    """Gives a release of the team by id."""
    return _one(connection, team_id, release.c.id == release_id)


def find_by_hash(connection: Connection, team_id: int, hash_id: str) -> Release | None:
    """Gives a release of the team by its client's key."""
    return _one(connection, team_id, release.c.hash_id == hash_id)


def _one(
    connection: Connection, team_id: int, condition: ColumnElement[bool], *, locked: bool = False
) -> Release | None:
    statement: Select[Any] = select(*COLUMNS).where(release.c.team_id == team_id, condition)
    row = connection.execute(held(statement) if locked else statement).one_or_none()
    return from_row(row) if row is not None else None


def _metadata_columns(metadata: dict[str, Any] | None) -> dict[str, str | None]:
    encoded = None if metadata is None else json.dumps(metadata)
    return {"metadata": encoded, "git_commit": _git_commit(metadata)}


def _git_commit(metadata: dict[str, Any] | None) -> str | None:
    """Finds `git.commit_id`, which searches need as a column of its own."""
    git = metadata.get("git") if metadata else None
    commit = git.get("commit_id") if isinstance(git, dict) else None
    return commit if isinstance(commit, str) and storable(commit) else None
