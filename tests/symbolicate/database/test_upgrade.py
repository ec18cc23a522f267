"""Migrations: they give the tables, once, whoever asks and however many at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, text

from symbolicate.database import upgrade as upgrade_module
from symbolicate.database.engine import Database
from symbolicate.database.tables import metadata
from symbolicate.database.upgrade import upgrade
from symbolicate.errors import DatabaseUnavailable

PROGRAM = """
import sys
from symbolicate.database.engine import Database
from symbolicate.database.upgrade import upgrade
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(upgrade(database))
"""


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path) -> str:
    """Gives the URL of a database of each kind that was never migrated."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/empty.db"
    opened = Database(database_url)
    with opened.write() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    opened.close()
    return database_url


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    opened = Database(empty_url)
    yield opened
    opened.close()


def differences(database: Database) -> list[object]:
    """Tells what the tables have that the database has not, and the reverse.

    By a plain engine: SQLAlchemy cannot read what PostgreSQL says of indexes in binary.
    """
    plain = create_engine(database.url, poolclass=NullPool)
    with plain.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def test_the_migrations_give_exactly_the_tables(database: Database) -> None:
    assert differences(database) == []


def test_upgrading_again_changes_nothing_and_names_the_same_revision(empty: Database) -> None:
    first = upgrade(empty)
    assert upgrade(empty) == first
    assert differences(empty) == []


def test_several_processes_may_upgrade_at_once(empty_url: str) -> None:
    arguments = [sys.executable, "-W", "error", "-c", PROGRAM, empty_url]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], answers
    assert len({output for output, _ in answers}) == 1


def test_a_migration_waits_for_another_longer_than_for_any_other_lock(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate.database.engine.BUSY_TIMEOUT_MS", 20)
    holder, waiter = Database(postgres_url), Database(postgres_url)
    reached: list[str] = []
    thread = threading.Thread(target=lambda: reached.append(upgrade(waiter)))
    lock = text("SELECT pg_advisory_xact_lock(:id)")
    with holder.write() as connection:
        connection.execute(lock, {"id": upgrade_module._LOCK_ID})
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
    thread.join()
    assert len(reached) == 1
    holder.close()
    waiter.close()


def test_a_database_that_stays_away_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade_module, "_PATIENCE_S", 0.3)
    (tmp_path / "x.db").mkdir()
    opened = Database(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(DatabaseUnavailable):
        upgrade(opened)
    opened.close()


def test_a_database_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "x.db"
    folder.mkdir()
    opened = Database(f"sqlite:///{folder}")
    timer = threading.Timer(0.1, folder.rmdir)
    timer.start()
    upgrade(opened)
    timer.join()
    assert differences(opened) == []
    opened.close()
