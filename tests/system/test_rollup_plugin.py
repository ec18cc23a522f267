"""PostHog's rollup plugin builds an app and uploads it through our command, unaware of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from symbolicate.demo.replay import Tenant, admit
from symbolicate.demo.server import DemoClient, DemoServer

NpmInstall = Callable[..., Path]
Json = dict[str, Any]

PACKAGES = (
    "@posthog/rollup-plugin@1.6.0",
    "rollup@4.68.7",
    "rollup-plugin-esbuild@6.2.1",
    "esbuild@0.28.2",
    "@rollup/plugin-terser@1.0.2",
)
SOURCES = Path(__file__).resolve().parents[2] / "fixtures/js-app"
PATIENCE_SECONDS = 120
CONFIG = """
import terser from "@rollup/plugin-terser";
import posthog from "@posthog/rollup-plugin";
import esbuild from "rollup-plugin-esbuild";
const { KEY, PROJECT, HOST, COMMAND, MODE, KEEP } = process.env;
export default {
  input: "src/main.ts",
  plugins: [
    esbuild({ target: "es2020", sourceMap: true }),
    terser(),
    (posthog.default ?? posthog)({
      personalApiKey: KEY, projectId: PROJECT, host: HOST, cliBinaryPath: COMMAND,
      sourcemaps: {
        enabled: true, releaseName: "shop", releaseVersion: "1.2.3",
        releaseMode: MODE, deleteAfterUpload: KEEP !== "yes",
      },
    }),
  ],
  output: { dir: "dist", format: "es", sourcemap: true, entryFileNames: "app.mjs" },
};
"""


class Project(NamedTuple):
    """A running server, a team of it, and an app that is built for it."""

    server: DemoServer
    tenant: Tenant
    client: DemoClient
    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "dist/app.mjs"

    def get(self, path: str) -> Json:
        headers = {"Authorization": f"Bearer {self.tenant.key}"}
        address = f"/api/projects/{self.tenant.team_id}/error_tracking/{path}"
        answer: Json = json.loads(self.server.send("GET", address, headers, b""))
        return answer

    def build(
        self, mode: str, *, keep: bool = True, key: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs rollup with the plugin, whose command is the installed `symbolicate`."""
        ours = {
            "KEY": key or self.tenant.key,
            "PROJECT": str(self.tenant.team_id),
            "HOST": self.server.address,
            "COMMAND": str(Path(sysconfig.get_path("scripts"), "symbolicate")),
            "MODE": mode,
            "KEEP": "yes" if keep else "no",
            "no_proxy": "127.0.0.1",
        }
        known = ("PATH", "HOME")
        environment = {name: os.environ[name] for name in known if name in os.environ}
        return subprocess.run(
            ("node", "node_modules/rollup/dist/bin/rollup", "-c", "rollup.config.mjs"),
            cwd=self.folder,
            env=environment | ours,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )


@pytest.fixture
def project(npm_install: NpmInstall, tmp_path: Path) -> Iterator[Project]:
    packages = npm_install(*PACKAGES)
    folder = tmp_path / "app"
    shutil.copytree(SOURCES / "src", folder / "src")
    (folder / "node_modules").symlink_to(packages / "node_modules")
    (folder / "rollup.config.mjs").write_text(CONFIG)
    with DemoServer(tmp_path) as server:
        tenant = admit(server)
        yield Project(server, tenant, DemoClient(server, tenant.team_id, tenant.key), folder)


def crashes(bundle: Path) -> list[Json]:
    """Runs the built app; its crashes, each with the chunk ids registered by then."""
    done = subprocess.run(
        ("node", str(bundle)), capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def frames(stack: str, bundle: Path, chunk_id: str) -> list[Json]:
    """The frames of a stack that lie in the bundle, as an SDK sends them, innermost first."""
    found = []
    for line in stack.splitlines():
        head, _, column = line.rstrip(")").rpartition(":")
        path, _, number = head.rpartition(":")
        if path.endswith(str(bundle)):
            place = {"filename": str(bundle), "lineno": int(number), "colno": int(column)}
            frame = {"platform": "node:javascript", "function": "?", "in_app": True, **place}
            found.append({**frame, "chunk_id": chunk_id})
    return found


def event(raw: list[Json], number: int, **properties: Any) -> Json:
    stack = {"type": "raw", "frames": raw[::-1]}
    exception = {"type": "Error", "value": "x", "stacktrace": stack}
    listed = {"$exception_list": [exception], "$lib": "posthog-node", **properties}
    stamp = {"timestamp": "2026-01-01T00:00:00Z", "uuid": f"0199c0de-0000-7000-8000-{number:012}"}
    return {"event": "$exception", "distinct_id": "x", **stamp, "properties": listed}


def resolved(project: Project, sent: list[Json]) -> list[Json]:
    """Sends events to be processed and gives the events that came out."""
    headers = {"Content-Type": "application/json"}
    events = [{**one, "team_id": project.tenant.team_id} for one in sent]
    body = json.dumps(events).encode()
    outcomes = json.loads(project.server.send("POST", "/process", headers, body))
    return [outcome["event"] for outcome in outcomes]


def chunk_id_of(bundle: Path) -> str:
    lines = bundle.read_text("utf-8").splitlines()
    (comment,) = (line for line in lines if line.startswith("//# chunkId="))
    return comment.partition("=")[2]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["event", "symbol-set"])
def test_a_build_arrives_and_its_crashes_resolve_to_the_lines_people_wrote(
    project: Project, mode: str
) -> None:
    built = project.build(mode)
    assert built.returncode == 0, built.stderr
    assert f"{project.bundle}: uploaded" in built.stdout
    chunk_id = chunk_id_of(project.bundle)
    (stored,) = project.get(f"symbol_sets?ref={chunk_id}")["results"]
    (release,) = project.get("releases")["results"]
    assert (stored["has_uploaded_file"], stored["failure_reason"]) == (True, None)
    assert (release["project"], release["version"]) == ("shop", "1.2.3")
    assert stored["release"] == (None if mode == "event" else release)
    assert (release["id"] in project.bundle.read_text("utf-8")) is (mode == "event")

    truth = json.loads((SOURCES / "truth.json").read_text("utf-8"))
    ran = crashes(project.bundle)
    raw = [frames(crash["stack"], project.bundle, chunk_id) for crash in ran]
    sent = [event(one, number) for number, one in enumerate(raw)]
    answered = places(resolved(project, sent))
    expected = [[(frame["source"], frame["line"]) for frame in crash["frames"]] for crash in truth]
    assert len(answered) == len(expected) == 4
    pairs = [
        (answer, true)
        for answers, truths in zip(answered, expected, strict=True)
        for answer, true in zip(answers, truths, strict=True)
    ]
    # Terser maps the two `await`s of the third crash to the line before.
    assert sum(same_place(*pair) for pair in pairs) == len(pairs) - 2 == 23


def places(events: list[Json]) -> list[list[tuple[str, int]]]:
    found = []
    for one in events:
        (exception,) = one["properties"]["$exception_list"]
        out = exception["stacktrace"]["frames"][::-1]
        assert all(frame["resolved"] for frame in out), json.dumps(out)
        found.append([(frame["source"], frame["line"]) for frame in out])
    return found


def same_place(answer: tuple[str, int], true: tuple[str, int]) -> bool:
    return Path(answer[0]).name == Path(true[0]).name and answer[1] == true[1]


@pytest.mark.slow
def test_an_unchanged_app_is_built_again_for_another_release_without_a_new_upload(
    project: Project,
) -> None:
    assert project.build("event").returncode == 0
    first = chunk_id_of(project.bundle)
    config = project.folder / "rollup.config.mjs"
    config.write_text(CONFIG.replace("1.2.3", "1.2.4"))
    again = project.build("event", keep=False)
    assert again.returncode == 0, again.stderr
    assert f"{project.bundle}: present" in again.stdout
    assert chunk_id_of(project.bundle) == first
    assert len(project.get("releases")["results"]) == 2
    assert not Path(f"{project.bundle}.map").exists()


@pytest.mark.slow
def test_a_wrong_key_fails_the_build_and_keeps_the_map(project: Project) -> None:
    built = project.build("symbol-set", keep=False, key="phx_wrong")
    assert built.returncode != 0
    assert "401" in built.stderr
    assert "phx_wrong" not in built.stdout + built.stderr
    assert Path(f"{project.bundle}.map").exists()
