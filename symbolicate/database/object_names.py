"""Repository of the names of objects: which of them rows still name."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from sqlalchemy import Connection, select

from symbolicate.database.dialect import chunks
from symbolicate.database.tables import symbol_set


def uploads(connection: Connection, team_id: int, keys: Iterable[str]) -> set[str]:
    """Gives those of the keys at which an upload is awaited."""
    return _named(connection, team_id, "upload_key", keys)


def stored(connection: Connection, team_id: int, keys: Iterable[str]) -> set[str]:
    """Gives those of the keys whose bytes serve."""
    return _named(connection, team_id, "storage_key", keys)


def generations(
    connection: Connection, team_id: int, ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, bytes]:
    """Gives the hash of the bytes that serve, for each of the sets that is there and has any."""
    c = symbol_set.c
    found: dict[uuid.UUID, bytes] = {}
    for some in chunks(ids):
        statement = select(c.id, c.data_hash).where(
            c.team_id == team_id, c.id.in_(some), c.data_hash.is_not(None)
        )
        found |= {row.id: row.data_hash for row in connection.execute(statement)}
    return found


def _named(connection: Connection, team_id: int, column: str, keys: Iterable[str]) -> set[str]:
    named = symbol_set.c[column]
    found: set[str] = set()
    for some in chunks(keys):
        statement = select(named).where(
            symbol_set.c.team_id == team_id, named.in_(some), named.is_not(None)
        )
        found.update(connection.execute(statement).scalars())
    return found
