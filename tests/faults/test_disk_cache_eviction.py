"""F11: compiled files are evicted while others find, open and map them."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.cache.disk import DiskCache
from symbolicate.formats.jsmc import MAPPED_FROM

if TYPE_CHECKING:
    from tests.faults.conftest import Deployment

SETS = 6
THREADS = 4
ROOM = 2.5
"""How many compiled files the directory has room for."""


@pytest.fixture
def evicted_in_between(monkeypatch: pytest.MonkeyPatch, seed: int) -> Iterator[Counter[str]]:
    """Lets another process evict a file just after it was found and before it is opened.

    That happens by itself, but in too few of the runs to rely on it: here to every fifth file.
    """
    find, dice, evicted = DiskCache.find, random.Random(seed), Counter[str]()

    def find_and_lose(self: DiskCache, name: str) -> Path | None:
        path = find(self, name)
        if path is not None and dice.random() < 0.2:
            path.unlink(missing_ok=True)
            evicted[name] += 1
        return path

    monkeypatch.setattr(DiskCache, "find", find_and_lose)
    yield evicted
    assert len(evicted) > SETS // 2


def hammer(symbolicator: Any, make: Any, until: float, dice: random.Random) -> int:
    """Resolves frames of sets at random; gives how many."""
    done = 0
    while time.monotonic() < until:
        name = f"set-{dice.randrange(SETS)}"
        assert make.seen(symbolicator, name) == make.source(name)
        done += 1
    return done


def test_f11_files_that_vanish_between_the_look_and_the_open_are_no_error(
    local: Deployment,
    make: Any,
    seed: int,
    amount: Callable[[float, float], float],
    evicted_in_between: Counter[str],
    caplog: Any,
) -> None:
    writer = local.open()
    noise = random.Random(seed)
    for number in range(SETS):
        # Half of them large enough to be mapped, and not to be packed to nothing.
        size = MAPPED_FROM if number % 2 else 1000
        padding = noise.randbytes(size).hex()
        name = f"set-{number}"
        writer.add_symbol_set(make.TEAM, name, make.bundle(name, padding=padding))
        assert make.seen(writer, name) == make.source(name)
    kept = list(Path(writer.settings.cache_dir).glob("*.kept"))
    sizes = [path.stat().st_size for path in kept]
    assert len([size for size in sizes if size > MAPPED_FROM]) == SETS // 2
    shared, budget = local.folder / "shared", int(ROOM * max(sizes))
    settings = [
        local.settings(cache_dir=str(shared), disk_cache_bytes=budget, symbol_cache_bytes=1)
        for _ in range(2)
    ]
    processes = [local.open(one) for one in settings]
    until = time.monotonic() + amount(2.0, 60.0)
    with ThreadPoolExecutor(THREADS) as pool:
        runs = [
            pool.submit(hammer, processes[at % 2], make, until, random.Random(seed + at))
            for at in range(THREADS)
        ]
        done = [run.result() for run in runs]
    assert sum(done) > evicted_in_between.total()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    left = sum(path.stat().st_size for path in shared.glob("*.kept"))
    assert left <= 2 * budget
