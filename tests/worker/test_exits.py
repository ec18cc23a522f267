"""How a worker ends that cannot start or has lost its broker: with a code and a plain sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from symbolicate_worker.main import worker

if TYPE_CHECKING:
    from tests.worker.conftest import Start


def run(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "symbolicate_worker", *options]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SYMBOLICATE_")}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean | env)


@pytest.mark.parametrize(
    ("options", "env", "sentence"),
    [
        ([], {}, "--broker is missing"),
        (["--broker", "kafka://127.0.0.1:1"], {}, "Kafka is not built yet"),
        (["--broker", "amqp://u:hunter2@x"], {}, "expected nats://HOST:PORT"),
        (["--broker", "nats://"], {}, "expected nats://HOST:PORT"),
        (["--database", "mysql://u:hunter2@h/x"], {}, "expected sqlite:///PATH or"),
        (["--objects", "ftp://x"], {}, "object store URL 'ftp://x'"),
        (["--concurrency", "0"], {}, "0 is not in the range"),
        ([], {"SYMBOLICATE_ACK_WAIT_SECONDS": "31"}, "a number from 1 to 30, got 31.0"),
        ([], {"SYMBOLICATE_ACK_WAIT_SECONDS": "0"}, "SYMBOLICATE_ACK_WAIT_SECONDS: expected"),
        ([], {"SYMBOLICATE_BATCH_SIZE": "0"}, "a whole number from 1 to 10000, got 0"),
        ([], {"SYMBOLICATE_COMPILERS": "0"}, "SYMBOLICATE_COMPILERS: expected"),
        (["--health-port", "99999"], {}, "99999 is not in the range"),
        (["--health-port", "-1"], {}, "-1 is not in the range"),
        ([], {"SYMBOLICATE_LOG_LEVEL": "loud"}, "log level 'loud' is none of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(
    options: list[str], env: dict[str, str], sentence: str, data_dir: Path
) -> None:
    broker = [] if "--broker is missing" in sentence else ["--broker", "nats://127.0.0.1:9"]
    done = run("--data-dir", str(data_dir), *broker, *options, **env)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def nobody() -> Iterator[str]:
    """Gives an address at which nobody listens, and nobody will."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{probe.getsockname()[1]}"


def test_a_broker_out_of_reach_ends_with_3(nobody: str, data_dir: Path) -> None:
    done = run("--data-dir", str(data_dir), "--broker", f"nats://u:hunter2@{nobody}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "symbolicate worker: broker out of reach: no NATS server answers\n"


def test_a_database_out_of_reach_ends_with_3(
    nobody: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate.database.upgrade._PATIENCE_S", 0.0)
    monkeypatch.setattr("symbolicate_worker.main.configure_logs", lambda _level: None)
    options = ["--database", f"postgresql://u:hunter2@{nobody}/x", "--broker", "nats://x"]
    done = CliRunner().invoke(worker, ["--data-dir", str(data_dir), *options])
    assert done.exit_code == 3
    assert done.output.startswith("symbolicate worker: database out of reach: ")
    assert "hunter2" not in done.output


def test_a_data_directory_that_is_none_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("--data-dir", str(tmp_path / "file"), "--broker", "nats://127.0.0.1:9")
    assert done.returncode == 2
    assert "is not a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_health_port_that_is_taken_ends_with_1(nats_server: str, data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("--data-dir", str(data_dir), "--broker", nats_server, "--health-port", port)
    assert done.returncode == 1
    assert f"cannot listen on port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_ends_in_time_while_the_broker_is_away(
    start: Start, stop_nats: Callable[[], None]
) -> None:
    with start() as worker:
        stop_nats()
        worker.wait_until(lambda: "lost the connection" in worker.log)
        assert worker.end() < 10
        assert "Traceback" not in worker.log
