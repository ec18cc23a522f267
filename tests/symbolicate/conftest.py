"""The floors below the services, wired over stubs that a test can break, and the demo's report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from sqlalchemy import Connection

from symbolicate.answers import Answers
from symbolicate.cache.disk import DiskCache
from symbolicate.catalog import Catalog
from symbolicate.compiled_sets import CompiledSets
from symbolicate.database.engine import Database
from symbolicate.demo.recording import read_recording
from symbolicate.demo.replay import Report
from symbolicate.errors import DatabaseUnavailable, ObjectStoreUnavailable
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.frame import StoredFrame
from symbolicate.frame_store import FrameStore
from symbolicate.isolation.pool import CompilerPool
from symbolicate.leases import Leases
from symbolicate.metrics import NullMetrics
from symbolicate.objects.memory import MemoryStore
from symbolicate.outcome import Outcome
from symbolicate.pipeline.accounts import Accounts
from symbolicate.pipeline.admission import Defaults
from symbolicate.pipeline.process import Processor
from symbolicate.raw_frame import Submission, read_raw_frame
from symbolicate.resolver import Resolver
from symbolicate.services.releases import Releases
from symbolicate.services.symbol_sets import SymbolSets
from symbolicate.services.teams import Teams
from symbolicate.services.uploads import Uploads
from symbolicate.set_opener import SetOpener
from symbolicate.symbolicator import Symbolicator

Json = dict[str, Any]

TEAM = 1


class TurnedClock:
    """A wall clock and a monotonic one that go on only when a test turns them."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.seconds = 1000.0

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.seconds

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


class WatchedStore(MemoryStore):
    """Counts fetches, can be away, can answer damaged bytes, and lets a test act before one."""

    def __init__(self) -> None:
        super().__init__(b"secret")
        self.gets: list[str] = []
        self.away = False
        self.before_get: Callable[[], None] | None = None
        self.damaged_reads = 0

    def get(self, key: str, *, limit: int) -> bytes:
        self.gets.append(key)
        if self.before_get is not None:
            self.before_get()
        if self.away:
            raise ObjectStoreUnavailable("the store is away")
        data = super().get(key, limit=limit)
        if self.damaged_reads:
            self.damaged_reads -= 1
            return data[:-1] + bytes([data[-1] ^ 1])
        return data


class WatchedDatabase(Database):
    """Counts transactions, can be away, and lets a test act just before one that writes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.away = False
        self.reads = self.writes = 0
        self.before_write: Callable[[], None] | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.reads += 1
        self._refuse()
        with super().read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.writes += 1
        self._refuse()
        hook, self.before_write = self.before_write, None
        if hook is not None:
            hook()
        with super().write() as connection:
            yield connection

    def _refuse(self) -> None:
        if self.away:
            raise DatabaseUnavailable("the database is away")


@dataclass
class Wired:
    """Floors 3 to 5 over one database and one store, and the uploads that feed them."""

    database: WatchedDatabase
    folder: Path
    pool: CompilerPool
    objects: WatchedStore = field(default_factory=WatchedStore)
    clock: TurnedClock = field(default_factory=TurnedClock)
    symbol_cache_bytes: int = 10_000_000
    defaults: Defaults = field(default_factory=Defaults)
    notices: list[Json] = field(default_factory=list)
    leases: list[Leases] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock, metrics = self.clock, NullMetrics()
        self.catalog = self.new_catalog()
        self.store = self.new_store()
        self.resolver = Resolver(self.catalog, clock)
        self.answers = Answers(
            self.store, self.resolver, self.catalog, clock=clock, metrics=metrics
        )
        self.teams = Teams(self.database, clock)
        sets = SymbolSets(self.database, self.objects, self.catalog, self.store)
        self.releases = Releases(self.database, self.catalog, sets, clock)
        accounts = Accounts(self.database, self.defaults, clock=clock, metrics=metrics)
        self.processor = Processor(
            self.answers,
            self.releases.of_event,
            accounts,
            metrics,
            self.teams.ensure,
            self.notices.append,
        )
        self.uploads = self.new_uploads(self.catalog)

    def new_catalog(self) -> Catalog:
        """Opens a second catalog over the same parts, as another process would."""
        compiled = CompiledSets(self.objects, self.new_disk(), self.pool)
        return Catalog(
            self.database,
            SetOpener(self.database, compiled, self.new_leases(), clock=self.clock),
            clock=self.clock,
            metrics=NullMetrics(),
            symbol_cache_bytes=self.symbol_cache_bytes,
            monotonic=self.clock.monotonic,
        )

    def new_leases(self) -> Leases:
        """Takes leases as another process does; they are closed at the end."""
        leases = Leases(self.database, self.clock)
        self.leases.append(leases)
        return leases

    def new_disk(self) -> DiskCache:
        """Opens an empty directory of compiled files, as another machine has it."""
        return DiskCache(Path(mkdtemp(dir=self.folder)), 1 << 30)

    def new_uploads(self, catalog: Catalog) -> Uploads:
        return Uploads(
            self.database,
            self.objects,
            catalog,
            clock=self.clock,
            metrics=NullMetrics(),
            finished=lambda: None,
        )

    def new_store(self) -> FrameStore:
        """Opens a second frame store, whose memory is empty."""
        return FrameStore(
            self.database,
            clock=self.clock,
            cache_bytes=10_000_000,
            monotonic=self.clock.monotonic,
        )

    def add(self, ref: str, label: str = "app", *, team: int = TEAM, **options: Any) -> None:
        """Uploads a set whose every answer names `src/<label>.ts`."""
        self.uploads.put(team, ref, script(label), **options)

    def add_elsewhere(self, ref: str, label: str) -> None:
        """Uploads a set as another process would: nobody here is told."""
        self.new_uploads(self.new_catalog()).put(TEAM, ref, script(label))

    def add_bytes(self, ref: str, data: bytes, *, team: int = TEAM) -> None:
        self.uploads.put(team, ref, data)

    def begin_upload(self, ref: str, *, team: int = TEAM) -> None:
        """Starts an upload and leaves it unfinished."""
        item = {"chunk_id": ref, "content_hash": "pending"}
        self.uploads.start(team, {"symbol_sets": [item], "force": True})

    def storage_key(self, ref: str, *, team: int = TEAM) -> str:
        key = self.new_catalog().states(team, [ref])[ref].storage_key
        assert key is not None
        return key

    def process(self, *events: Any, team: int = TEAM) -> list[Outcome]:
        return self.processor.process(team, events)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]


def script(label: str) -> bytes:
    """Makes a container whose map sends line 1 of the bundle to line 3 of `src/<label>.ts`."""
    text = f"// {label}\nexport class Cart {{\n  total() {{ return 1 }}\n}}\n"
    source_map = {
        "version": 3,
        "sources": [f"src/{label}.ts"],
        "sourcesContent": [text],
        "names": [],
        "mappings": "AAEa",
    }
    return container(json.dumps(source_map).encode())


def container(source_map: bytes) -> bytes:
    return write_container(
        ContainerType.SOURCE_AND_MAP, source=b"a()", map=source_map, compress=False
    )


def web(chunk_id: str | None = "chunk", **fields: Any) -> Json:
    """Makes a browser's frame that the map of `script` explains."""
    frame = {
        "platform": "web:javascript",
        "function": "t",
        "filename": "https://shop.test/app.js",
        "lineno": 1,
        "colno": 5,
        "chunk_id": chunk_id,
    }
    return {k: v for k, v in {**frame, **fields}.items() if v is not None}


def event(*frames: Any, **properties: Any) -> Json:
    """Makes an `$exception` event of one raw stack."""
    exception = {
        "type": "TypeError",
        "value": "boom",
        "stacktrace": {"type": "raw", "frames": list(frames)},
    }
    return {
        "uuid": "0192f0c1-7b1e-7cc4-8d34-1f6f0a4f3c11",
        "event": "$exception",
        "team_id": TEAM,
        "timestamp": "2026-01-01T00:00:00Z",
        "properties": {"$exception_list": [exception], **properties},
    }


def submissions(*frames: Any) -> list[Submission]:
    return [read_raw_frame(frame) for frame in frames]


class Made:
    """What tests make their input of."""

    TEAM = TEAM
    script = staticmethod(script)
    container = staticmethod(container)
    web = staticmethod(web)
    event = staticmethod(event)
    submissions = staticmethod(submissions)


@pytest.fixture
def make() -> type[Made]:
    return Made


@pytest.fixture
def wire(compilers: CompilerPool, tmp_path: Path) -> Iterator[Callable[..., Wired]]:
    """Gives a function that wires the floors over a database."""
    opened: list[Wired] = []

    def build(url: str, **options: Any) -> Wired:
        opened.append(Wired(WatchedDatabase(url), tmp_path, compilers, **options))
        return opened[-1]

    yield build
    for wired in opened:
        for leases in wired.leases:
            leases.close()
        wired.database.close()


@pytest.fixture
def wired(wire: Callable[..., Wired], sqlite_url: str) -> Wired:
    return wire(sqlite_url)


@pytest.fixture
def wired_on_each(wire: Callable[..., Wired], database_url: str) -> Wired:
    """Runs a test on SQLite and on PostgreSQL."""
    return wire(database_url)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Makes the demo's report by the library alone, without a server."""
    recording = read_recording()
    with Symbolicator.open(tmp_path_factory.mktemp("library")) as symbolicator:
        release = symbolicator.create_release(1, project="shop", version="1.2.3")
        for entry in recording.symbol_sets.values():
            if entry.source is not None:
                release_id = release.id if entry.release else None
                symbolicator.add_symbol_set(
                    1, entry.chunk_id, entry.container(), release_id=release_id
                )
        for request in recording.requests:
            symbolicator.process(1, request["body"]["batch"])
        stored = symbolicator.batch_get(1, recording.raw_ids())
    return Report(recording, {frame.raw_id: item_of(frame) for frame in stored})


def item_of(frame: StoredFrame) -> dict[str, Any]:
    release = frame.release and frame.release.to_wire()
    facts = {"raw_id": frame.raw_id, "contents": frame.contents, "context": frame.context}
    return {**facts, "resolved": frame.resolved, "release": release}
