"""Brings a database to the newest schema, one process at a time."""

from __future__ import annotations

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from symbolicate.database.engine import Database
from symbolicate.errors import DatabaseUnavailable

_LOCK_ID = 0x73796D62
_PATIENCE_S = 15.0


def upgrade(database: Database) -> str:
    """Applies missing migrations under a lock and gives the revision reached.

    A database that does not answer yet (a server still starting) is waited for a short while.
    """
    _await(database)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.write() as connection:
        if not database.is_sqlite:
            # Another process may migrate for longer than any other lock is waited for.
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})
        head = ScriptDirectory.from_config(config).get_current_head()
        if MigrationContext.configure(connection).get_current_revision() != head:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return str(head)


def _await(database: Database) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return database.check()
        except DatabaseUnavailable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.25)
