"""What SQLite and PostgreSQL spell differently, or bound differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Connection, Select, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

Item = TypeVar("Item")
Transaction = Connection
"""What repositories work in, by a name for those who only hand it on."""

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


def merging(connection: Connection, table: Table, *, adding: str = "") -> Any:
    """Gives an insert that takes over the values of a row which is there already.

    The column named by `adding` is added to what is there instead. Built once: for hot paths.
    """
    return _merging(connection.dialect.name, table, adding)


@cache
def _merging(dialect: str, table: Table, adding: str) -> Any:
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    keys = list(table.primary_key.columns)
    new = {c.name: statement.excluded[c.name] for c in table.columns if c not in keys}
    if adding:
        new[adding] = table.c[adding] + new[adding]
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def insert_ignoring(connection: Connection, table: Table) -> Any:
    """Builds an insert that leaves a row alone which is there already."""
    return upsert(connection, table).on_conflict_do_nothing()


def held(statement: Select[Any], *, shared: bool = False) -> Select[Any]:
    """Locks the selected rows until the transaction ends.

    SQLite renders no such clause; there the write lock of the transaction does it.
    """
    return statement.with_for_update(read=shared)


def lock(connection: Connection, name: str) -> None:
    """Lets one transaction at a time go on under a name, until it ends.

    On SQLite the write lock of the transaction does it.
    """
    if connection.dialect.name != "sqlite":
        digest = blake2b(name.encode(), digest_size=8).digest()
        connection.execute(_LOCK, {"key": int.from_bytes(digest, "big", signed=True)})


_LOCK = select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger)))
