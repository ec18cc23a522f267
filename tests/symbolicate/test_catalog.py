"""The catalog: each set is fetched once, is never wrong, and is never remembered as away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from symbolicate.catalog import Catalog
from symbolicate.compiled_sets import COMPILERS, CompiledSets
from symbolicate.database import symbol_sets
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.formats.source_map import SourceMap
from symbolicate.isolation.pool import ChildFailed
from symbolicate.metrics import NullMetrics
from symbolicate.objects.opening import open_store
from symbolicate.outcome import INTERNAL, TRANSIENT, Failure, corrupt_object
from symbolicate.release import SymbolSetRef
from symbolicate.set_opener import SetOpener

TEAM = 1
BOTH_READS = 2


def load(catalog: Catalog, ref: str = "chunk", team: int = TEAM) -> Any:
    wanted = SymbolSetRef(ref, "javascript")
    return catalog.load(team, [wanted], catalog.states(team, [ref]))[wanted]


def source(opened: Any) -> str:
    assert isinstance(opened, SourceMap), opened
    (name,) = opened.sources
    assert name is not None
    return name


@pytest.fixture
def opened(wired: Any) -> Any:
    """Gives the floors with the set `chunk` uploaded and no fetch counted."""
    wired.add("chunk")
    wired.objects.gets.clear()
    return wired


def test_a_set_is_opened_and_kept(opened: Any) -> None:
    first = load(opened.catalog)
    assert source(first) == "src/app.ts"
    assert load(opened.catalog) is first
    assert len(opened.objects.gets) == 1


class WatchedFlights(dict[Any, Any]):
    """Tells when so many callers have asked for a flight; each asks while it holds the lock."""

    def __init__(self, callers: int) -> None:
        super().__init__()
        self._missing = callers
        self.all_aboard = threading.Event()

    def get(self, key: Any, default: Any = None) -> Any:
        self._missing -= 1
        if self._missing == 0:
            self.all_aboard.set()
        return super().get(key, default)


@pytest.mark.parametrize("away", [False, True])
def test_a_thousand_concurrent_misses_are_one_fetch_and_share_its_outcome(
    opened: Any, away: bool
) -> None:
    flights = WatchedFlights(1000)
    opened.catalog._flights._flights = flights
    opened.objects.before_get = lambda: flights.all_aboard.wait(30)
    opened.objects.away = away
    with ThreadPoolExecutor(1000) as pool:
        calls = [pool.submit(load, opened.catalog) for _ in range(1000)]
        found = [call.result() for call in calls]
    assert len(opened.objects.gets) == 1
    assert len({id(one) for one in found}) == 1
    assert (found[0] is TRANSIENT) is away


def test_a_state_that_was_read_before_a_change_is_not_remembered_after_it(
    wired: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired.add("chunk", "old")
    before = wired.new_catalog().states(TEAM, ["chunk"])
    wired.catalog.forget(TEAM, ["chunk"])
    read = symbol_sets.states

    def overtaken(*given: Any) -> Any:
        found = read(*given)
        monkeypatch.setattr(symbol_sets, "states", read)
        wired.add("chunk", "new")
        return found

    monkeypatch.setattr(symbol_sets, "states", overtaken)
    assert wired.catalog.states(TEAM, ["chunk"]) == before
    assert source(load(wired.catalog)) == "src/new.ts"


def test_a_set_that_was_just_replaced_elsewhere_is_not_missing(wired: Any) -> None:
    wired.add("chunk", "old")
    wired.catalog.states(TEAM, ["chunk"])
    wired.add_elsewhere("chunk", "new")
    assert source(load(wired.catalog)) == "src/new.ts"


def test_a_set_whose_object_is_gone_is_looked_for_once(opened: Any) -> None:
    opened.objects.delete([opened.storage_key("chunk")])
    assert load(opened.catalog).code == "blob_missing"
    assert len(opened.objects.gets) == 1


def test_a_store_that_is_away_is_never_remembered(opened: Any) -> None:
    opened.objects.away = True
    assert load(opened.catalog) is TRANSIENT
    opened.objects.away = False
    assert source(load(opened.catalog)) == "src/app.ts"


def test_an_opened_set_serves_while_the_store_is_away(opened: Any) -> None:
    load(opened.catalog)
    opened.objects.away = True
    assert source(load(opened.catalog)) == "src/app.ts"


def test_a_replacement_is_visible_at_once_where_it_was_finished(opened: Any) -> None:
    assert source(load(opened.catalog)) == "src/app.ts"
    opened.add("chunk", "newer")
    assert source(load(opened.catalog)) == "src/newer.ts"


def test_a_replacement_is_visible_elsewhere_within_a_second(opened: Any) -> None:
    elsewhere = opened.new_catalog()
    assert source(load(elsewhere)) == "src/app.ts"
    opened.add("chunk", "newer")
    opened.clock.turn(0.999)
    load(elsewhere)
    opened.clock.turn(0.001)
    assert source(load(elsewhere)) == "src/newer.ts"


def test_the_same_bytes_uploaded_again_are_not_fetched_again(opened: Any) -> None:
    load(opened.catalog)
    opened.add("chunk", "app")
    fetched = len(opened.objects.gets)
    load(opened.catalog)
    assert len(opened.objects.gets) == fetched


def test_bytes_that_were_damaged_on_their_way_are_fetched_again(opened: Any) -> None:
    opened.objects.damaged_reads = 1
    assert source(load(opened.catalog)) == "src/app.ts"
    assert len(opened.objects.gets) == BOTH_READS


def test_damaged_bytes_never_answer_and_are_never_kept(opened: Any) -> None:
    key = opened.storage_key("chunk")
    whole = opened.objects.get(key, limit=1_000_000)
    opened.objects.gets.clear()
    opened.objects.put(key, whole.replace(b"src/app.ts", b"src/bad.ts"))
    assert load(opened.catalog) == corrupt_object("chunk")
    assert load(opened.catalog) == corrupt_object("chunk")
    assert len(opened.objects.gets) == 2 * BOTH_READS
    opened.objects.put(key, whole)
    assert source(load(opened.catalog)) == "src/app.ts"


def test_one_flipped_bit_in_a_stored_file_is_noticed(
    wired_on_each: Any, make: Any, objects_url: str
) -> None:
    wired = wired_on_each
    wired.add("chunk")
    real = open_store(objects_url, secret_key=b"secret")
    key = wired.storage_key("chunk")
    data = bytearray(make.script("app"))
    data[-40] ^= 1
    real.put(key, bytes(data))
    compiled = CompiledSets(real, wired.new_disk(), wired.pool)
    catalog = Catalog(
        wired.database,
        SetOpener(wired.database, compiled, wired.new_leases(), clock=wired.clock),
        clock=wired.clock,
        metrics=NullMetrics(),
        symbol_cache_bytes=1_000_000,
    )
    assert load(catalog) == corrupt_object("chunk")
    real.put(key, make.script("app"))
    assert source(load(catalog)) == "src/app.ts"
    real.close()


def test_a_missing_object_is_blob_missing_and_heals_by_itself(opened: Any, make: Any) -> None:
    key = opened.storage_key("chunk")
    opened.objects.delete([key])
    missing = load(opened.catalog)
    assert missing == Failure("blob_missing", "The stored file for chunk is missing")
    assert opened.storage_key("chunk") == key
    opened.objects.put(key, make.script("app"))
    assert source(load(opened.catalog)) == "src/app.ts"


def test_an_unknown_ref_is_no_symbol_set(wired: Any) -> None:
    assert load(wired.catalog).code == "no_symbol_set"


def test_an_unfinished_upload_is_pending(wired: Any) -> None:
    wired.begin_upload("chunk")
    assert load(wired.catalog) == Failure(
        "upload_pending", "The upload for chunk has not finished yet"
    )


def test_the_old_bytes_serve_while_a_replacement_is_pending(opened: Any) -> None:
    opened.begin_upload("chunk")
    assert source(load(opened.catalog)) == "src/app.ts"


HERMES = write_container(ContainerType.HERMES_MAP, payload=b"{}", compress=False)


@pytest.mark.parametrize(
    ("source_map", "sentence"),
    [
        pytest.param(b"not JSON", "Invalid source map: ", id="no JSON"),
        pytest.param(b'{"version": 4}', "Invalid source map: ", id="version 4"),
        pytest.param(b"[" * 10_000, "Invalid source map: ", id="nested too deep"),
        pytest.param(HERMES, "JSDataError: a container of type 3 cannot", id="another container"),
    ],
)
def test_a_set_that_cannot_be_read_is_said_so_and_not_read_again(
    wired: Any, make: Any, source_map: bytes, sentence: str
) -> None:
    data = source_map if source_map is HERMES else make.container(source_map)
    wired.add_bytes("chunk", data)
    wired.objects.gets.clear()
    failure = load(wired.catalog)
    assert failure.code in ("malformed", "limit_exceeded")
    assert failure.sentence.startswith(sentence)
    assert len(failure.sentence) <= 300
    wired.clock.turn(301)
    assert load(wired.catalog) == failure
    assert load(wired.new_catalog()) == failure
    assert len(wired.objects.gets) == 1


def test_a_malformed_map_gives_way_to_its_replacement_at_once(wired: Any, make: Any) -> None:
    wired.add_bytes("chunk", make.container(b"not JSON"))
    assert load(wired.catalog).code == "malformed"
    wired.add("chunk")
    assert source(load(wired.catalog)) == "src/app.ts"


def test_a_bug_in_a_compiler_is_internal_and_not_kept(
    opened: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_given: Any) -> Any:
        raise ChildFailed("ZeroDivisionError: division by zero")

    with monkeypatch.context() as patch:
        patch.setattr(opened.pool, "run", broken)
        assert load(opened.catalog) is INTERNAL
    assert "ZeroDivisionError" in caplog.text
    assert source(load(opened.catalog)) == "src/app.ts"


def test_teams_never_share_what_is_cached(wired_on_each: Any) -> None:
    wired = wired_on_each
    for team in (1, 2):
        wired.add("chunk", f"team{team}", team=team)
    wired.add("only", "first", team=1)
    for _ in range(3):
        for team in (1, 2):
            assert source(load(wired.catalog, team=team)) == f"src/team{team}.ts"
    assert source(load(wired.catalog, "only", team=1)) == "src/first.ts"
    assert load(wired.catalog, "only", team=2).code == "no_symbol_set"


def test_states_are_read_in_one_query_and_remembered(opened: Any) -> None:
    reads = opened.database.reads
    assert opened.catalog.known_states(TEAM, ["chunk", "none"]) is None
    assert set(opened.catalog.states(TEAM, ["chunk", "none"])) == {"chunk"}
    assert opened.database.reads == reads + 1
    known = opened.catalog.known_states(TEAM, ["chunk", "none"])
    assert known == opened.catalog.states(TEAM, ["chunk", "none"])
    assert opened.database.reads == reads + 1
    opened.catalog.forget(TEAM, ["chunk"])
    assert opened.catalog.known_states(TEAM, ["chunk"]) is None


def test_use_is_noted_at_most_once_in_twelve_hours(wired_on_each: Any) -> None:
    wired = wired_on_each

    def last_used() -> Any:
        return wired.new_catalog().states(TEAM, ["chunk"])["chunk"].last_used

    wired.add("chunk")
    uploaded = wired.clock.now
    assert last_used() == uploaded
    for _ in range(3):
        wired.clock.turn(timedelta(hours=4).total_seconds())
        load(wired.catalog)
    assert last_used() == uploaded
    writes = wired.database.writes
    wired.clock.turn(1)
    load(wired.catalog)
    load(wired.catalog)
    assert last_used() == wired.clock.now
    assert wired.database.writes == writes + 1


def test_open_sets_are_weighed_in_bytes(
    wire: Callable[..., Any], sqlite_url: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens: list[Any] = []

    def counted(*given: Any, **options: Any) -> SourceMap:
        opens.append(given)
        return SourceMap.open(*given, **options)

    known = COMPILERS["javascript"]
    monkeypatch.setitem(COMPILERS, "javascript", known._replace(open=counted))
    mappings = ",".join(["AAAA"] + ["CAAC"] * 20_000)
    big = json.dumps({"version": 3, "sources": ["a"], "names": [], "mappings": mappings})
    wired = wire(sqlite_url, symbol_cache_bytes=300_000)
    for number in range(4):
        wired.add_bytes(f"big{number}", make.container(f"{big} {' ' * number}".encode()))
        load(wired.catalog, f"big{number}")
    assert len(opens) == 4
    load(wired.catalog, "big3")
    assert len(opens) == 4
    load(wired.catalog, "big0")
    assert len(opens) == 5
    assert len(wired.objects.gets) == 4
