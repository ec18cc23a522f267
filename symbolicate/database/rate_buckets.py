"""Repository of token buckets: what is left of a team's rate limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, select

from symbolicate.database.dialect import chunks, merging
from symbolicate.database.tables import rate_bucket

LIFETIME_SECONDS = 86_400
"""A bucket that nobody took from for so long is forgotten; the next one is full."""

_c = rate_bucket.c
_FIND = select(_c.name, _c.ts, _c.pool).where(
    _c.team_id == bindparam("team"),
    _c.name.in_(bindparam("some", expanding=True)),
    _c.ts > bindparam("since"),
)


def find(
    connection: Connection, team_id: int, names: Iterable[str], now: int
) -> dict[str, tuple[int, float]]:
    """Gives each named bucket that is there and alive: seconds since 1970, and tokens left then."""
    found: dict[str, tuple[int, float]] = {}
    for some in chunks(names):
        values = {"team": team_id, "some": some, "since": now - LIFETIME_SECONDS}
        for name, ts, pool in connection.execute(_FIND, values):
            found[name] = (ts, pool)
    return found


def save(connection: Connection, team_id: int, buckets: Mapping[str, tuple[int, float]]) -> None:
    """Stores buckets as they are now, over what was stored of them."""
    for some in chunks(sorted(buckets.items())):
        connection.execute(
            merging(connection, rate_bucket),
            [
                {"team_id": team_id, "name": name, "ts": ts, "pool": pool}
                for name, (ts, pool) in some
            ],
        )
