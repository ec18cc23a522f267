"""Compiled sets: made once, kept on disk and in object storage, and never trusted blindly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from symbolicate import Unavailable
from symbolicate.compiled_sets import COMPILERS, CompiledSets
from symbolicate.errors import CorruptObject, ObjectMissing, ObjectStoreUnavailable, SourceMapError
from symbolicate.isolation.limits import ChildLimits
from symbolicate.release import SymbolSet, SymbolSetRef
from symbolicate.services.compile_ahead import CompileAhead

TEAM = 1


class Machine:
    """One machine's compiled sets, and the work that they ask of its compilers."""

    def __init__(self, wired: Any) -> None:
        self.disk = wired.new_disk()
        self.compiled: list[str] = []
        self._pool = wired.pool
        self.sets = CompiledSets(wired.objects, self.disk, self)  # type: ignore[arg-type]
        self._wired = wired

    def run(self, task: str, source: Path, target: Path) -> Any:
        self.compiled.append(task)
        return self._pool.run(task, source, target)

    def state(self, ref: str = "chunk") -> SymbolSet:
        found: SymbolSet = self._wired.new_catalog().states(TEAM, [ref])[ref]
        return found

    def source(self, **changes: Any) -> str | None:
        state = self.state()
        values = {name: getattr(state, name) for name in SymbolSet.__slots__} | changes
        symbols: Any = self.open(SymbolSet(**values))
        token = symbols.lookup(0, 4)
        return None if token is None else token.source

    def open(self, state: SymbolSet) -> Any:
        found = self.sets.find(TEAM, "javascript", state)
        return found or self.sets.compile(TEAM, "javascript", state).symbols

    def kept(self) -> list[Path]:
        return sorted(self.disk.scratch().parent.glob("*.kept"))


@pytest.fixture
def machine(wired: Any) -> Machine:
    wired.add("chunk")
    return Machine(wired)


def compiled_objects(wired: Any) -> list[str]:
    return [found.key for found in wired.objects.list(f"{TEAM}/compiled/")]


def test_a_set_is_compiled_once_and_then_comes_from_disk(machine: Machine, wired: Any) -> None:
    assert machine.source() == "src/app.ts"
    fetched = len(wired.objects.gets)
    assert machine.source() == "src/app.ts"
    assert len(machine.compiled) == 1
    assert len(wired.objects.gets) == fetched


def test_the_compiled_file_lies_beside_the_original_under_its_generation(
    machine: Machine, wired: Any
) -> None:
    machine.source()
    state = machine.state()
    assert state.data_hash is not None
    version = COMPILERS["javascript"].version
    assert compiled_objects(wired) == [
        f"{TEAM}/compiled/{state.id}/{state.data_hash.hex()}-{version}"
    ]


def test_another_machine_fetches_what_was_compiled(machine: Machine, wired: Any) -> None:
    machine.source()
    other = Machine(wired)
    assert other.source(compiled=True) == "src/app.ts"
    assert other.compiled == []
    assert len(other.kept()) == 1


def test_nothing_is_asked_of_the_store_that_is_known_not_to_be_there(
    machine: Machine, wired: Any
) -> None:
    wired.objects.gets.clear()
    machine.source(compiled=False)
    assert [key.split("/")[1] for key in wired.objects.gets] == ["symbolsets"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "another set"])
def test_a_damaged_file_on_disk_is_made_again(machine: Machine, damage: str) -> None:
    machine.source()
    (path,) = machine.kept()
    data = path.read_bytes()
    harmed = {
        "cut": data[: len(data) // 2],
        "flipped": data[:40] + bytes([data[40] ^ 1]) + data[41:],
        "empty": b"",
        "another set": data[:48] + bytes(32) + data[80:],
    }
    path.write_bytes(harmed[damage])
    assert machine.source() == "src/app.ts"
    assert len(machine.compiled) == 2


@pytest.mark.parametrize("damage", [b"", b"no zstd", bytes(1000)], ids=["empty", "text", "zeros"])
def test_a_damaged_compiled_object_is_made_again(
    machine: Machine, wired: Any, damage: bytes
) -> None:
    machine.source()
    (key,) = compiled_objects(wired)
    wired.objects.put(key, damage)
    other = Machine(wired)
    assert other.source(compiled=True) == "src/app.ts"
    assert len(other.compiled) == 1


def test_bytes_that_differ_from_their_hash_are_never_compiled(machine: Machine, wired: Any) -> None:
    wired.objects.damaged_reads = 2
    with pytest.raises(CorruptObject):
        machine.source()
    assert machine.compiled == []
    assert machine.source() == "src/app.ts"


def test_a_store_that_is_away_or_empty_says_so(machine: Machine, wired: Any) -> None:
    wired.objects.away = True
    with pytest.raises(ObjectStoreUnavailable):
        machine.source()
    wired.objects.away = False
    wired.objects.delete([wired.storage_key("chunk")])
    with pytest.raises(ObjectMissing):
        machine.source()


def test_a_map_that_cannot_be_read_keeps_its_own_error(wired: Any, make: Any) -> None:
    wired.add_bytes("chunk", make.container(b"not JSON"))
    machine = Machine(wired)
    with pytest.raises(SourceMapError, match="not JSON"):
        machine.source()
    assert machine.kept() == []


def test_no_scratch_file_is_left_whatever_happens(machine: Machine, wired: Any, make: Any) -> None:
    folder = machine.disk.scratch()
    folder.unlink()
    machine.source()
    wired.add_bytes("bad", make.container(b"not JSON"))
    with pytest.raises(SourceMapError):
        machine.open(machine.state("bad"))
    assert [path.name for path in folder.parent.glob("new-*")] == []


def test_a_compiled_file_that_cannot_be_stored_costs_only_the_others(
    machine: Machine, wired: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: Any) -> None:
        raise ObjectStoreUnavailable("away")

    monkeypatch.setattr(wired.objects, "put", away)
    state = machine.state()
    assert machine.sets.find(TEAM, "javascript", state) is None
    assert not machine.sets.compile(TEAM, "javascript", state).shared
    assert compiled_objects(wired) == []


def test_sets_are_compiled_ahead_and_noted(wired: Any) -> None:
    for ref in ("one", "two"):
        wired.add(ref)
    used = {
        ref: state.last_used for ref, state in wired.catalog.states(TEAM, ["one", "two"]).items()
    }
    wired.clock.turn(13 * 3600)
    ahead = CompileAhead(wired.database, wired.catalog, ChildLimits())
    assert ahead.run() == 2
    assert ahead.run() == 0
    states = wired.new_catalog().states(TEAM, ["one", "two"])
    assert all(state.compiled for state in states.values())
    assert {ref: state.last_used for ref, state in states.items()} == used
    assert len(compiled_objects(wired)) == 2


def test_a_set_that_cannot_be_compiled_is_noted_and_not_tried_again(wired: Any, make: Any) -> None:
    wired.add_bytes("bad", make.container(b"not JSON"))
    wired.add("good")
    ahead = CompileAhead(wired.database, wired.catalog, ChildLimits())
    assert ahead.run() == 2
    assert ahead.run() == 0
    state = wired.new_catalog().states(TEAM, ["bad"])["bad"]
    assert state.failure.code == "malformed"
    assert not state.compiled


def test_a_store_that_is_away_ends_compiling_ahead_and_notes_nothing(wired: Any) -> None:
    wired.add("chunk")
    wired.objects.away = True
    ahead = CompileAhead(wired.database, wired.catalog, ChildLimits())
    assert ahead.run() == 0
    wired.objects.away = False
    assert ahead.run() == 1


def test_compiling_ahead_ends_when_told(wired: Any) -> None:
    wired.add("chunk")
    ahead = CompileAhead(wired.database, wired.catalog, ChildLimits())
    assert ahead.run(lambda: True) == 0


def test_a_database_that_is_away_keeps_no_set_from_opening(
    wired: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired.add("chunk")
    states = wired.catalog.states(TEAM, ["chunk"])
    wanted = SymbolSetRef("chunk", "javascript")
    wired.database.away = True
    opened = wired.catalog.load(TEAM, [wanted], states)[wanted]
    assert opened.lookup(0, 4).source == "src/app.ts"
    with pytest.raises(Unavailable):
        wired.new_catalog().states(TEAM, ["chunk"])
