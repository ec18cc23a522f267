"""posthog-node reports the crashes of a bundled app, and they come out where people wrote them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.system.conftest import Live, Place

NpmInstall = Callable[..., Path]
Json = dict[str, Any]

SDK = "posthog-node@5.70.0"
BUNDLE = Path(__file__).resolve().parents[2] / "fixtures/js-esbuild/out/chunk-id/app.js"
PATIENCE_SECONDS = 60
SCRIPT = """
import { PostHog } from "posthog-node";
import app from "./app.js";
const { TOKEN, HOST } = process.env;
const client = new PostHog(TOKEN, { host: HOST });
const caught = [];
await app.main((label, error) => caught.push([label, error]));
for (const [label, error] of caught) client.captureException(error, "user_2", { label });
client.capture({ distinctId: "user_2", event: "order_failed" });
await client.shutdown();
"""


def crash(live: Live, folder: Path, packages: Path, **environment: str) -> None:
    """Runs the app with its map out of reach; it reports and waits until all is sent."""
    (folder / "node_modules").symlink_to(packages / "node_modules")
    (folder / "report.mjs").write_text(SCRIPT)
    shutil.copy(BUNDLE, folder / "app.js")
    ours = {"TOKEN": live.tenant.project_token, "HOST": live.address, **environment}
    done = subprocess.run(
        ("node", "report.mjs"),
        cwd=folder,
        env={"PATH": os.environ["PATH"], **ours},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")


def truths() -> dict[str, dict[tuple[int, int], Place]]:
    """Gives by crash, and by place in the bundle, where the unminified app was."""
    crashes = json.loads((BUNDLE.parent / "crash.json").read_text("utf-8"))
    return {
        one["label"]: {
            (frame["line"], frame["column"]): tuple(
                frame["truth"][key] for key in ("source", "line", "column")
            )
            for frame in one["frames"]
            if frame["truth"]
        }
        for one in crashes
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "path"),
    [
        pytest.param({}, "/batch/", id="v0"),
        pytest.param({"POSTHOG_CAPTURE_MODE": "v1"}, "/i/v1/analytics/events", id="v1"),
    ],
)
def test_its_crashes_resolve_to_the_truth(
    live: Live, npm_install: NpmInstall, tmp_path: Path, environment: dict[str, str], path: str
) -> None:
    packages = npm_install(SDK)
    chunk_id, _ = live.upload(BUNDLE)
    crash(live, tmp_path, packages, **environment)
    events = live.captured(path)
    assert {one.status for one in live.witness.seen} == {200}
    ours = truths()
    assert sorted(event["properties"]["label"] for event in events) == sorted(ours)
    seen = 0
    for event in events:
        frames = [frame for frame in live.frames(event) if frame["filename"].endswith("app.js")]
        assert {frame["chunk_id"] for frame in frames} == {chunk_id}
        true = ours[event["properties"]["label"]]
        expected = [true[frame["lineno"], frame["colno"]] for frame in frames]
        assert live.places(frames) == expected
        seen += len(frames)
    # posthog-node leaves out repeated frames of a recursion and what is below the script.
    assert seen == 19
