"""The opener of sets: one compile in the whole deployment, whoever asks and whoever dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from symbolicate.compiled_sets import COMPILERS, CompiledSets
from symbolicate.errors import FormatError
from symbolicate.leases import LEASE_SECONDS, Leases
from symbolicate.outcome import Failure
from symbolicate.release import SymbolSet
from symbolicate.set_opener import TURN_ASKED_EVERY, SetOpener

TEAM = 1
WAIT_SECONDS = 30


class Process:
    """One process: its own disk, its own leases, and a note of what it compiled and fetched."""

    def __init__(self, wired: Any, **waiting: Any) -> None:
        self._wired = wired
        self.compiles = 0
        self.before_compile: Callable[[], None] = lambda: None
        self.leases: Leases = wired.new_leases()
        compiled = CompiledSets(wired.objects, wired.new_disk(), self)  # type: ignore[arg-type]
        self.opener = SetOpener(wired.database, compiled, self.leases, clock=wired.clock, **waiting)

    def run(self, task: str, source: Path, target: Path) -> Any:
        self.compiles += 1
        self.before_compile()
        return self._wired.pool.run(task, source, target)

    def state(self, ref: str = "chunk") -> SymbolSet:
        found: SymbolSet = self._wired.new_catalog().states(TEAM, [ref])[ref]
        return found

    def open(self, state: SymbolSet) -> Any:
        return self.opener.open(TEAM, "javascript", state)


def source(opened: Any) -> str | None:
    assert not isinstance(opened, Failure), opened
    token = opened.lookup(0, 4)
    return None if token is None else str(token.source)


def fetched(wired: Any, prefix: str) -> int:
    return sum(key.startswith(f"{TEAM}/{prefix}/") for key in wired.objects.gets)


def test_many_processes_that_miss_at_once_compile_once_and_fetch_once_each(
    wired_on_each: Any,
) -> None:
    wired = wired_on_each
    wired.add("chunk")
    processes = [Process(wired) for _ in range(4)]
    state = processes[0].state()
    wired.objects.gets.clear()
    start = threading.Barrier(len(processes))

    def miss(process: Process) -> str | None:
        start.wait(WAIT_SECONDS)
        return source(process.open(state))

    with ThreadPoolExecutor(len(processes)) as pool:
        answers = list(pool.map(miss, processes))
    assert answers == ["src/app.ts"] * 4
    assert sum(process.compiles for process in processes) == 1
    assert fetched(wired, "symbolsets") == 1
    assert fetched(wired, "compiled") == 3


def test_what_cannot_be_read_is_found_out_once(wired: Any, make: Any) -> None:
    wired.add_bytes("chunk", make.container(b"not JSON"))
    first, second = Process(wired), Process(wired)
    state = first.state()
    failure = first.open(state)
    assert isinstance(failure, Failure)
    assert failure.code == "malformed"
    assert second.open(state) == failure
    assert (first.compiles, second.compiles) == (1, 0)
    assert second.state().failed_as == COMPILERS["javascript"].version


def test_who_waits_follows_a_leader_that_dies(wired: Any) -> None:
    wired.add("chunk")
    dead = wired.new_leases()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        wired.clock.turn(seconds)

    heir = Process(wired, sleep=sleep, monotonic=lambda: sum(waits))
    state = heir.state()
    name = f"compile:{state.id}:{state.data_hash.hex() if state.data_hash else ''}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("symbolicate.leases.RENEWED_EVERY", 3600.0)
        with dead.held(TEAM, name) as lease:
            assert lease is not None
            assert source(heir.open(state)) == "src/app.ts"
    assert LEASE_SECONDS <= sum(waits) <= LEASE_SECONDS + TURN_ASKED_EVERY + max(waits)


def test_who_waits_has_the_answer_within_a_fiftieth_of_the_compile_and_asks_for_few_turns(
    wired: Any,
) -> None:
    wired.add("chunk")
    leader, waits, turns = Process(wired), [0.0], 0

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 200:
            compiling.__exit__(None, None, None)
            assert source(leader.open(state)) == "src/app.ts"

    follower = Process(wired, sleep=sleep, monotonic=lambda: sum(waits))
    held = follower.leases.held

    def counted(*names: Any) -> Any:
        nonlocal turns
        turns += 1
        return held(*names)

    state = follower.state()
    name = f"compile:{state.id}:{state.data_hash.hex() if state.data_hash else ''}"
    compiling = leader.leases.held(TEAM, name)
    assert compiling.__enter__() is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follower.leases, "held", counted)
        assert source(follower.open(state)) == "src/app.ts"
    assert (len(waits), follower.compiles) == (200, 0)
    assert 0.02 <= waits[-1] <= sum(waits) / 50
    assert turns <= sum(waits) / TURN_ASKED_EVERY + 1


def test_a_leader_that_fails_to_reach_the_store_leaves_the_turn_to_another(wired: Any) -> None:
    wired.add("chunk")
    first, second = Process(wired), Process(wired)
    state = first.state()
    wired.objects.away = True
    with pytest.raises(Exception, match="away"):
        first.open(state)
    wired.objects.away = False
    assert source(second.open(state)) == "src/app.ts"


def test_a_leader_that_was_stopped_too_long_writes_nothing_down(wired: Any) -> None:
    wired.add("chunk")
    late = Process(wired)
    state = late.state()
    other = wired.new_leases()
    name = f"compile:{state.id}:{state.data_hash.hex() if state.data_hash else ''}"

    def stopped() -> None:
        wired.clock.turn(LEASE_SECONDS)
        with other.held(TEAM, name) as taken:
            assert taken is not None

    late.before_compile = stopped
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("symbolicate.leases.RENEWED_EVERY", 3600.0)
        assert source(late.open(state)) == "src/app.ts"
    assert not late.state().compiled


def test_without_a_database_each_compiles_for_itself(wired: Any) -> None:
    wired.add("chunk")
    process = Process(wired)
    state = process.state()
    wired.database.away = True
    assert source(process.open(state)) == "src/app.ts"
    wired.database.away = False
    assert not process.state().compiled


def test_bytes_that_were_replaced_meanwhile_are_compiled_as_they_were(wired: Any) -> None:
    wired.add("chunk")
    process = Process(wired)
    state = process.state()
    key = wired.storage_key("chunk")
    kept = wired.objects.get(key, limit=1 << 20)
    wired.add("chunk", "newer")
    wired.objects.put(key, kept)
    assert source(process.open(state)) == "src/app.ts"
    assert not process.state().compiled


def test_a_format_error_is_never_raised_to_the_caller(wired: Any, make: Any) -> None:
    wired.add_bytes("chunk", make.container(b"[]"))
    process = Process(wired)
    try:
        opened = process.open(process.state())
    except FormatError:
        pytest.fail("the failure is a value")
    assert isinstance(opened, Failure)
    assert opened.sentence.startswith(COMPILERS["javascript"].content)
