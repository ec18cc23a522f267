"""Compiled symbol sets: local disk over object storage over a compile in a child process.

A set is compiled once and looked up for ever: the compiled file lies beside the original in object
storage, and every process maps it from a local directory that is held to a byte budget.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from symbolicate.cache.disk import DiskCache
from symbolicate.errors import (
    CorruptCache,
    CorruptObject,
    FormatError,
    ObjectMissing,
    SymbolicateError,
)
from symbolicate.formats import zstd
from symbolicate.formats.source_map import SourceMap
from symbolicate.isolation.pool import CompilerPool
from symbolicate.objects.store import ObjectStore
from symbolicate.release import SymbolSet

MAX_OBJECT_BYTES = 104_857_600
MAX_COMPILED_BYTES = 1 << 31
LOGGED_BYTES = 5_000_000

_log = logging.getLogger("symbolicate.compiled_sets")


class Symbols(Protocol):
    """An opened symbol set; what it can answer depends on its kind."""

    @property
    def byte_size(self) -> int:
        """Resident memory, for the cache that keeps it open."""
        ...


class Compiler(NamedTuple):
    """How sets of one kind are compiled and opened; a new `version` compiles them all again.

    `container` and `content` begin the sentences about a container or a file that cannot be read.
    """

    version: str
    task: str
    open: Callable[..., Symbols]
    container: str
    content: str


COMPILERS = {
    "javascript": Compiler(
        "js1",
        "symbolicate.formats.js_compile:compile_javascript",
        SourceMap.open,
        "JSDataError: ",
        "Invalid source map: ",
    ),
    "hermes": Compiler(
        "hermes1",
        "symbolicate.formats.js_compile:compile_hermes",
        SourceMap.open,
        "Data error: ",
        "Invalid map: ",
    ),
}


class Compiled(NamedTuple):
    """A set that was compiled and opened, and whether object storage has its compiled form now."""

    symbols: Symbols
    shared: bool


def compiled_key(team_id: int, set_id: uuid.UUID, data_hash: bytes, version: str) -> str:
    """Names the object that holds a generation of a set as one compiler version made it."""
    return f"{team_id}/compiled/{set_id}/{data_hash.hex()}-{version}"


def _file_name(team_id: int, state: SymbolSet, compiler: Compiler) -> str:
    assert state.data_hash is not None
    return f"{team_id}-{state.id.hex}-{state.data_hash.hex()}-{compiler.version}"


class CompiledSets:
    """Opens sets in their compiled form, making it where it is missing; thread-safe."""

    def __init__(self, objects: ObjectStore, disk: DiskCache, pool: CompilerPool) -> None:
        self._objects = objects
        self._disk = disk
        self._pool = pool

    def find(self, team_id: int, kind: str, state: SymbolSet) -> Symbols | None:
        """Opens the compiled form of a usable set where it lies, None where it has to be made.

        Raises `ObjectStoreUnavailable`.
        """
        assert state.data_hash is not None
        compiler = COMPILERS[kind]
        name = _file_name(team_id, state, compiler)
        symbols = self._from_disk(compiler, name, state.data_hash)
        if symbols is None and state.compiled:
            key = compiled_key(team_id, state.id, state.data_hash, compiler.version)
            symbols = self._from_store(compiler, name, key, state.data_hash)
        return symbols

    def _from_disk(self, compiler: Compiler, name: str, data_hash: bytes) -> Symbols | None:
        path = self._disk.find(name)
        if path is None:
            return None
        try:
            return compiler.open(path, data_hash=data_hash)
        except (CorruptCache, OSError) as error:
            _log.warning("dropping a compiled file: %s", error)
            self._disk.discard(name)
            return None

    def _from_store(
        self, compiler: Compiler, name: str, key: str, data_hash: bytes
    ) -> Symbols | None:
        try:
            packed = self._objects.get(key, limit=MAX_OBJECT_BYTES)
        except (ObjectMissing, FormatError):
            return None
        scratch = self._disk.scratch()
        try:
            scratch.write_bytes(zstd.decompress(packed, limit=MAX_COMPILED_BYTES))
            opened = compiler.open(scratch, data_hash=data_hash, verify=True)
        except FormatError as error:
            _log.warning("dropping a compiled object: %s", error)
            scratch.unlink()
            return None
        self._disk.keep(name, scratch)
        return opened

    def compile(self, team_id: int, kind: str, state: SymbolSet) -> Compiled:
        """Makes the compiled form of a usable set and opens it.

        Raises `FormatError` for bytes that cannot be read, `ObjectMissing` when they are gone,
        `CorruptObject` when they differ from their hash, `ObjectStoreUnavailable`.
        """
        assert state.data_hash is not None
        compiler = COMPILERS[kind]
        key = compiled_key(team_id, state.id, state.data_hash, compiler.version)
        source, target = self._disk.scratch(), self._disk.scratch()
        try:
            data = self._original(state)
            if len(data) >= LOGGED_BYTES:
                _log.info("compiling symbol set %s of %d bytes", state.id, len(data))
            source.write_bytes(data)
            self._pool.run(compiler.task, source, target)
            symbols = compiler.open(target, data_hash=state.data_hash)
            shared = self._share(key, target)
            self._disk.keep(_file_name(team_id, state, compiler), target)
            return Compiled(symbols, shared)
        finally:
            for path in (source, target):
                path.unlink(missing_ok=True)

    def _original(self, state: SymbolSet) -> bytes:
        assert state.storage_key is not None
        for _attempt in range(2):
            data = self._objects.get(state.storage_key, limit=MAX_OBJECT_BYTES)
            if hashlib.blake2b(data, digest_size=32).digest() == state.data_hash:
                return data
        raise CorruptObject(f"the stored bytes of symbol set {state.id} differ from their hash")

    def _share(self, key: str, compiled: Path) -> bool:
        """Lays the compiled file beside the original, for other machines; they can do without."""
        packed = zstd.compress(compiled.read_bytes())
        if len(packed) > MAX_OBJECT_BYTES:
            return False
        try:
            self._objects.put(key, packed)
        except SymbolicateError as error:
            _log.warning("could not store a compiled file: %s", error)
            return False
        return True
