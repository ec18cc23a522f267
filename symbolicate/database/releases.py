"""Repository of releases."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, insert, select

from symbolicate.database.tables import release
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
    encoded = None if made.metadata is None else json.dumps(made.metadata)
    connection.execute(
        insert(release).values(
            id=made.id,
            team_id=made.team_id,
            hash_id=made.hash_id,
            version=made.version,
            project=made.project,
            metadata=encoded,
            git_commit=_git_commit(made.metadata),
            created_at=made.created_at,
        )
    )


def find(connection: Connection, team_id: int, release_id: uuid.UUID) -> Release | None:
    """Gives a release of the team by id."""
    return _one(connection, team_id, release.c.id == release_id)


def find_by_hash(connection: Connection, team_id: int, hash_id: str) -> Release | None:
    """Gives a release of the team by its client's key."""
    return _one(connection, team_id, release.c.hash_id == hash_id)


def _one(connection: Connection, team_id: int, condition: ColumnElement[bool]) -> Release | None:
    statement: Select[Any] = select(*COLUMNS).where(release.c.team_id == team_id, condition)
    row = connection.execute(statement).one_or_none()
    return from_row(row) if row is not None else None


def _git_commit(metadata: dict[str, Any] | None) -> str | None:
    """Finds `git.commit_id`, which searches need as a column of its own."""
    git = metadata.get("git") if metadata else None
    commit = git.get("commit_id") if isinstance(git, dict) else None
    return commit if isinstance(commit, str) and storable(commit) else None
