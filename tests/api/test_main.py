"""`symbolicate serve` as a process: when it is ready, how it ends, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from symbolicate_api.main import http_protocol

COMMANDS = [["symbolicate", "serve"], ["symbolicate_api"]]
PASSWORD = "hunter2"


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("SYMBOLICATE_")}


def run(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "symbolicate_api", *options]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment() | env
    )


@contextmanager
def served(
    folder: Path, *options: str, command: list[str] = COMMANDS[1]
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Starts the program, reads its address from stdout, and makes sure that it ends."""
    where = ["--data-dir", str(folder / "data"), "--port", "0", *options]
    with (folder / "stderr").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, *where],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(),
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), (folder / "stderr").read_text()
        yield process, line.removeprefix("listening on ").strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_it_says_where_it_listens_and_ends_in_order(tmp_path: Path, command: list[str]) -> None:
    with served(tmp_path, command=command) as (process, address):
        assert httpx.get(f"{address}/health/ready").status_code == 200
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(10) == 0
        assert time.monotonic() - began < 10
    for line in (tmp_path / "stderr").read_text().splitlines():
        assert json.loads(line)["level"] == "info"


def test_a_signal_lets_the_request_in_hand_finish(tmp_path: Path) -> None:
    with served(tmp_path) as (process, address):
        url = httpx.URL(address)
        with socket.create_connection((url.host, url.port or 0), 10) as connection:
            head = b"POST /process HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
            connection.sendall(head + b"[")
            httpx.get(f"{address}/health/live")
            process.terminate()
            refused_at(url)
            connection.sendall(b"]")
            answer = connection.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200")
        assert process.wait(10) == 0


def refused_at(url: httpx.URL) -> None:
    """Returns once nobody listens any more."""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        try:
            socket.create_connection((url.host, url.port or 0), 1).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("the server goes on listening")


def test_a_request_that_never_ends_does_not_hold_the_end_up(tmp_path: Path) -> None:
    with served(tmp_path) as (process, address):
        url = httpx.URL(address)
        with socket.create_connection((url.host, url.port or 0), 10) as connection:
            connection.sendall(b"POST /process HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[")
            httpx.get(f"{address}/health/live")
            process.terminate()
            assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("options", "env", "sentence"),
    [
        (["--broker", "kafka://127.0.0.1:1"], {}, "Kafka is not built yet"),
        ([], {"SYMBOLICATE_BROKER_URL": "amqp://u:hunter2@x"}, "expected nats://HOST:PORT"),
        (["--database", "mysql://u:hunter2@h/x"], {}, "expected sqlite:///PATH or"),
        (["--database", "postgresql://u:hunter2@h:port/x"], {}, "expected sqlite:///PATH or"),
        (["--objects", "ftp://x"], {}, "object store URL 'ftp://x'"),
        (["--objects", "s3://b?x=y"], {}, "has options x"),
        ([], {"SYMBOLICATE_THREADS": "many"}, "a whole number from 1 to 1000, got 'many'"),
        ([], {"SYMBOLICATE_RETENTION_DAYS": "-1"}, "SYMBOLICATE_RETENTION_DAYS: expected"),
        ([], {"SYMBOLICATE_ACK_WAIT_SECONDS": "99"}, "a number from 1 to 30, got 99.0"),
        ([], {"SYMBOLICATE_DELETE_UNUSED": "maybe"}, "SYMBOLICATE_DELETE_UNUSED: expected 1, true"),
        ([], {"SYMBOLICATE_PUBLIC_URL": "shop.example"}, "SYMBOLICATE_PUBLIC_URL: expected http"),
        ([], {"SYMBOLICATE_LOG_LEVEL": "loud"}, "log level 'loud' is none of"),
        (["--port", "x"], {}, "is not a valid integer"),
        (["--port", "99999"], {}, "99999 is not in the range 0<=x<=65535"),
        (["--port", "-1"], {}, "-1 is not in the range 0<=x<=65535"),
        (["--nope"], {}, "No such option"),
    ],
)
def test_wrong_usage_ends_with_2(
    tmp_path: Path, options: list[str], env: dict[str, Any], sentence: str
) -> None:
    done = run("--data-dir", str(tmp_path), *options, **env)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert sentence in done.stderr
    assert PASSWORD not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_object_store_out_of_reach_ends_with_3_and_one_line(
    tmp_path: Path, aws_credentials: None
) -> None:
    away = "s3://nowhere?endpoint_url=http%3A%2F%2F127.0.0.1%3A9"
    done = run("--data-dir", str(tmp_path), "--port", "0", "--objects", away)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.startswith("symbolicate serve: object store out of reach: ")
    assert done.stderr.count("\n") == 1


def test_a_broker_out_of_reach_ends_with_3_and_one_line(tmp_path: Path) -> None:
    url = f"nats://u:{PASSWORD}@127.0.0.1:9"
    done = run("--data-dir", str(tmp_path), "--port", "0", "--broker", url)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.startswith("symbolicate serve: broker out of reach: ")
    assert PASSWORD not in done.stderr


@pytest.mark.slow
def test_a_database_out_of_reach_ends_with_3_and_one_line(tmp_path: Path) -> None:
    url = f"postgresql://u:{PASSWORD}@127.0.0.1:9/x"
    done = run("--data-dir", str(tmp_path), "--port", "0", "--database", url)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.startswith("symbolicate serve: database out of reach: ")
    assert done.stderr.count("\n") == 1
    assert PASSWORD not in done.stderr


@pytest.mark.parametrize("below", ["", "data"], ids=["itself", "above it"])
def test_a_data_directory_that_is_a_file_ends_with_2(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    done = run("--data-dir", str(tmp_path / "file" / below), "--port", "0")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"{tmp_path / 'file'} is not a directory" in done.stderr


def test_a_data_directory_that_cannot_be_made_ends_with_3() -> None:
    done = run("--data-dir", "/proc/nowhere", "--port", "0")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr


def test_a_port_that_is_taken_ends_with_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--data-dir", str(tmp_path), "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"symbolicate serve: cannot listen on 127.0.0.1:{port}: ")


def test_without_httptools_h11_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    assert http_protocol().__name__ == "BoundedHttpProtocol"
    monkeypatch.setitem(sys.modules, "symbolicate_api.http_protocol", None)
    assert http_protocol() == "h11"
