"""Runs the command line on files of a temporary folder, and against a server that misbehaves."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from symbolicate.cli import main

Run = Callable[..., Result]

SOURCE = "one\nfunction pay() {\n  throw new Error();\n}\n"
FIELDS: dict[str, Any] = {
    "version": 3,
    "file": "app.js",
    "sources": ["../src/pay.ts"],
    "sourcesContent": [SOURCE],
    "names": ["pay"],
    "mappings": "UAEE,UAFFA",
}
"""Maps 1:11 of the bundle into the function `pay` and 1:21 to its call, whose token names it."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, text: str | bytes = "") -> Result:
        return CliRunner().invoke(main, arguments, input=text, prog_name="symbolicate")

    return invoke


@pytest.fixture
def map_fields() -> dict[str, Any]:
    return {**FIELDS}


@pytest.fixture
def write_map(tmp_path: Path) -> Callable[..., str]:
    """Writes the map, with fields changed or taken away, and gives its name."""

    def write(**fields: Any) -> str:
        chosen = {k: v for k, v in {**FIELDS, **fields}.items() if v is not None}
        (tmp_path / "app.js.map").write_text(json.dumps(chosen))
        return "app.js.map"

    return write


KEY = "phx_a-key-that-nobody-may-see"
CHUNK = "0193a5c2-7f4e-7d20-9c31-5a7e00c0ffee"


class Sent(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Reply(NamedTuple):
    """An answer; status 0: the connection is closed without one."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = MappingProxyType({})


Rule = Callable[[Sent], Reply | None]


@dataclass
class ScriptedServer:
    """Answers each request by the first rule that has an answer, and else as an empty project.

    That one takes uploads by PUT and by form; `sets` holds the bytes of those that were finished.
    """

    address: str = ""
    rules: list[Rule] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    bytes_of: dict[str, bytes] = field(default_factory=dict)
    sets: dict[str, bytes] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def answer(self, sent: Sent) -> Reply:
        self.sent.append(sent)
        for rule in self.rules:
            reply = rule(sent)
            if reply is not None:
                return reply
        return self._protocol(sent)

    def next(self, part: str, *statuses: int, method: str | None = None, **headers: str) -> None:
        """Answers the next requests whose path has this part with these statuses, in turn."""
        left = list(statuses)

        def rule(sent: Sent) -> Reply | None:
            hit = left and part in sent.path and method in (None, sent.method)
            return Reply(left.pop(0), b"said", _named(headers)) if hit else None

        self.rules.append(rule)

    def always(self, part: str, status: int, body: Any = b"said", **headers: str) -> None:
        """Answers every request whose path has this part alike."""
        reply = Reply(status, body, _named(headers))
        self.rules.append(lambda sent: reply if part in sent.path else None)

    def refuse(self, part: str, status: int, code: str, *, when: str = "") -> None:
        """Refuses, each time, requests whose path has this part and whose body has that one."""
        body = {"type": "validation_error", "code": code, "detail": f"because {code}", "attr": None}

        def rule(sent: Sent) -> Reply | None:
            hit = part in sent.path and when.encode() in sent.body
            return Reply(status, body) if hit else None

        self.rules.append(rule)

    def until(self, part: str, count: int, status: int) -> None:
        """Works until the request that is the nth to have this part, then not any more."""
        seen: list[Sent] = []

        def rule(sent: Sent) -> Reply | None:
            if part in sent.path:
                seen.append(sent)
            return Reply(status) if len(seen) >= count else None

        self.rules.append(rule)

    def paths(self) -> list[str]:
        """The requests in order, each by its method and the last part of its path."""
        return [f"{sent.method} {sent.path.rpartition('/')[2]}" for sent in self.sent]

    def _protocol(self, sent: Sent) -> Reply:
        name = sent.path.rpartition("/")[2]
        if sent.path.startswith("/bytes/"):
            self.bytes_of[name] = sent.body
            return Reply(204)
        if name == "bulk_start_upload":
            wanted = sent.json["symbol_sets"]
            absent = [
                one for one in wanted if self.tokens.get(one["chunk_id"]) != one["content_hash"]
            ]
            return Reply(201, {"id_map": {one["chunk_id"]: self._started(one) for one in absent}})
        if name == "bulk_check_upload":
            wanted = [one["chunk_id"] for one in sent.json["symbol_sets"]]
            return Reply(
                200, {"chunk_ids_to_upload": [one for one in wanted if one not in self.sets]}
            )
        if name == "bulk_finish_upload":
            for chunk_id, token in sent.json["content_hashes"].items():
                self.sets[chunk_id], self.tokens[chunk_id] = self.bytes_of[chunk_id], token
            return Reply(201, {"success": True})
        return Reply(404, {"code": "not_found", "detail": "Not found."})

    def _started(self, wanted: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.address}/bytes/{wanted['chunk_id']}"
        form = {"url": url, "fields": {"key": "a key", "policy": "p"}}
        return {
            "symbol_set_id": wanted["chunk_id"],
            "presigned_url": form,
            "presigned_put_url": url,
        }


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): text for name, text in headers.items()}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Serves on a loopback port; clients of this process do not wait before they try again."""
    monkeypatch.setattr("symbolicate.commands.http_client.FIRST_WAIT_SECONDS", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    scripted = ScriptedServer()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = Sent(self.command, self.path, dict(self.headers.items()), body)
            reply = scripted.answer(sent)
            if reply.status == 0:
                self.close_connection = True
                return
            content = (
                reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            )
            self.send_response(reply.status)
            for name, text in {**reply.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 # names that the base class looks for

        def log_message(self, format: str, *arguments: Any) -> None:
            """Says nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scripted.address = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    yield scripted
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture
def target(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """Points the commands at the scripted server by the environment."""
    for name in ("SYMBOLICATE_API_KEY", "SYMBOLICATE_HOST", "SYMBOLICATE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("POSTHOG_CLI_API_KEY", KEY)
    monkeypatch.setenv("POSTHOG_CLI_HOST", server.address)
    monkeypatch.setenv("POSTHOG_CLI_PROJECT_ID", "1")
    return server


WriteBundle = Callable[..., Path]


@pytest.fixture
def write_bundle(tmp_path: Path) -> WriteBundle:
    """Writes a script and its map below the temporary folder and gives the script."""

    def write(name: str = "dist/app.js", chunk_id: str | None = CHUNK, code: str = "") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        code = code or f"pay('{name}');a().b()"
        comment = f"\n//# chunkId={chunk_id}" if chunk_id else ""
        path.write_text(f"{code}{comment}\n//# sourceMappingURL={path.name}.map\n")
        path.with_name(f"{path.name}.map").write_text(json.dumps({**FIELDS, "file": path.name}))
        return path

    return write


@pytest.fixture
def many(write_bundle: WriteBundle) -> Callable[[int], list[str]]:
    """Writes bundles with an id each and gives the ids."""

    def write(count: int) -> list[str]:
        ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))) for number in range(count)]
        for number, chunk_id in enumerate(ids):
            write_bundle(f"dist/{number:03}.js", chunk_id)
        return ids

    return write
