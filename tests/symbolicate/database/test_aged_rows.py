"""Rows that mean nothing once they are old."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Table, insert, select

from symbolicate.database import aged_rows, tables
from symbolicate.database.engine import Database

Moment = Callable[[float], datetime]

ISSUE = uuid.UUID(int=1)
SPIKE = {"team_id": 1, "issue_id": ISSUE, "computed_baseline": 1.0, "current_bucket_value": 1}


def row(what: str, number: int, moment: Moment) -> dict[str, Any]:
    """Makes the row of a table that is from this second."""
    at = moment(number)
    rows: dict[str, dict[str, Any]] = {
        "spike_event": {**SPIKE, "id": uuid.UUID(int=number), "detected_at": at},
        "processed_event": {
            "team_id": 1,
            "event_id": number.to_bytes(32, "big"),
            "verdict": "ok",
            "finished_at": at,
        },
        "rate_bucket": {"team_id": 1, "name": f"{number}", "ts": number, "pool": 1.0},
        "spike_bucket": {"team_id": 1, "start": number, "issue_id": ISSUE, "events": 1},
        "spike_snooze": {"team_id": number, "issue_id": ISSUE, "until": at},
        "lease": {"team_id": 1, "name": f"compile:{number}", "token": 1, "expires_at": at},
    }
    return rows[what]


TABLES = ["spike_event", "processed_event", "rate_bucket", "spike_bucket", "spike_snooze", "lease"]


@pytest.mark.parametrize("what", TABLES)
def test_only_what_is_from_before_the_moment_goes(
    database: Database, moment: Moment, what: str
) -> None:
    table: Table = getattr(tables, what)
    before: Any = 3 if what.endswith("bucket") else moment(3)
    with database.write() as connection:
        connection.execute(insert(table), [row(what, number, moment) for number in range(1, 6)])
        assert aged_rows.count(connection, what, before) == 2
        assert aged_rows.delete_some(connection, what, before, 9) == 2
        assert aged_rows.count(connection, what, before) == 0
        assert len(connection.execute(select(table)).all()) == 3


@pytest.mark.parametrize("what", TABLES)
def test_no_more_goes_than_is_asked_for(database: Database, moment: Moment, what: str) -> None:
    table: Table = getattr(tables, what)
    before: Any = 9 if what.endswith("bucket") else moment(9)
    with database.write() as connection:
        connection.execute(insert(table), [row(what, number, moment) for number in range(1, 6)])
        counts = [aged_rows.delete_some(connection, what, before, 2) for _ in range(4)]
    assert counts == [2, 2, 1, 0]
