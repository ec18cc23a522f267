"""Repository of rows that mean nothing once they are old, whatever their team."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, delete, func, select, tuple_

from symbolicate.database.tables import (
    lease,
    processed_event,
    rate_bucket,
    spike_bucket,
    spike_event,
    spike_snooze,
)

_AGED: dict[str, Column[Any]] = {
    "spike_event": spike_event.c.detected_at,
    "processed_event": processed_event.c.finished_at,
    "rate_bucket": rate_bucket.c.ts,
    "spike_bucket": spike_bucket.c.start,
    "spike_snooze": spike_snooze.c.until,
    "lease": lease.c.expires_at,
}


def count(connection: Connection, what: str, before: datetime | int) -> int:
    """Counts the rows of a table that are from before a moment.

    The moment of a bucket is in seconds since 1970.
    """
    return int(connection.execute(select(func.count()).where(_AGED[what] < before)).scalar_one())


def delete_some(connection: Connection, what: str, before: datetime | int, limit: int) -> int:
    """Deletes at most `limit` rows of a table that are from before a moment, and counts them."""
    moment = _AGED[what]
    old, keys = moment < before, list(moment.table.primary_key)
    some = select(*keys).where(old).limit(limit)
    # Asked twice: a row that is renewed between the two is not deleted.
    statement = delete(moment.table).where(old, tuple_(*keys).in_(some))
    return connection.execute(statement).rowcount
