"""A ready `Symbolicator` over real stores, with a clock that tests move and tiny source maps."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import insert, select, update

from symbolicate.config import from_env
from symbolicate.database import frame_listing, pending_uploads, tables
from symbolicate.database.engine import Database
from symbolicate.database.pending_uploads import UploadRow
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.frame import StoredFrame
from symbolicate.metrics import NullMetrics
from symbolicate.objects.signing import UPLOADS_PATH
from symbolicate.objects.store import ObjectStore
from symbolicate.services.recommendations import Recommendation
from symbolicate.services.reconcile import Reconciler
from symbolicate.services.retention import Ages, Retention
from symbolicate.services.uploads import StartedUpload
from symbolicate.symbolicator import Symbolicator

START = datetime(2026, 1, 1, tzinfo=UTC)
STORES = {
    "sqlite+directory": ("sqlite_url", "directory"),
    "postgresql+s3": ("postgres_url", "s3_url"),
    "sqlite+s3": ("sqlite_url", "s3_url"),
    "postgresql+directory": ("postgres_url", "directory"),
}
AGES = Ages(days=30, delete_unused=True, frame_days=0)
SOON = 10.0
URLS = {"directory": "", "memory": "memory://"}


@dataclass
class MovableClock:
    """A wall clock that stands still until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def bundle(name: str) -> bytes:
    """Makes a container whose map says of all of line 1 that it is line 1 of `src/<name>.ts`."""
    written = {
        "version": 3,
        "sources": [f"src/{name}.ts"],
        "sourcesContent": [f"the line of {name}"],
        "names": [],
        "mappings": "AAAA",
    }
    return write_container(
        ContainerType.SOURCE_AND_MAP, source=b"x()", map=json.dumps(written).encode()
    )


def web(chunk_id: str | None, colno: int = 1, lineno: int = 1) -> dict[str, Any]:
    """Makes a browser's frame; every column gives another raw id, and line 2 is not mapped."""
    return {
        "platform": "web:javascript",
        "function": "f",
        "filename": "https://x.test/main.js",
        "lineno": lineno,
        "colno": colno,
        "chunk_id": chunk_id,
    }


def node(chunk_id: str, colno: int = 1) -> dict[str, Any]:
    """Makes a frame of Node.js, with the minified lines that its SDK reads."""
    return web(chunk_id, colno) | {"platform": "node:javascript", "context_line": "x()"}


@dataclass
class Bench:
    """What most tests do with a `Symbolicator`, in one word each."""

    symbolicator: Symbolicator
    clock: MovableClock
    database: Database
    objects: ObjectStore

    def start(self, ref: str, team: int = 1, **item: Any) -> StartedUpload:
        """Opens the upload of one set, over what is there."""
        body = {"symbol_sets": [{"chunk_id": ref, "content_hash": "token", **item}], "force": True}
        return self.symbolicator.uploads.start(team, body)[ref]

    def send(self, started: StartedUpload, data: bytes) -> int:
        """Sends the bytes as a client does and gives the status; our own URLs without HTTP."""
        if not started.url.startswith("/"):
            files = {"file": ("bundle", data)}
            return httpx.post(started.url, data=started.fields, files=files).status_code
        parts = urlsplit(started.url)
        key = parts.path.removeprefix(UPLOADS_PATH)
        grant = self.symbolicator.uploads.grant("POST", key, dict(parse_qsl(parts.query)))
        with self.symbolicator.uploads.receive(grant) as incoming:
            incoming.write(data)
        return 204

    def finish(self, started: StartedUpload, team: int = 1, token: str = "token") -> None:
        self.symbolicator.uploads.finish(team, {str(started.symbol_set_id): token})

    def upload(self, ref: str, name: str, team: int = 1, **item: Any) -> StartedUpload:
        """Uploads a bundle under a ref, replacing what is there."""
        item.setdefault("content_hash", name)
        started = self.start(ref, team, **item)
        assert self.send(started, bundle(name)) in (200, 204)
        self.finish(started, team, item["content_hash"])
        return started

    def store(self, frames: Sequence[dict[str, Any]], team: int = 1) -> list[str]:
        """Sends the frames in one event and gives their raw ids, part 0 each."""
        stack = {"type": "raw", "frames": list(frames)}
        exceptions = [{"type": "Error", "value": "x", "stacktrace": stack}]
        event = {"event": "$exception", "properties": {"$exception_list": exceptions}}
        (outcome,) = self.symbolicator.process(team, [event])
        assert outcome.event is not None, outcome.reason
        resolved = outcome.event["properties"]["$exception_list"][0]["stacktrace"]["frames"]
        return [frame["raw_id"] for frame in resolved]

    def get(self, raw_ids: Sequence[str], team: int = 1) -> list[StoredFrame]:
        return self.symbolicator.batch_get(team, raw_ids)

    def sources(self, raw_ids: Sequence[str], team: int = 1) -> list[str | None]:
        """Tells in which original file each frame lies; None where that is not known."""
        found = self.get(raw_ids, team)
        assert [frame.raw_id for frame in found] == list(raw_ids)
        return [frame.contents["source"] if frame.context else None for frame in found]

    def serving(self, ref: str, team: int = 1) -> str | None:
        """Tells which bundle answers frames of a ref now, asking past every stored frame."""
        ((frame,),) = self.symbolicator.resolve(team, [web(ref)])
        return frame.contents["source"] if frame.context else frame.failure_code

    def row(self, ref: str, team: int = 1) -> UploadRow | None:
        with self.database.read() as connection:
            return pending_uploads.lock_by_ref(connection, team, [ref]).get(ref)

    def listed(self, prefix: str = "") -> list[str]:
        """Gives the keys of uploads and sets, without what was compiled from them."""
        keys = (found.key for found in self.objects.list(prefix))
        return sorted(key for key in keys if "/compiled/" not in key)

    def refs(self) -> list[str]:
        """Gives the refs of every team's sets."""
        with self.database.read() as connection:
            return sorted(connection.execute(select(tables.symbol_set.c.ref)).scalars())

    def stored(self, team: int = 1) -> dict[str, tuple[Any, Any]]:
        """Gives (failure or original file, time) of each stored frame as is, repairing nothing."""
        with self.database.read() as connection:
            rows = frame_listing.newest(connection, team, limit=1000)
        return {
            f"{row.raw_id.hex()}/{row.part}": (
                row.failure_code or str(json.loads(row.contents)["source"]),
                row.created_at,
            )
            for row in rows
        }

    def age(self, ref: str, used: float | None, made: float = 45, team: int = 1) -> None:
        """Puts a set that many days into the past: when it was used, and made and uploaded."""

        def ago(days: float | None) -> Any:
            return None if days is None else self.clock.now - timedelta(days=days)

        times = {"last_used": ago(used), "created_at": ago(made), "finished_at": ago(made)}
        with self.database.write() as connection:
            connection.execute(
                update(tables.symbol_set)
                .where(tables.symbol_set.c.team_id == team, tables.symbol_set.c.ref == ref)
                .values(**times)
            )

    def upload_old(self, *names: str, team: int = 1) -> None:
        """Uploads sets that were last used 31 days ago."""
        for name in names:
            self.upload(name, name, team)
            self.age(name, used=31, team=team)

    def add_ancient(self) -> None:
        """Stores a spike and an event that no run of the retention keeps."""
        then = self.clock.now - timedelta(days=31)
        spike = {"computed_baseline": 1.0, "current_bucket_value": 1, "detected_at": then}
        event = {"event_id": bytes(32), "verdict": "ok", "finished_at": then}
        common = {"team_id": 1, "issue_id": uuid.UUID(int=1)}
        with self.database.write() as connection:
            made = {"id": uuid.uuid4(), **common, **spike}
            connection.execute(insert(tables.spike_event).values(**made))
            connection.execute(insert(tables.processed_event).values(**common, **event))

    def retention(self, ages: Ages = AGES, metrics: NullMetrics | None = None) -> Retention:
        """Makes a retention of other ages or metrics than the `Symbolicator` has."""
        frames = self.symbolicator.stored_frames
        return Retention(
            self.database,
            self.objects,
            frames._catalog,
            frames._store,
            ages,
            clock=self.clock,
            metrics=metrics or NullMetrics(),
            pause=lambda _seconds: None,
        )

    def recommended(self, team: int = 1, *, poll: bool = False) -> dict[str, Recommendation]:
        """Lists, waits until nothing is computed, and gives what a poll shows then."""
        service = self.symbolicator.recommendations
        service.page(team, poll=poll, limit=100, offset=0)
        service.join(SOON)
        return self.recommendations(team)

    def recommendations(self, team: int = 1) -> dict[str, Recommendation]:
        """Gives by type what a poll shows now."""
        found = self.symbolicator.recommendations.page(team, poll=True, limit=100, offset=0)[1]
        return {one.row.type: one for one in found}


def open_bench(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    database, objects = STORES.get(name) or (name, "memory")
    url = URLS[objects] if objects in URLS else request.getfixturevalue(objects)
    settings = from_env(
        {},
        data_dir=str(tmp_path),
        database_url=request.getfixturevalue(database),
        objects_url=url,
    )
    clock = MovableClock()
    with Symbolicator(settings=settings, clock=clock) as symbolicator:
        yield Bench(symbolicator, clock, symbolicator._database, symbolicator._objects)


@pytest.fixture(params=["sqlite+directory", "postgresql+s3"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Gives a `Symbolicator` over each database and each store once."""
    yield from open_bench(request.param, request, tmp_path)


@pytest.fixture(params=STORES)
def any_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Gives a `Symbolicator` over every pair of database and store."""
    yield from open_bench(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def light_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Gives a `Symbolicator` over each database, its objects in memory."""
    yield from open_bench(request.param, request, tmp_path)


@pytest.fixture
def reconciler(bench: Bench) -> Reconciler:
    return bench.symbolicator.reconciler


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def make_bundle() -> Any:
    return bundle


@pytest.fixture
def make_web() -> Any:
    return web


@pytest.fixture
def make_node() -> Any:
    return node
