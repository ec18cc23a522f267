"""Stores that fail by a seed, and `Symbolicator`s over them that share nothing but the stores.

Small runs are part of the ordinary tests, by seeds that never change. With
`SYMBOLICATE_CHAOS=full` they are large, and the seeds new ones unless `SYMBOLICATE_SEED` names one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy import text

from symbolicate.clock import system_clock
from symbolicate.config import Settings, from_env
from symbolicate.database.engine import Database
from symbolicate.demo.server import DemoServer
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.objects.opening import open_store
from symbolicate.objects.store import ObjectStore
from symbolicate.symbolicator import Symbolicator

if TYPE_CHECKING:
    from tests.faults.fault_proxy import FaultProxy
    from tests.faults.programs import Client, Process

TEAM = 1
WAIT_SECONDS = 30
SECRET_KEY = "a secret key for tests"

Json = dict[str, Any]
T = TypeVar("T")


def loaded(name: str) -> Any:
    """Imports a module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


FAULT_PROXY = loaded("fault_proxy")
PROGRAMS = loaded("programs")


@pytest.fixture(scope="session")
def full() -> bool:
    """Tells whether the run is to be as large as its promise."""
    return os.environ.get("SYMBOLICATE_CHAOS") == "full"


@pytest.fixture
def amount(full: bool) -> Callable[[T, T], T]:
    """Gives the first of two amounts in a small run and the second in a full one."""
    return lambda small, large: large if full else small


@pytest.fixture
def seed(full: bool, request: pytest.FixtureRequest) -> int:
    """Gives the number that decides everything random in a test, and prints it."""
    named = os.environ.get("SYMBOLICATE_SEED")
    fixed = zlib.crc32(request.node.name.encode())
    chosen = int(named) if named else random.SystemRandom().getrandbits(32) if full else fixed
    sys.stdout.write(f"SYMBOLICATE_SEED={chosen}\n")
    return chosen


@pytest.fixture
def proxy(
    s3_server: str, seed: int, full: bool, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultProxy]:
    """Stands before the S3 server; nothing goes wrong until a test says so.

    In a small run the pauses between tries are short, because how long they are is no fault.
    """
    if not full:
        monkeypatch.setattr("symbolicate.objects.s3._BACKOFF", 0.02)
    with FAULT_PROXY.fault_proxy(s3_server, seed) as running:
        yield running


@pytest.fixture
def proxied_url(proxy: FaultProxy, s3_url: str) -> str:
    """Names an empty object store whose every request passes the proxy."""
    return f"{s3_url.partition('?')[0]}?endpoint_url={quote(proxy.url, safe='')}"


@dataclass
class Deployment:
    """One database and one object store, for any number of processes.

    Every `Symbolicator` has a data folder of its own, as on another machine.
    """

    database_url: str
    objects_url: str
    folder: Path
    stack: ExitStack
    store: ObjectStore | None = None

    def settings(self, **given: Any) -> Settings:
        """Gives the settings of another process; what it kept before is kept in no other."""
        stores = {"database_url": self.database_url, "objects_url": self.objects_url}
        own = {"data_dir": mkdtemp(dir=self.folder), "secret_key": SECRET_KEY}
        return from_env({}, **{**stores, **own, **given})

    def open(self, settings: Settings | None = None, **given: Any) -> Symbolicator:
        """Opens another process's worth; it is closed at the end."""
        opened = Symbolicator(settings=settings or self.settings(), **given)
        return self.stack.enter_context(opened)

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Reads the database past everything that remembers it."""
        database = Database(self.database_url)
        try:
            with database.read() as connection:
                return [tuple(row) for row in connection.execute(text(sql), values)]
        finally:
            database.close()

    def let_leases_run_out(self) -> None:
        """Does at once to the leases of processes that died what time would do."""
        database = Database(self.database_url)
        try:
            with database.write() as connection:
                connection.execute(text("DELETE FROM lease"))
        finally:
            database.close()

    def objects(self) -> ObjectStore:
        """Gives the object store itself."""
        if self.store is None:
            self.store = open_store(self.objects_url, secret_key=SECRET_KEY.encode())
            self.stack.callback(self.store.close)
        return self.store

    def keys(self, prefix: str = "") -> list[str]:
        """Lists what the object store holds."""
        return sorted(found.key for found in self.objects().list(prefix))

    def orphans_after_a_day(self) -> list[str]:
        """Runs retention as it will run a day from now; lists what no row names even then."""
        later = timedelta(hours=25)
        self.open(clock=lambda: system_clock() + later).retention.run()
        named = {key for (key,) in self.rows("SELECT storage_key FROM symbol_set")}
        return [key for key in self.keys() if key not in named and "/compiled/" not in key]

    def object_path(self, key: str) -> Path:
        """Gives the file of an object in a directory."""
        return Path(urlsplit(self.objects_url).path, key)


Deploy = Callable[[str, str], Deployment]
"""Makes a deployment over a database and an object store, by their URLs."""


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Deploy]:
    with ExitStack() as stack:
        yield lambda database_url, objects_url: Deployment(
            database_url, objects_url, tmp_path, stack
        )


@pytest.fixture
def local(deploy: Deploy, sqlite_url: str, tmp_path: Path) -> Deployment:
    """Gives SQLite and a directory."""
    return deploy(sqlite_url, (tmp_path / "objects").as_uri())


@pytest.fixture(params=["sqlite+directory", "postgresql+s3"])
def anywhere(request: pytest.FixtureRequest, deploy: Deploy, tmp_path: Path) -> Deployment:
    """Gives each pair of stores."""
    if request.param == "sqlite+directory":
        stores = request.getfixturevalue("sqlite_url"), (tmp_path / "objects").as_uri()
    else:
        stores = request.getfixturevalue("postgres_url"), request.getfixturevalue("s3_url")
    return deploy(*stores)


@pytest.fixture
def proxied(deploy: Deploy, sqlite_url: str, proxied_url: str) -> Deployment:
    """Gives SQLite, and S3 behind the proxy."""
    return deploy(sqlite_url, proxied_url)


Start = Callable[[Settings], "Process"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes and ends them after the test; each says `ready` first."""
    with ExitStack() as stack:

        def run(settings: Settings) -> Process:
            process: Process = PROGRAMS.Process(settings)
            stack.callback(process.close)
            return process

        yield run


@pytest.fixture
def serve(tmp_path: Path) -> Callable[[], AbstractContextManager[tuple[DemoServer, Client]]]:
    """Starts `symbolicate serve` over one data folder, as often as a test asks."""
    keys: list[str] = []

    @contextmanager
    def started() -> Iterator[tuple[DemoServer, Client]]:
        with DemoServer(tmp_path) as server:
            if not keys:
                keys.append(server.command("keys", "create", "--team", str(TEAM)))
            client = PROGRAMS.Client(server, keys[0], Made)
            with client.http:
                yield server, client

    return started


@pytest.fixture
def served(deploy: Deploy, tmp_path: Path) -> Deployment:
    """Gives what a server of `serve` keeps."""
    data = tmp_path / "data"
    return deploy(f"sqlite:///{data / 'symbolicate.db'}", (data / "objects").as_uri())


class Made:
    """What fault tests make their input of; a set's name is the source that its frames show."""

    TEAM = TEAM

    @staticmethod
    def bundle(name: str, lines: int = 1, padding: str = "") -> bytes:
        """Makes a container whose map sends all of each line to line 1 of `src/<name>.ts`."""
        written = {
            "version": 3,
            "sources": [f"src/{name}.ts"],
            "sourcesContent": [f"the line of {name} {padding}"],
            "names": [],
            "mappings": "AAAA" + ";AAAA" * (lines - 1),
        }
        return write_container(
            ContainerType.SOURCE_AND_MAP,
            source=b"x()\n" * lines,
            map=json.dumps(written).encode(),
            compress=False,
        )

    @staticmethod
    def web(ref: str, column: int = 1) -> Json:
        """Makes a browser's frame; every column gives another raw id."""
        place = {"filename": "https://x.test/main.js", "lineno": 1, "colno": column}
        return {"platform": "web:javascript", "function": "f", "chunk_id": ref, **place}

    @staticmethod
    def event(frames: Sequence[Json], uuid: str | None = None) -> Json:
        stack = {"type": "raw", "frames": list(frames)}
        listed = [{"type": "Error", "value": "x", "stacktrace": stack}]
        named = {} if uuid is None else {"uuid": uuid}
        properties = {"$exception_list": listed}
        return {"event": "$exception", "team_id": TEAM, "properties": properties, **named}

    @staticmethod
    def wait_until(condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < give_up, "it did not come about"
            time.sleep(0.005)

    @staticmethod
    def source(name: str) -> str:
        return f"src/{name}.ts"

    @staticmethod
    def seen(symbolicator: Symbolicator, ref: str, column: int = 1) -> str:
        """Tells what answers a frame now: its source, or the code of its failure."""
        ((frame,),) = symbolicator.resolve(TEAM, [Made.web(ref, column)])
        return str(frame.contents["source"] if frame.resolved else frame.failure_code)


@pytest.fixture(scope="session")
def make() -> type[Made]:
    return Made
