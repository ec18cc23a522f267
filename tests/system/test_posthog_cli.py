"""PostHog's command-line client reads and changes what we have, and is told what we have not."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

if TYPE_CHECKING:
    from tests.system.conftest import Live

NpmInstall = Callable[..., Path]
Json = dict[str, Any]

CLIENT = "@posthog/cli@0.18.3"
PROGRAM = "node_modules/@posthog/cli/lib/posthog-api-cli.mjs"
BUNDLE = Path(__file__).resolve().parents[2] / "fixtures/js-esbuild/out/chunk-id/app.js"
OTHER = BUNDLE.parents[3] / "js-browser/out/app.js"
PATIENCE_SECONDS = 60
ID = "0199c0de-0000-7000-8000-000000000042"
FILTERS = {"filters": {"type": "AND", "values": []}}
ABSENT: dict[str, Json] = {
    "error-tracking-alerts-list": {"type": ["internal_destination"], "limit": 5},
    "error-tracking-assignment-rules-create": {**FILTERS, "assignee": {"type": "user", "id": 1}},
    "error-tracking-bypass-rules-update": {"id": ID, **FILTERS},
    "error-tracking-external-references-create": {"integration_id": 1, "config": {}, "issue": ID},
    "error-tracking-grouping-rules-list": {},
    "error-tracking-issues-merge-create": {"id": ID, "ids": [ID]},
    "error-tracking-severity-rules-list": {},
    "error-tracking-suppression-rules-update": {"id": ID, "sampling_rate": 1},
    "query-error-tracking-issues-list": {},
}
"""A tool for each of the resources that we have not."""
NOT_FOUND = '{"type":"invalid_request","code":"not_found","detail":"Not found.","attr":null}'
NO_LIMITS = {
    "project_rate_limit_value": None,
    "project_rate_limit_bucket_size_minutes": None,
    "per_issue_rate_limit_value": None,
    "per_issue_rate_limit_bucket_size_minutes": None,
}


class Cli(NamedTuple):
    """The client, installed, with the live server and a key of its team in its environment."""

    folder: Path
    live: Live

    def run(
        self, tool: str, given: Json, key: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        ours = {
            "POSTHOG_CLI_HOST": self.live.address,
            "POSTHOG_CLI_API_KEY": key or self.live.tenant.key,
            "POSTHOG_CLI_PROJECT_ID": str(self.live.tenant.team_id),
        }
        return subprocess.run(
            ("node", PROGRAM, "call", "--json", "--confirm", tool, json.dumps(given)),
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **ours},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )

    def call(self, tool: str, **given: Any) -> Json:
        done = self.run(tool, given)
        assert done.returncode == 0, done.stderr
        answer: Json = json.loads(done.stdout)
        return answer

    def statuses(self) -> list[int]:
        """Gives every status that the client got, in order of size."""
        return sorted(one.status for one in self.live.witness.seen)


@pytest.fixture
def cli(live: Live, npm_install: NpmInstall) -> Cli:
    return Cli(npm_install(CLIENT), live)


@pytest.mark.slow
def test_symbol_sets_are_listed_retrieved_and_downloaded(cli: Cli) -> None:
    release = cli.live.post("releases", {"project": "shop", "version": "1.2.3"})
    ref, container = cli.live.upload(BUNDLE, release["id"])
    cli.live.upload(OTHER)
    listed = cli.call("error-tracking-symbol-sets-list", search="SHOP", status="valid", limit=5)
    assert (listed["count"], listed["next"], listed["previous"]) == (1, None, None)
    (found,) = listed["results"]
    assert (found["ref"], found["has_uploaded_file"], found["failure_reason"]) == (ref, True, None)
    assert found["release"] == release
    retrieved = cli.call("error-tracking-symbol-sets-retrieve", id=found["id"])
    assert {name: retrieved[name] for name in found} == found
    given = cli.call("error-tracking-symbol-sets-download-retrieve", id=found["id"])
    assert httpx.get(given["url"]).content == container
    assert set(cli.statuses()) == {200}


@pytest.mark.slow
def test_settings_are_read_and_changed(cli: Cli) -> None:
    assert cli.call("error-tracking-settings-get") == NO_LIMITS
    given = {"project_rate_limit_value": 5000, "project_rate_limit_bucket_size_minutes": 60}
    assert cli.call("error-tracking-settings-update", **given) == NO_LIMITS | given
    cleared = {"project_rate_limit_value": None}
    assert cli.call("error-tracking-settings-update", **cleared) == NO_LIMITS | given | cleared
    assert set(cli.statuses()) == {200}


@pytest.mark.slow
def test_recommendations_are_listed(cli: Cli) -> None:
    listed = cli.call("error-tracking-recommendations-list")
    kinds = ["alerts", "long_running_issues", "rate_limits", "source_maps"]
    assert [row["type"] for row in listed["results"]] == kinds
    assert not any(row["dismissed_at"] for row in listed["results"])
    assert set(cli.statuses()) == {200}


@pytest.mark.slow
def test_what_is_not_there_is_a_clean_404(cli: Cli) -> None:
    with ThreadPoolExecutor(2) as pool:
        ended = dict(zip(ABSENT, pool.map(cli.run, ABSENT, ABSENT.values()), strict=True))
    for tool, done in ended.items():
        assert (done.returncode, done.stdout) == (1, ""), tool
        assert "Status Code: 404 (Not Found)" in done.stderr, tool
        assert NOT_FOUND in done.stderr, tool
    # Before each call the client asks who it is: about its key, its user and its project.
    assert cli.statuses() == [200] * 3 * len(ABSENT) + [404] * len(ABSENT)


@pytest.mark.slow
def test_a_wrong_key_is_told_so(cli: Cli) -> None:
    done = cli.run("error-tracking-settings-get", {}, key="phx_wrong")
    assert (done.returncode, done.stdout) == (1, "")
    assert 401 in cli.statuses()
    assert set(cli.statuses()) <= {401, 404}
