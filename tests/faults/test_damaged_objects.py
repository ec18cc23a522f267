"""F6: stored objects that are truncated, flipped or swapped are found out, and never believed."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.cache.disk import DiskCache
from symbolicate.compiled_sets import COMPILERS, CompiledSets, compiled_key
from symbolicate.errors import CorruptObject
from symbolicate.formats.source_map import SourceMap
from symbolicate.identity import uuid7
from symbolicate.isolation.pool import CompilerPool
from symbolicate.objects.memory import MemoryStore
from symbolicate.release import SymbolSet

if TYPE_CHECKING:
    from tests.faults.conftest import Deployment
    from tests.faults.fault_proxy import FaultProxy

TEAM = 1
ORIGINAL = "1/symbolsets/a"
KIND = "javascript"


def flipped(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def truncated(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def zeroed(data: bytes, dice: random.Random) -> bytes:
    """Keeps the beginning and the length, as files of crashed machines do."""
    place = dice.randrange(len(data) - 1)
    return data[:place] + bytes(len(data) - place)


DAMAGES = [flipped, truncated, zeroed]
Damage = Callable[[bytes, random.Random], bytes]


class Kept:
    """One set in a store that can be damaged, opened each time by a machine with an empty disk."""

    def __init__(self, make: Any, folder: Path, compilers: CompilerPool) -> None:
        self.store = MemoryStore(b"secret")
        self.folder = folder
        self.compiles = 0
        self._compilers = compilers
        self.data = make.bundle("app")
        self.store.put(ORIGINAL, self.data)
        digest = hashlib.blake2b(self.data, digest_size=32).digest()
        self.state = SymbolSet(
            id=uuid7(),
            ref="chunk",
            storage_key=ORIGINAL,
            data_hash=digest,
            pending=False,
            compiled=True,
            failure=None,
            failed_as=None,
            last_used=None,
            release=None,
        )
        self.compiled_key = compiled_key(TEAM, self.state.id, digest, COMPILERS[KIND].version)

    def run(self, task: str, source: Path, target: Path) -> Any:
        self.compiles += 1
        return self._compilers.run(task, source, target)

    def machine(self) -> CompiledSets:
        disk = DiskCache(Path(mkdtemp(dir=self.folder)), 1 << 20)
        return CompiledSets(self.store, disk, self)  # type: ignore[arg-type]

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
def kept(make: Any, tmp_path: Path, compilers: CompilerPool) -> Kept:
    folder = tmp_path / "machines"
    folder.mkdir()
    return Kept(make, folder, compilers)


def answer(symbols: Any) -> str:
    assert isinstance(symbols, SourceMap)
    token = symbols.lookup(0, 0)
    assert token is not None
    return str(token.source)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_f6_a_damaged_original_never_reaches_a_compiler(
    kept: Kept, seed: int, damage: Damage, amount: Callable[[int, int], int]
) -> None:
    dice = random.Random(seed)
    machine = kept.machine()
    for _ in range(amount(100, 10_000)):
        damaged = damage(kept.data, dice)
        if damaged == kept.data:
            continue
        kept.store.put(ORIGINAL, damaged)
        with pytest.raises(CorruptObject):
            machine.compile(TEAM, KIND, kept.state)
    assert kept.compiles == 0
    assert kept.files() == []
    kept.store.put(ORIGINAL, kept.data)
    assert answer(machine.compile(TEAM, KIND, kept.state).symbols) == "src/app.ts"


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_f6_a_damaged_compiled_object_is_refused_or_right(
    kept: Kept, seed: int, damage: Damage, amount: Callable[[int, int], int]
) -> None:
    dice = random.Random(seed)
    kept.machine().compile(TEAM, KIND, kept.state)
    whole = kept.store.get(kept.compiled_key, limit=1 << 20)
    refused = 0
    for _ in range(amount(100, 10_000)):
        kept.store.put(kept.compiled_key, damage(whole, dice))
        opened = kept.machine().find(TEAM, KIND, kept.state)
        refused += opened is None
        assert opened is None or answer(opened) == "src/app.ts"
    assert refused > 0
    kept.store.put(kept.compiled_key, whole)
    assert answer(kept.machine().find(TEAM, KIND, kept.state)) == "src/app.ts"


def test_f6_a_swapped_object_is_not_taken_for_the_set_under_whose_name_it_lies(
    local: Deployment, make: Any
) -> None:
    writer = local.open()
    for name in ("one", "two"):
        writer.add_symbol_set(make.TEAM, name, make.bundle(name))
    paths = {
        ref: local.object_path(key)
        for ref, key in local.rows("SELECT ref, storage_key FROM symbol_set")
    }
    one, two = paths["one"].read_bytes(), paths["two"].read_bytes()
    paths["one"].write_bytes(two)
    paths["two"].write_bytes(one)
    reader = local.open()
    assert [make.seen(reader, name) for name in ("one", "two")] == ["corrupt_object"] * 2
    paths["one"].write_bytes(one)
    paths["two"].write_bytes(two)
    for name in ("one", "two"):
        assert make.seen(reader, name) == make.source(name)


def test_f6_a_compiled_object_of_another_set_is_compiled_anew(local: Deployment, make: Any) -> None:
    writer = local.open()
    for name in ("one", "two"):
        writer.add_symbol_set(make.TEAM, name, make.bundle(name))
        assert make.seen(writer, name) == make.source(name)
    first, second = (local.object_path(key) for key in local.keys("1/compiled/"))
    first.write_bytes(second.read_bytes())
    reader = local.open()
    for name in ("one", "two"):
        assert make.seen(reader, name) == make.source(name)


def test_f6_a_damaged_object_condemns_nothing_and_is_asked_for_again(
    local: Deployment, make: Any
) -> None:
    writer, reader = local.open(), local.open()
    writer.add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    ((key,),) = local.rows("SELECT storage_key FROM symbol_set")
    path = local.object_path(key)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    event = make.event([make.web("chunk")], uuid=str(uuid.uuid4()))
    (one,) = reader.process(make.TEAM, [event])
    assert one.event is not None
    frame = one.event["properties"]["$exception_list"][0]["stacktrace"]["frames"][0]
    assert frame["failure_code"] == "corrupt_object"
    assert local.rows("SELECT failure_code, compiled_at FROM symbol_set") == [(None, None)]
    assert list(Path(reader.settings.cache_dir).iterdir()) == []
    path.write_bytes(whole)
    (stored,) = reader.batch_get(make.TEAM, [frame["raw_id"]])
    assert stored.contents["source"] == make.source("app")


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_f6_bytes_that_are_damaged_on_their_way_are_never_a_wrong_frame(
    proxied: Deployment,
    proxy: FaultProxy,
    make: Any,
    share: float,
    amount: Callable[[int, int], int],
) -> None:
    writer = proxied.open()
    seen = []
    for number in range(amount(6, 100)):
        ref = f"chunk-{number}"
        proxy.change()
        writer.add_symbol_set(make.TEAM, ref, make.bundle(ref))
        proxy.change(flips=share, methods=frozenset({"GET"}))
        first = make.seen(writer, ref)
        assert proxy.done["flip"] <= proxy.count("GET")
        assert first == ("corrupt_object" if proxy.done["flip"] == 2 else make.source(ref))
        seen.append(first)
    assert ("corrupt_object" in seen) or share < 1
    proxy.change()
    for number in range(len(seen)):
        assert make.seen(writer, f"chunk-{number}", 2) == make.source(f"chunk-{number}")
