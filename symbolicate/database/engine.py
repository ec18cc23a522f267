"""The database: one engine, short transactions, and outages told apart from bugs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from symbolicate.errors import DatabaseUnavailable, SymbolicateError

BUSY_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_S = 5
POOL_SIZE = 16
GONE_AFTER = {
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "14000",
}
"""By this a PostgreSQL host that vanished is found out after 14 s, and not after hours."""
_IMMEDIATE = "symbolicate_immediate"

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_UNIQUE = {"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
_SQLITE_BUGS = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_MISUSE,
    sqlite3.SQLITE_RANGE,
}


class Duplicate(SymbolicateError):
    """A row with the same unique key exists already."""


class Database:
    """SQLite or PostgreSQL behind one face.

    `read()` and `write()` are one transaction each; whatever passes by itself (the server away,
    a lock not to be had, the pool exhausted) is raised as `DatabaseUnavailable`.
    """

    def __init__(self, url: str) -> None:
        self.url = parse_database_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)
        self._writer = threading.Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Opens a transaction that only reads."""
        with _told_apart(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Opens a transaction that writes; it commits when the block ends without an exception.

        On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`).
        """
        with _told_apart(), self._writer, self.engine.connect() as connection:
            immediate = connection.execution_options(**{_IMMEDIATE: True})
            with immediate.begin():
                yield immediate

    def check(self) -> None:
        """Raises `DatabaseUnavailable` unless the database answers."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def learn_statistics(self) -> None:
        """Lets SQLite look at how its tables have grown, so that it picks the right indexes.

        PostgreSQL does so by itself.
        """
        if self.is_sqlite:
            with self.write() as connection:
                connection.execute(text("PRAGMA analysis_limit = 1000"))
                connection.execute(text("ANALYZE symbol_set"))
                connection.execute(text("ANALYZE stack_frame"))

    def close(self) -> None:
        """Closes every pooled connection."""
        self.engine.dispose()


def parse_database_url(url: str) -> URL:
    """Reads `sqlite:///PATH` or `postgresql://…` as libpq writes it.

    Raises ValueError, whose text repeats nothing after the scheme: there may be a password in it.
    """
    scheme, colon, _ = url.partition(":")
    parsed = _parsed(url) if scheme in _DRIVERS else None
    if parsed is not None and (scheme != "sqlite" or parsed.database not in (None, "", ":memory:")):
        return parsed.set(drivername=_DRIVERS[scheme])
    raise ValueError(
        f"database {scheme + ':…' if colon else 'URL'}: expected sqlite:///PATH or "
        "postgresql://USER:PASSWORD@HOST:PORT/NAME"
    )


def _parsed(url: str) -> URL | None:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None


def _sqlite(url: URL) -> Engine:
    try:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(f"database folder: {error}") from error
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        # SQLite's own knows ASCII alone.
        connection.create_function("lower", 1, _lower, deterministic=True)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_IMMEDIATE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _lower(value: Any) -> Any:
    """Does what PostgreSQL's `lower` does: letter by letter, whatever stands beside it."""
    if not isinstance(value, str):
        return value
    return value.lower() if value.isascii() else "".join(letter.lower() for letter in value)


def _postgresql(url: URL) -> Engine:
    try:
        import psycopg
        from psycopg.pq import Format
    except ImportError as error:
        raise ModuleNotFoundError(
            "postgresql:// needs psycopg, which is not installed: pip install 'symbolicate[server]'"
        ) from error

    class BinaryCursor(psycopg.Cursor[Any]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.format = Format.BINARY

    given = url.query.get("options", "")
    return create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_pre_ping=True,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
        connect_args={
            **{name: url.query.get(name, ours) for name, ours in GONE_AFTER.items()},
            "connect_timeout": CONNECT_TIMEOUT_S,
            "cursor_factory": BinaryCursor,
            "options": f"{given} -c timezone=UTC -c lock_timeout={BUSY_TIMEOUT_MS}".strip(),
        },
    )


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(_brief(error)) from error
    except DBAPIError as error:
        if _code(error) in _UNIQUE:
            raise Duplicate(_brief(error)) from error
        if error.connection_invalidated or _passes(error):
            raise DatabaseUnavailable(_brief(error)) from error
        raise


def _code(error: DBAPIError) -> str | None:
    """Gives the driver's name of an error: SQLite's own, or PostgreSQL's SQLSTATE."""
    name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    return str(name) if name is not None else None


def _passes(error: DBAPIError) -> bool:
    """Tells an outage from a bug; sqlite3 raises `OperationalError` for a missing table too."""
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", None)
        return code is not None and code & 0xFF not in _SQLITE_BUGS
    return isinstance(error, (OperationalError, InterfaceError))


def _brief(error: Exception) -> str:
    """Keeps the driver's sentence and leaves out the statement with its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().partition("\n")[0]
