"""Statements that both databases understand, and transactions that wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, select, text

from symbolicate.database.dialect import lock, merging
from symbolicate.database.engine import Database
from symbolicate.database.tables import rate_bucket
from symbolicate.errors import DatabaseUnavailable


@contextmanager
def impatient(database: Database) -> Iterator[Connection]:
    """Opens a transaction that waits for no lock."""
    with database.write() as connection:
        connection.execute(text("SET LOCAL lock_timeout = 1"))
        yield connection


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    opened = Database(postgres_url)
    yield opened
    opened.close()


def test_merging_takes_over_new_values_and_adds_to_the_one_that_is_named(
    database: Database,
) -> None:
    row = {"team_id": 1, "name": "a", "ts": 5, "pool": 2.5}
    with database.write() as connection:
        for given in (row, row | {"ts": 7}, row | {"name": "b"}):
            connection.execute(merging(connection, rate_bucket, adding="pool"), given)
        connection.execute(merging(connection, rate_bucket), row | {"team_id": 2, "name": "b"})
    with database.read() as connection:
        stored = connection.execute(select(rate_bucket).order_by("team_id", "name")).all()
    assert [tuple(row) for row in stored] == [
        (1, "a", 7, 5.0),
        (1, "b", 5, 2.5),
        (2, "b", 5, 2.5),
    ]


def test_a_lock_is_held_until_its_transaction_ends(postgres: Database) -> None:
    with postgres.write() as holder:
        lock(holder, "1/name")
        with pytest.raises(DatabaseUnavailable), impatient(postgres) as other:
            lock(other, "1/name")
    with impatient(postgres) as other:
        lock(other, "1/name")


def test_locks_of_other_names_are_free(postgres: Database) -> None:
    with postgres.write() as holder:
        lock(holder, "1/name")
        with impatient(postgres) as other:
            lock(other, "1/other name")
            lock(other, "2/name")


def test_sqlite_needs_no_lock_but_its_own(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.write() as connection:
        lock(connection, "1/name")
    database.close()
