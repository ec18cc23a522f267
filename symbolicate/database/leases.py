"""Repository of leases: who may do what only one process is to do, and until when.

Every taking raises the token, so that a holder whose time ran out unnoticed can be told apart
from the present one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from symbolicate.database.dialect import held, upsert
from symbolicate.database.tables import lease

_c = lease.c


def take(
    connection: Connection, team_id: int, name: str, now: datetime, until: datetime
) -> int | None:
    """Takes a lease that nobody holds and gives its token; None while somebody does."""
    statement = upsert(connection, lease).values(
        team_id=team_id, name=name, token=1, expires_at=until
    )
    taking = statement.on_conflict_do_update(
        index_elements=[_c.team_id, _c.name],
        set_={"token": _c.token + 1, "expires_at": until},
        where=_c.expires_at <= now,
    ).returning(_c.token)
    token: int | None = connection.execute(taking).scalar_one_or_none()
    return token


def hold_until(
    connection: Connection, team_id: int, name: str, token: int, until: datetime
) -> bool:
    """Moves the end of a lease; False if the token is no longer the present one."""
    statement = (
        update(lease)
        .where(_c.team_id == team_id, _c.name == name, _c.token == token)
        .values(expires_at=until)
    )
    return connection.execute(statement).rowcount == 1


def is_held(connection: Connection, team_id: int, name: str, token: int, now: datetime) -> bool:
    """Tells whether a token still holds, and keeps it from being taken until commit."""
    statement = held(
        select(_c.token).where(
            _c.team_id == team_id, _c.name == name, _c.token == token, _c.expires_at > now
        )
    )
    return connection.execute(statement).scalar_one_or_none() is not None
