"""Token buckets are kept by team and name, and forgotten when nobody takes from them."""

from __future__ import annotations

import pytest

from symbolicate.database import rate_buckets
from symbolicate.database.engine import Database
from symbolicate.database.rate_buckets import LIFETIME_SECONDS

NOW = 1_800_000_000


def test_buckets_are_found_as_they_were_last_saved(database: Database) -> None:
    with database.write() as connection:
        rate_buckets.save(connection, 1, {"project": (NOW - 5, 9.0), "issue:a": (NOW, 1 / 3)})
        rate_buckets.save(connection, 1, {"project": (NOW, 4.25)})
        found = rate_buckets.find(connection, 1, ["project", "issue:a", "issue:b"], NOW)
    assert found == {"project": (NOW, 4.25), "issue:a": (NOW, 1 / 3)}


def test_another_teams_bucket_is_not_found(database: Database) -> None:
    with database.write() as connection:
        rate_buckets.save(connection, 1, {"project": (NOW, 1.0)})
        rate_buckets.save(connection, 2, {"project": (NOW, 2.0)})
        assert rate_buckets.find(connection, 1, ["project"], NOW) == {"project": (NOW, 1.0)}
        assert rate_buckets.find(connection, 3, ["project"], NOW) == {}


@pytest.mark.parametrize(
    ("age", "alive"),
    [(0, True), (LIFETIME_SECONDS - 1, True), (LIFETIME_SECONDS, False), (-60, True)],
    ids=["new", "a day less a second", "a day", "from a clock ahead"],
)
def test_a_bucket_lives_for_a_day(database: Database, age: int, alive: bool) -> None:
    with database.write() as connection:
        rate_buckets.save(connection, 1, {"project": (NOW - age, 1.0)})
        assert bool(rate_buckets.find(connection, 1, ["project"], NOW)) is alive


def test_nothing_to_find_or_save_needs_no_statement(database: Database) -> None:
    with database.write() as connection:
        rate_buckets.save(connection, 1, {})
        assert rate_buckets.find(connection, 1, [], NOW) == {}
