"""The server that the demo talks to: a real process on a free loopback port, over real HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import IO, Any
from urllib.parse import urlsplit

HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 12
ANSWER_SECONDS = 60
_READY = "listening on "
_COMMAND = (sys.executable, "-P", "-m", "symbolicate")


class DemoFailed(Exception):
    """The demo cannot go on; the message says at which step and why."""


class DemoServer:
    """`symbolicate serve` over one data folder; a context manager that leaves no process behind.

    It takes nothing from the caller's `SYMBOLICATE_…` environment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[str] | None = None
        self._reader: Thread | None = None

    @property
    def pid(self) -> int | None:
        """Names the process."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> DemoServer:
        where = ("--data-dir", str(self.folder / "data"), "--host", HOST, "--port", "0")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                (*_COMMAND, "serve", *where),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                env=_environment(),
            )
        try:
            self.address = self._await_address(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Asks the process to end, and ends it by force when it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join(STOP_SECONDS)

    def wait(self) -> None:
        """Returns when the process ends by itself."""
        if self._process is not None:
            self._process.wait()

    def command(self, *arguments: str) -> str:
        """Runs a sub-command on the server's records and gives what it prints."""
        done = subprocess.run(
            (*_COMMAND, *arguments, "--data-dir", str(self.folder / "data")),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=_environment(),
        )
        if done.returncode:
            raise DemoFailed(f"symbolicate {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Sends one request, to a path of ours or a whole URL, and gives the body of its answer.

        Raises `DemoFailed` for any answer but success.
        """
        target = urlsplit(url)
        connection = HTTPConnection(
            target.netloc or urlsplit(self.address).netloc, timeout=ANSWER_SECONDS
        )
        try:
            path = target.path + (f"?{target.query}" if target.query else "")
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            raise DemoFailed(f"{method} {target.path}: {error}; {self._last_words()}") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            said = content.decode(errors="replace")[:300]
            raise DemoFailed(f"{method} {target.path} answered {answer.status}: {said}")
        return content

    def _await_address(self, process: subprocess.Popen[str]) -> str:
        found: SimpleQueue[str | None] = SimpleQueue()
        assert process.stdout is not None
        self._reader = Thread(target=_read_on, args=(process.stdout, found), daemon=True)
        self._reader.start()
        try:
            address = found.get(timeout=START_SECONDS)
        except Empty:
            raise DemoFailed(f"the server was not ready within {START_SECONDS} s") from None
        if address is None:
            process.wait(STOP_SECONDS)
            raise DemoFailed(f"the server did not start: {self._last_words()}")
        return address

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class DemoClient:
    """Speaks the management API of one team with an API key."""

    def __init__(self, server: DemoServer, team_id: int, key: str) -> None:
        self._server = server
        self._base = f"/api/projects/{team_id}/error_tracking"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, path: str, body: Any) -> Any:
        """Posts JSON below the team's path and reads the JSON that comes back."""
        content = self._server.send(
            "POST", f"{self._base}/{path}", self._headers, json.dumps(body).encode()
        )
        return json.loads(content)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SYMBOLICATE")}


def _read_on(stdout: IO[str], found: SimpleQueue[str | None]) -> None:
    """Reads to the end, so that the process never blocks on a full pipe."""
    with stdout:
        for line in stdout:
            if line.startswith(_READY):
                found.put(line.removeprefix(_READY).strip())
    found.put(None)
