"""Orphans: objects that no row names go once they are old; nothing that a row names goes."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from symbolicate.clock import system_clock
from symbolicate.compiled_sets import COMPILERS, compiled_key
from symbolicate.database.tables import symbol_set
from symbolicate.services import orphans as module
from symbolicate.services.orphans import Orphans

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

OLD_HASH = bytes(32)
NOBODY = uuid.UUID(int=7)
SOON = timedelta(minutes=5)


def orphans(bench: Bench, team: int = 1, *, later: timedelta = SOON) -> set[str]:
    """Finds orphans as of a moment when all that a test stored is old, or not yet."""
    found = Orphans(bench.database, bench.objects).find(team, system_clock() + later)
    return {key for keys in found for key in keys}


def test_what_rows_name_is_no_orphan(bench: Bench) -> None:
    bench.upload("chunk", "one")
    assert bench.serving("chunk") == "src/one.ts"
    assert bench.send(bench.start("chunk"), b"half") in (200, 204)
    assert len({found.key.split("/")[1] for found in bench.objects.list("1/")}) == 3
    assert orphans(bench) == set()


def test_what_no_row_names_is_an_orphan(bench: Bench) -> None:
    started = bench.upload("chunk", "one")
    row = bench.row("chunk")
    assert row is not None
    assert row.data_hash is not None
    strays = {
        "1/uploads/a",
        "1/symbolsets/b",
        started.upload_key,
        compiled_key(1, row.id, OLD_HASH, COMPILERS["javascript"].version),
        compiled_key(1, row.id, row.data_hash, "js0"),
        compiled_key(1, NOBODY, row.data_hash, COMPILERS["javascript"].version),
        "1/compiled/no-id/x",
    }
    kept = {
        compiled_key(1, row.id, row.data_hash, compiler.version) for compiler in COMPILERS.values()
    }
    for key in (*strays, *kept, "1/other/a", "10/uploads/a", "2/symbolsets/b"):
        bench.objects.put(key, b"x")
    assert orphans(bench) == strays
    assert orphans(bench, 10) == {"10/uploads/a"}
    assert orphans(bench, 3) == set()


def test_a_key_counts_for_the_team_that_it_begins_with(bench: Bench) -> None:
    bench.upload("chunk", "one")
    row = bench.row("chunk")
    assert row is not None
    assert row.data_hash is not None
    foreign = compiled_key(2, row.id, row.data_hash, COMPILERS["javascript"].version)
    bench.objects.put(foreign, b"x")
    assert orphans(bench, 2) == {foreign}


def test_what_is_young_may_belong_to_somebody(bench: Bench) -> None:
    bench.objects.put("1/uploads/a", b"x")
    assert orphans(bench, later=-SOON) == set()
    assert orphans(bench) == {"1/uploads/a"}


def test_a_page_is_judged_by_rows_that_are_read_after_it_was_listed(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, listing = light_bench, light_bench.objects.list

    def listed(prefix: str) -> Any:
        found = list(listing(prefix))
        with bench.database.write() as connection:
            connection.execute(update(symbol_set).values(storage_key="1/symbolsets/new"))
        return iter(found)

    bench.upload("chunk", "old")
    row = bench.row("chunk")
    assert row is not None
    bench.objects.put("1/symbolsets/new", b"x")
    monkeypatch.setattr(bench.objects, "list", listed)
    assert orphans(bench) == {row.storage_key}


def test_a_long_list_is_judged_page_by_page(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTED_AT_ONCE", 2)
    for number in range(5):
        light_bench.objects.put(f"1/uploads/{number}", b"x")
    found = Orphans(light_bench.database, light_bench.objects).find(1, system_clock() + SOON)
    assert [len(keys) for keys in found] == [2, 2, 1]
