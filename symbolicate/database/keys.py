"""Repository of API keys; only their SHA-256 is ever stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from symbolicate.database.tables import api_key


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What a key opens: one team, some scopes."""

    id: uuid.UUID
    team_id: int
    scopes: frozenset[str]
    label: str
    created_at: datetime
    last_used: datetime | None


def add(connection: Connection, row: KeyRow, *, sha256: bytes) -> None:
    """Stores a new key by its hash."""
    connection.execute(
        insert(api_key).values(
            id=row.id,
            team_id=row.team_id,
            sha256=sha256,
            scopes=" ".join(sorted(row.scopes)),
            label=row.label,
            created_at=row.created_at,
        )
    )


def find(connection: Connection, sha256: bytes) -> KeyRow | None:
    """Gives the key with this hash unless it was revoked."""
    row = connection.execute(
        select(
            api_key.c.id,
            api_key.c.team_id,
            api_key.c.scopes,
            api_key.c.label,
            api_key.c.created_at,
            api_key.c.last_used,
        ).where(api_key.c.sha256 == sha256, api_key.c.revoked_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    key_id, team_id, scopes, *others = row
    return KeyRow(key_id, team_id, frozenset(scopes.split()), *others)


def touch(connection: Connection, key_id: uuid.UUID, now: datetime) -> None:
    """Notes that the key was used."""
    connection.execute(update(api_key).where(api_key.c.id == key_id).values(last_used=now))
