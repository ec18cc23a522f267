"""Programs of ours in processes of their own, and those who speak to them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from symbolicate.config import Settings
from symbolicate.demo.server import DemoServer

if TYPE_CHECKING:
    from tests.faults.conftest import Made

PROCESS_SECONDS = 60

Json = dict[str, Any]


class Process:
    """A `Symbolicator` in a process of its own, with a data folder of its own."""

    def __init__(self, settings: Settings) -> None:
        program = Path(__file__).with_name("resolving_process.py")
        self.child = subprocess.Popen(
            [sys.executable, "-P", str(program), json.dumps(asdict(settings))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, task: str, **ask: Any) -> None:
        """Begins a task."""
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps({"task": task, **ask}) + "\n")
        self.child.stdin.flush()

    def answer(self) -> Any:
        """Waits for what comes next; None if the process died over it."""
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        return json.loads(line) if line else None

    def kill(self) -> None:
        self.child.kill()

    def close(self) -> None:
        for pipe in (self.child.stdin, self.child.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        if self.child.wait(PROCESS_SECONDS) not in (0, -signal.SIGKILL):
            raise AssertionError(f"a process ended with {self.child.returncode}")


class Client:
    """Speaks to a running server as clients that upload and SDKs do."""

    def __init__(self, server: DemoServer, key: str, make: type[Made]) -> None:
        self._make = make
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(
            base_url=server.address, headers=headers, timeout=30, trust_env=False, verify=False
        )

    def start(self, ref: str, token: str, length: int) -> Json | None:
        """Opens an upload over what is there; None if the server has these bytes already."""
        item = {"chunk_id": ref, "content_hash": token, "content_length": length}
        answer = self._post("bulk_start_upload", {"symbol_sets": [item], "force": True})
        assert answer.status_code == 201, answer.text
        started: Json | None = answer.json()["id_map"].get(ref)
        return started

    def send(self, started: Json, data: bytes) -> None:
        assert self.http.put(started["presigned_put_url"], content=data).is_success

    def finish(self, set_id: str, token: str) -> tuple[int, str | None]:
        """Gives the status and the code of a refusal."""
        answer = self._post("bulk_finish_upload", {"content_hashes": {set_id: token}})
        return answer.status_code, answer.json().get("code")

    def seen(self, ref: str, column: int = 1) -> str:
        """Tells what answers a frame that comes in now."""
        event = self._make.event([self._make.web(ref, column)])
        (outcome,) = self.http.post("/process", json=[event]).json()
        assert outcome["status"] == "ok", outcome
        listed = outcome["event"]["properties"]["$exception_list"]
        (frame,) = listed[0]["stacktrace"]["frames"]
        return str(frame["source"] if frame["resolved"] else frame["failure_code"])

    def _post(self, call: str, body: Json) -> httpx.Response:
        return self.http.post(
            f"/api/projects/{self._make.TEAM}/error_tracking/symbol_sets/{call}", json=body
        )
