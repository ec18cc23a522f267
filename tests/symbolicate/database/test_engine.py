"""The engine: URLs, the pragmas in force, one writer at a time, outages told apart from bugs."""

from __future__ import annotations

import socket
import sqlite3
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Executable, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from symbolicate.database import engine, teams
from symbolicate.database.engine import Database, Duplicate, parse_database_url
from symbolicate.database.tables import api_key, symbol_set, team
from symbolicate.database.teams import Team
from symbolicate.errors import DatabaseUnavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)

PROBES = ("idle", "interval", "count")

BAD_URLS = {
    "another database": "mysql://bob:s3cret@host/db",
    "a misspelled scheme": "postgresq://bob:s3cret@host/db",
    "no slashes": "postgresql:bob:s3cret@host/db",
    "no colon": "postgresql//bob:s3cret@host/db",
    "no scheme": "bob:s3cret@host/db",
    "an at sign in the password": "postgresql://bob:pass@s3cret:s3cret@host/db",
    "a port that is no number": "postgresql://bob:s3cret@host:s3cret/db",
    "a driver's name": "postgresql+psycopg://bob:s3cret@host/db",
    "an unclosed address": "postgresql://bob:s3cret@[::1/db",
    "nothing but the secret": "s3cret",
    "empty": "",
    "sqlite without a path": "sqlite:///",
    "sqlite in memory": "sqlite:///:memory:",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_a_bad_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="expected sqlite:///PATH or postgresql://") as refused:
        parse_database_url(url)
    assert "s3cret" not in f"{refused.value!r}"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_url_of_libpq_is_read_with_its_socket_folder(scheme: str) -> None:
    url = parse_database_url(f"{scheme}://bob:p%40ss@/db?host=/run/pg")
    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.database) == ("bob", "p@ss", "db")
    assert url.query["host"] == "/run/pg"


def test_a_relative_sqlite_path_stays_relative_and_four_slashes_are_absolute() -> None:
    assert parse_database_url("sqlite:///data/x.db").database == "data/x.db"
    assert parse_database_url("sqlite:////data/x.db").database == "/data/x.db"


def test_sqlite_makes_the_folder_of_its_file(tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path}/a/b/x.db")
    opened.check()
    opened.close()
    assert (tmp_path / "a/b/x.db").exists()


def test_sqlite_is_durable_and_waits_for_locks(sqlite_url: str) -> None:
    opened = Database(sqlite_url)
    with opened.read() as connection:
        values = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    opened.close()
    full = 2
    assert values == {
        "journal_mode": "wal",
        "synchronous": full,
        "busy_timeout": 10_000,
        "foreign_keys": 1,
    }


def test_postgresql_answers_in_utc_and_keeps_the_options_of_the_url(postgres_url: str) -> None:
    joined = "&" if "?" in postgres_url else "?"
    opened = Database(f"{postgres_url}{joined}options=-c%20statement_timeout%3D1234")
    with opened.read() as connection:
        shown = [
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("timezone", "lock_timeout", "statement_timeout")
        ]
    opened.close()
    assert shown == ["UTC", "10s", "1234ms"]


def test_a_postgresql_host_that_vanishes_is_found_out_in_seconds_unless_the_url_says_otherwise(
    postgres_url: str,
) -> None:
    joined = "&" if "?" in postgres_url else "?"
    opened = Database(f"{postgres_url}{joined}keepalives_count=7")
    with opened.read() as connection:
        driver: Any = connection.connection.driver_connection
        given = driver.info.get_parameters()
    opened.close()
    expected = {**engine.GONE_AFTER, "keepalives_count": "7"}
    assert {name: given[name] for name in expected} == expected
    idle, interval, count = (int(engine.GONE_AFTER[f"keepalives_{n}"]) for n in PROBES)
    assert 10 <= idle + interval * count <= 15


def test_without_its_driver_postgresql_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ImportError, match=r"pip install 'symbolicate\[server\]'"):
        Database("postgresql://u:p@127.0.0.1:9/x")


def test_a_write_is_undone_by_an_exception(database: Database) -> None:
    def add_and_fail() -> None:
        with database.write() as connection:
            teams.add(connection, Team(1, "one", "phc_1"), NOW)
            raise KeyError("later")

    with pytest.raises(KeyError):
        add_and_fail()
    assert count_teams(database) == 0


def test_a_second_writer_waits_for_the_first_to_commit(database: Database) -> None:
    seen: list[int] = []
    writing = threading.Event()

    def second() -> None:
        writing.wait()
        with database.write() as connection:
            lock_teams(connection)
            seen.append(connection.execute(select(func.count()).select_from(team)).scalar_one())

    thread = threading.Thread(target=second)
    thread.start()
    with database.write() as connection:
        lock_teams(connection)
        writing.set()
        thread.join(0.2)
        assert seen == []
        teams.add(connection, Team(1, "one", "phc_1"), NOW)
    thread.join()
    assert seen == [1]


def test_sqlite_takes_the_write_lock_before_anything_is_read(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    first, second = Database(sqlite_url), Database(sqlite_url)
    with first.write():
        second.check()
        with pytest.raises(DatabaseUnavailable, match="locked"), second.write():
            pass
    with second.write():
        pass
    first.close()
    second.close()


def test_postgresql_gives_a_lock_up_after_its_timeout(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    opened = Database(postgres_url)
    with opened.write() as holder:
        lock_teams(holder)
        with pytest.raises(DatabaseUnavailable, match="lock timeout"), opened.write() as other:
            lock_teams(other)
    opened.close()


def test_a_used_up_pool_is_unavailable(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "POOL_SIZE", 1)
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    opened = Database(database_url)
    with opened.read(), opened.read(), pytest.raises(DatabaseUnavailable), opened.read():
        pass
    opened.close()


def test_the_same_unique_key_again_is_a_duplicate(database: Database) -> None:
    with database.write() as connection:
        teams.add(connection, Team(1, "one", "phc_1"), NOW)
    for same in (Team(1, "two", "phc_2"), Team(2, "two", "phc_1")):
        with pytest.raises(Duplicate), database.write() as connection:
            teams.add(connection, same, NOW)
    assert count_teams(database) == 1


BUGS = {
    "a missing table": text("SELECT 1 FROM nowhere"),
    "no SQL": text("SELEC 1"),
    "null where none may be": insert(api_key).values(
        id=uuid.UUID(int=1), team_id=None, sha256=b"", scopes="", label="", created_at=None
    ),
}


@pytest.mark.parametrize("statement", BUGS.values(), ids=BUGS.keys())
def test_a_bug_stays_a_bug(database: Database, statement: Executable) -> None:
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(statement)


def test_a_server_that_is_not_there_is_unavailable(free_port: int) -> None:
    opened = Database(f"postgresql://bob:s3cret@127.0.0.1:{free_port}/db")
    with pytest.raises(DatabaseUnavailable) as refused:
        opened.check()
    assert "s3cret" not in str(refused.value)
    opened.close()


def test_a_connection_that_the_server_ended_is_unavailable_once(postgres_url: str) -> None:
    opened = Database(postgres_url)

    def ended() -> None:
        with opened.read() as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [pid])
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        ended()
    opened.check()
    opened.close()


def a_folder(path: Path) -> None:
    path.mkdir()


def another_format(path: Path) -> None:
    path.write_bytes(b"this is no database " * 100)


def damaged(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)


@pytest.mark.parametrize("spoil", [a_folder, another_format, damaged])
def test_a_sqlite_file_that_cannot_be_read_is_unavailable(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path / "x.db")
    opened = Database(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(DatabaseUnavailable), opened.read() as connection:
        connection.execute(text("SELECT * FROM t"))
    opened.close()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="database folder"):
        Database(f"sqlite:///{tmp_path}/file/x.db")


def test_an_outage_is_told_in_the_drivers_words_without_the_statement(database: Database) -> None:
    with database.write() as connection:
        teams.add(connection, Team(1, "one", "phc_1"), NOW)
    with pytest.raises(Duplicate) as refused, database.write() as connection:
        teams.add(connection, Team(1, "s3cret", "phc_2"), NOW)
    assert "s3cret" not in str(refused.value)
    assert "INSERT" not in str(refused.value)


@pytest.fixture
def free_port() -> int:
    """Gives a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def lock_teams(connection: Connection) -> None:
    """Makes two transactions collide on PostgreSQL too, which does not lock the whole file."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE team IN EXCLUSIVE MODE"))


def count_teams(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(team)).scalar_one())


def test_statistics_are_learnt_where_the_database_does_not_do_it_itself(database: Database) -> None:
    row = {"id": uuid.uuid4(), "team_id": 1, "ref": "chunk", "created_at": NOW}
    with database.write() as connection:
        connection.execute(insert(symbol_set), [row])
    database.learn_statistics()
    if database.is_sqlite:
        with database.read() as connection:
            known = connection.execute(text("SELECT DISTINCT tbl FROM sqlite_stat1")).scalars()
            assert "symbol_set" in set(known)
