"""A real server on a free loopback port, over real HTTP, in front of every kind of store."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from symbolicate.clock import Clock, system_clock
from symbolicate.config import from_env
from symbolicate.prometheus import PrometheusMetrics
from symbolicate.symbolicator import Symbolicator
from symbolicate_api.main import Server, server_config

TEAM = 1
PROJECT = f"/api/projects/{TEAM}/error_tracking"
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


@dataclass(frozen=True)
class Api:
    """A running server: a client that holds a key of `TEAM`, and the library behind it."""

    http: httpx.Client
    anonymous: httpx.Client
    symbolicator: Symbolicator
    key: str

    @property
    def address(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.http.get(PROJECT + path, **given)

    def post(self, path: str, json: Any = None, **given: Any) -> httpx.Response:
        return self.http.post(PROJECT + path, json=json, **given)

    def with_key(self, team_id: int = TEAM, *scopes: str) -> dict[str, str]:
        """Makes a key and gives the header that carries it."""
        return bearer(self.symbolicator.keys.create(team_id, scopes or ("*",)))

    def project_token(self, team_id: int = TEAM) -> str:
        return self.symbolicator.teams.create(team_id).project_token

    def metric(self, line: str) -> float:
        """Reads one sample of `/metrics`; 0 if it is not there."""
        page = self.http.get("/metrics").text
        found = [text for text in page.splitlines() if text.startswith(f"{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    @staticmethod
    def frame(number: int = 0, **given: Any) -> dict[str, Any]:
        """Makes a raw frame that needs no symbol set."""
        frame = {"platform": "python", "filename": "shop/cart.py", "function": f"total_{number}"}
        return frame | {"lineno": 16, "context_line": "    return total", "in_app": True} | given

    @staticmethod
    def event(*frames: Any, uuid: str = "0190-1", **given: Any) -> dict[str, Any]:
        """Makes an `$exception` event of one exception with these raw frames."""
        stack = {"type": "raw", "frames": list(frames) or [Api.frame()]}
        exception = {"type": "ValueError", "value": "no", "stacktrace": stack}
        properties = {"$exception_list": [exception], "$lib": "web"}
        event = {"event": "$exception", "uuid": uuid, "properties": properties}
        return event | {"timestamp": "2026-01-01T00:00:00Z"} | given

    @staticmethod
    def frames(event: dict[str, Any]) -> list[dict[str, Any]]:
        """Gives every frame of a processed event, in order."""
        listed = event["properties"]["$exception_list"]
        return [frame for one in listed for frame in one["stacktrace"]["frames"]]

    @staticmethod
    def refused(response: httpx.Response, status: int, code: str, attr: str | None = None) -> str:
        """Checks a whole error envelope and gives its detail."""
        assert response.status_code == status, response.text
        body = response.json()
        assert body.keys() == {"type", "code", "detail", "attr"}
        assert (body["code"], body["attr"]) == (code, attr), body
        assert response.headers["x-content-type-options"] == "nosniff"
        detail: str = body["detail"]
        return detail

    def stored(self, *frames: Any, team_id: int = TEAM) -> list[str]:
        """Processes frames and gives the raw ids under which they are stored."""
        (outcome,) = self.symbolicator.process(team_id, [self.event(*frames)])
        assert outcome.event is not None, outcome
        return [frame["raw_id"] for frame in self.frames(outcome.event)]

    def upload(self, chunk_id: str, container: bytes, token: str = "one", **given: Any) -> str:
        """Starts an upload, sends the bytes as clients do, and gives the set's id."""
        item = {"chunk_id": chunk_id, "content_hash": token}
        answer = self.post("/symbol_sets/bulk_start_upload", {"symbol_sets": [item]} | given)
        assert answer.status_code == 201, answer.text
        started = answer.json()["id_map"][chunk_id]
        assert self.send(started, container).is_success
        return str(started["symbol_set_id"])

    def send(self, started: dict[str, Any], container: bytes) -> httpx.Response:
        """Posts bytes to the address that a start gave."""
        form = started["presigned_url"]
        return httpx.post(form["url"], data=form["fields"], files={"file": container}, timeout=30)

    def finish(self, set_id: str, token: str = "one") -> httpx.Response:
        return self.post("/symbol_sets/bulk_finish_upload", {"content_hashes": {set_id: token}})


OpenApi = Callable[..., Api]
"""Starts a server over the stores that the keywords name."""


@pytest.fixture
def open_api(sqlite_url: str, tmp_path: Path) -> Iterator[OpenApi]:
    """Starts servers, by default over SQLite and a directory, and stops them at the end."""
    with ExitStack() as stack:

        def start(**given: Any) -> Api:
            stores = {"database_url": sqlite_url, "objects_url": (tmp_path / "objects").as_uri()}
            options: dict[str, Any] = {"data_dir": str(tmp_path), "threads": 4, **stores, **given}
            return stack.enter_context(serving(**options))

        yield start


@pytest.fixture
def api(open_api: OpenApi) -> Api:
    """Serves SQLite and a directory."""
    return open_api()


@pytest.fixture(scope="session")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Serves one server to every test that neither minds what others stored nor changes it."""
    with serving(data_dir=str(tmp_path_factory.mktemp("shared")), threads=4) as api:
        yield api


@pytest.fixture(params=["sqlite+directory", "postgresql+s3"])
def any_stores(request: pytest.FixtureRequest) -> dict[str, str]:
    """Names each pair of stores, as settings; those that `open_api` uses anyway by nothing."""
    if request.param == "sqlite+directory":
        return {}
    database_url = request.getfixturevalue("postgres_url")
    return {"database_url": database_url, "objects_url": request.getfixturevalue("s3_url")}


@pytest.fixture
def any_api(any_stores: dict[str, str], open_api: OpenApi) -> Api:
    """Serves each pair of stores, with the jobs running beside."""
    return open_api(jobs=True, **any_stores)


@contextmanager
def serving(*, jobs: bool = False, clock: Clock = system_clock, **settings: Any) -> Iterator[Api]:
    """Runs the server of `symbolicate serve` in a thread of this process."""
    metrics = PrometheusMetrics()
    read = from_env({}, **settings)
    with Symbolicator(settings=read, clock=clock, metrics=metrics) as symbolicator:
        if jobs:
            symbolicator.jobs.start()
        with started(symbolicator, metrics) as address:
            key = symbolicator.keys.create(TEAM)
            with (
                httpx.Client(base_url=address, headers=bearer(key), timeout=30) as client,
                httpx.Client(base_url=address, timeout=30) as anonymous,
            ):
                yield Api(client, anonymous, symbolicator, key)


@contextmanager
def started(symbolicator: Symbolicator, metrics: PrometheusMetrics) -> Iterator[str]:
    """Serves until the block ends, and gives the address."""
    ready = threading.Event()

    class Announced(Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

        async def main_loop(self) -> None:
            """Ends ten times as soon as uvicorn's own, which hundreds of tests wait for."""
            ticks = 0
            while not await self.on_tick(ticks):
                ticks += 1
                await asyncio.sleep(0.01)

    listener = socket.create_server(("127.0.0.1", 0))
    server = Announced(server_config(symbolicator, metrics), "127.0.0.1")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert ready.wait(20), "the server did not start"
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
