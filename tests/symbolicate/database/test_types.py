"""Times: exact to the microsecond and aware, whatever the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, select
from sqlalchemy.exc import StatementError

from symbolicate.database.engine import Database
from symbolicate.database.types import UtcTime

SHARED = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def through(database: Database, moment: datetime | None) -> datetime | None:
    """Sends a moment to the database and back."""
    with database.read() as connection:
        statement = select(bindparam("moment", moment, UtcTime))
        return connection.execute(statement).scalar_one()


@SHARED
@given(
    moment=st.datetimes(datetime(1900, 1, 2), datetime(9998, 12, 30)),
    zone=ZONES,
)
def test_a_moment_comes_back_in_utc_exact_to_the_microsecond(
    database: Database, moment: datetime, zone: timezone
) -> None:
    sent = moment.replace(tzinfo=zone)
    found = through(database, sent)
    assert found is not None
    assert found == sent
    assert found.tzinfo is UTC


def test_no_moment_stays_none(database: Database) -> None:
    assert through(database, None) is None


def test_a_naive_moment_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="must be aware"):
        through(database, datetime(2026, 1, 1))


def test_moments_a_microsecond_apart_keep_their_order(database: Database) -> None:
    early = datetime(2026, 1, 1, 12, 0, 0, 999_999, UTC)
    late = early + timedelta(microseconds=1)
    with database.read() as connection:
        statement = select(bindparam("a", early, UtcTime) < bindparam("b", late, UtcTime))
        assert connection.execute(statement).scalar_one()
