"""Which objects rows name."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from symbolicate.database import object_names
from symbolicate.database.engine import Database

if TYPE_CHECKING:
    from tests.symbolicate.database.conftest import SetMaker

ONE, TWO = b"\1" * 32, b"\2" * 32


def test_a_key_is_named_by_the_column_that_holds_it(
    database: Database, symbol_set: SetMaker
) -> None:
    symbol_set("a", data_hash=ONE, upload_key="1/uploads/a")
    symbol_set("b", upload_key="1/uploads/b")
    symbol_set("c", team=2, data_hash=ONE, upload_key="2/uploads/c")
    keys = ["1/symbolsets/a", "1/uploads/a", "1/uploads/b", "2/symbolsets/c", "2/uploads/c", "x"]
    with database.read() as connection:
        assert object_names.stored(connection, 1, keys) == {"1/symbolsets/a"}
        assert object_names.uploads(connection, 1, keys) == {"1/uploads/a", "1/uploads/b"}
        assert object_names.stored(connection, 2, keys) == {"2/symbolsets/c"}
        assert object_names.uploads(connection, 3, keys) == set()
        assert object_names.stored(connection, 1, []) == set()


def test_a_generation_is_that_of_the_bytes_that_serve(
    database: Database, symbol_set: SetMaker
) -> None:
    one, two = symbol_set("a", data_hash=ONE), symbol_set("b", data_hash=TWO)
    empty, theirs = symbol_set("c"), symbol_set("a", team=2, data_hash=TWO)
    ids = [row.id for row in (one, two, empty, theirs)]
    with database.read() as connection:
        found = object_names.generations(connection, 1, [*ids, uuid.UUID(int=7)])
    assert found == {one.id: ONE, two.id: TWO}


@pytest.mark.parametrize("what", ["stored", "uploads"])
def test_keys_are_found_by_an_index(database: Database, what: str) -> None:
    plans: list[str] = []
    with database.read() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        execute = connection.execute

        def explained(statement: Any) -> Any:
            options = {"literal_binds": True}
            sql = statement.compile(dialect=database.engine.dialect, compile_kwargs=options)
            word = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
            plans.append(str(connection.exec_driver_sql(f"{word} {sql}").all()))
            return execute(statement)

        connection.execute = explained  # type: ignore[method-assign, assignment]
        getattr(object_names, what)(connection, 1, ["1/a/b", "1/a/c"])
    assert {"stored": "storage_key", "uploads": "upload_key"}[what] in plans[0]
    assert "ix_symbol_set_" in plans[0]
