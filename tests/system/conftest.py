"""Real client programs from the npm registry, and a real server whose visitors are noted."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from symbolicate.demo.replay import Tenant, admit
from symbolicate.demo.server import DemoServer
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.raw_frame import read_raw_frame

NPM_SECONDS = 120
ANSWER_SECONDS = 60

Json = dict[str, Any]
Place = tuple[str | None, int | None, int | None]
"""Source, line and column."""

NpmInstall = Callable[..., Path]
"""Installs the packages named and gives the folder whose `node_modules` holds them."""


@pytest.fixture(scope="session")
def npm_install(server_folder: Path) -> NpmInstall:
    """Installs npm packages, one folder for each set of them; skips where that cannot be done.

    No install script of any package runs.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} program on the path")
    folders: dict[frozenset[str], Path] = {}

    def install(*packages: str) -> Path:
        wanted = frozenset(packages)
        if wanted not in folders:
            folder = server_folder / "npm" / str(len(folders))
            folder.mkdir(parents=True)
            run_npm(folder, packages)
            folders[wanted] = folder
        return folders[wanted]

    return install


def run_npm(folder: Path, packages: tuple[str, ...]) -> None:
    """Runs one install; skips with npm's own words when the registry cannot be had."""
    (folder / "package.json").write_text('{"private": true}')
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    command = ("npm", "install", *quiet, *packages)
    environment = {**os.environ, "npm_config_update_notifier": "false"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm install {' '.join(packages)} took more than {NPM_SECONDS} s")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        pytest.skip(f"npm install {' '.join(packages)} failed: {lines[0]}")


class Exchange(NamedTuple):
    """One request as a client sent it, its headers in lower case, and the status that it got."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int


class Witness(ThreadingHTTPServer):
    """Stands between clients and our server, changes nothing, and notes what passes."""

    def __init__(self, address: str) -> None:
        super().__init__(("127.0.0.1", 0), PassOn)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.behind = urlsplit(address).netloc
        self.seen: list[Exchange] = []


class PassOn(BaseHTTPRequestHandler):
    """Passes one request on and its answer back."""

    server: Witness

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = HTTPConnection(self.server.behind, timeout=ANSWER_SECONDS)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        names = {name.lower(): text for name, text in self.headers.items()}
        sent = Exchange(self.command, self.path, names, body, answer.status)
        self.server.seen.append(sent)
        self.send_response_only(answer.status)
        for name, text in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, text)
        with suppress(ConnectionError):  # a page that is left does not wait for its answers
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Stays quiet."""


@dataclass(frozen=True)
class Live:
    """A new team of a running server; `address` is where clients reach it, by the witness."""

    tenant: Tenant
    witness: Witness
    http: httpx.Client

    @property
    def address(self) -> str:
        return self.witness.address

    @property
    def base(self) -> str:
        return f"/api/projects/{self.tenant.team_id}/error_tracking"

    def post(self, path: str, body: Any) -> Any:
        answer = self.http.post(f"{self.base}/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def upload(self, bundle: Path, release: str | None = None) -> tuple[str, bytes]:
        """Uploads a bundle with its map under the id in it; gives that id and the bytes sent."""
        source, symbols = bundle.read_bytes(), Path(f"{bundle}.map").read_bytes()
        found = re.search(rb"^//# (?:chunkId|debugId)=(\S+)$", source, re.M)
        assert found is not None
        ref = found[1].decode()
        container = write_container(ContainerType.SOURCE_AND_MAP, source=source, map=symbols)
        wanted = [{"chunk_id": ref, "release_id": release, "content_hash": ref}]
        answer = self.post("symbol_sets/bulk_start_upload", {"symbol_sets": wanted})
        started = answer["id_map"][ref]
        form = started["presigned_url"]
        sent = httpx.post(form["url"], data=form["fields"], files={"file": container})
        assert sent.is_success, sent.text
        finished = {"content_hashes": {started["symbol_set_id"]: ref}}
        self.post("symbol_sets/bulk_finish_upload", finished)
        return ref, container

    def captured(self, path: str) -> list[Json]:
        """Gives the `$exception` events that a client sent to one path, with good answers all."""
        events: list[Json] = []
        for one in self.witness.seen:
            if one.method == "POST" and urlsplit(one.path).path == path:
                assert one.status == 200, one
                events += json.loads(unpacked(one.body))["batch"]
        return [event for event in events if event["event"] == "$exception"]

    @staticmethod
    def frames(event: Json) -> list[Json]:
        """Gives the raw frames of an event as they were sent, oldest call first."""
        listed = event["properties"]["$exception_list"]
        return [frame for one in listed for frame in one["stacktrace"]["frames"]]

    def stored(self, raw_frames: Sequence[Json]) -> list[Json]:
        """Gives the stored frames of raw frames that a client sent, in their order."""
        raw_ids = [f"{read_raw_frame(frame).hash.hex()}/0" for frame in raw_frames]
        answer = self.post("stack_frames/batch_get", {"raw_ids": raw_ids})
        assert answer["missing"] == []
        found = {item["raw_id"]: item for item in answer["results"]}
        return [found[raw_id] for raw_id in raw_ids]

    def places(self, raw_frames: Sequence[Json]) -> list[Place]:
        """Gives where the stored frames of raw frames lie, all of them resolved."""
        answered = self.stored(raw_frames)
        assert all(item["resolved"] for item in answered), answered
        contents = [item["contents"] for item in answered]
        return [(one["source"], one["line"], one["column"]) for one in contents]


def unpacked(body: bytes) -> bytes:
    """Gives the JSON that an SDK sent, gzipped, in a form, or plain."""
    if body.startswith(b"\x1f\x8b"):
        return gzip.decompress(body)
    return base64.b64decode(parse_qs(body)[b"data"][0]) if body.startswith(b"data=") else body


@pytest.fixture(scope="session")
def live_server(server_folder: Path) -> Iterator[DemoServer]:
    """Runs `symbolicate serve` in a process of its own."""
    folder = server_folder / "live"
    folder.mkdir()
    with DemoServer(folder) as server:
        yield server


@pytest.fixture
def live(live_server: DemoServer) -> Iterator[Live]:
    """Makes a team of the live server, and a witness of what its clients ask."""
    tenant = admit(live_server)
    headers = {"Authorization": f"Bearer {tenant.key}"}
    with Witness(live_server.address) as witness:
        thread = threading.Thread(target=witness.serve_forever, args=(0.02,))
        thread.start()
        try:
            with httpx.Client(base_url=live_server.address, headers=headers, timeout=60) as http:
                yield Live(tenant, witness, http)
        finally:
            witness.shutdown()
            thread.join()
