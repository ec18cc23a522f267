"""What SQLite and PostgreSQL spell differently, or bound differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

Item = TypeVar("Item")

CHUNK = 500
"""Values in one `IN` list, rows in one executemany: below the parameter limits of both."""


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Cuts a sequence into lists of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def upsert(connection: Connection, table: Table) -> Any:
    """Builds an insert that has the dialect's `on_conflict_do_…` methods."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def insert_ignoring(connection: Connection, table: Table) -> Any:
    """Builds an insert that leaves a row alone which is there already."""
    return upsert(connection, table).on_conflict_do_nothing()


def held(statement: Select[Any], *, shared: bool = False) -> Select[Any]:
    """Locks the selected rows until the transaction ends.

    SQLite renders no such clause; there the write lock of the transaction does it.
    """
    return statement.with_for_update(read=shared)
