"""`/docs` shows every operation, works offline, and sends what its reader fills in."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from symbolicate_api.docs_page import ASSETS, POLICY

if TYPE_CHECKING:
    from tests.api.conftest import Api

SECONDS = 30
FILES = ["/docs", "/docs/docs.css", "/docs/docs.js"]
NO_OTHER_HOST = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]


class Page:
    """A page in a real browser that can reach this machine and nothing else."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0

    def run(self, expression: str) -> Any:
        """Evaluates a script's expression, awaits it, and gives its value."""
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self._ask("Runtime.evaluate", asked)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Evaluates until the value is a true one."""
        give_up = time.monotonic() + SECONDS
        while not (value := self.run(expression)):
            assert time.monotonic() < give_up, f"never true: {expression}"
            time.sleep(0.05)
        return value

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(SECONDS))
            if message.get("id") == self._number:
                result: dict[str, Any] = message["result"]
                return result


@pytest.fixture
def page(shared_api: Api, tmp_path: Path) -> Iterator[Page]:
    """Opens `/docs` in a headless Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here")
    profile = f"--user-data-dir={tmp_path}"
    port = ["--remote-debugging-port=0", f"--host-resolver-rules={NO_OTHER_HOST}", profile]
    browser = subprocess.Popen(
        [program, *OPTIONS, *port, f"{shared_api.address}/docs"], stderr=subprocess.DEVNULL
    )
    try:
        with connect(page_address(tmp_path / "DevToolsActivePort"), max_size=None) as connection:
            opened = Page(connection)
            opened.wait_for("document.querySelector('details.operation') !== null")
            yield opened
    finally:
        browser.terminate()
        browser.wait(SECONDS)


def page_address(port_file: Path) -> str:
    """Waits until the browser says where it listens, and finds its page."""
    give_up = time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        if port_file.exists() and (lines := port_file.read_text().splitlines()):
            targets = httpx.get(f"http://127.0.0.1:{lines[0]}/json").json()
            for target in targets:
                if target["type"] == "page" and target["url"].endswith("/docs"):
                    return str(target["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("the browser did not start")


def test_a_browser_without_a_network_shows_every_operation(shared_api: Api, page: Page) -> None:
    document = shared_api.anonymous.get("/openapi.json").json()
    ids = {one["operationId"] for item in document["paths"].values() for one in item.values()}
    shown = page.run("[...document.querySelectorAll('details.operation')].map((one) => one.id)")
    assert set(shown) == ids
    assert len(shown) == len(ids)


def test_an_opened_operation_shows_its_scope_shapes_and_answers(page: Page) -> None:
    page.run("location.hash = 'releases_create'")
    page.wait_for("document.querySelector('#releases_create form') !== null")
    text = page.run("document.querySelector('#releases_create').textContent")
    wanted = ["error_tracking:write", "NewRelease", '"version": "1.4.2"', "ErrorEnvelope"]
    wanted += ["No such thing in this team", "Try it", "401", "429", "503"]
    assert [one for one in wanted if one not in text] == []


def test_what_is_sent_from_the_page_carries_the_key_and_the_answer_is_shown(
    shared_api: Api, page: Page
) -> None:
    page.run("location.hash = 'releases_create'")
    page.wait_for("document.querySelector('#releases_create form') !== null")
    body = json.dumps({"version": "7", "project": "from the page"})
    page.run(
        f"document.querySelector('#key').value = {json.dumps(shared_api.key)};"
        "const form = document.querySelector('#releases_create form');"
        f"form.elements.namedItem('body').value = {json.dumps(body)};"
        "form.requestSubmit();"
    )
    done = (
        "[...document.querySelectorAll('#releases_create form pre')].map((p) => p.textContent)[0]"
    )
    answer = json.loads(page.wait_for(done))
    assert (answer["project"], answer["version"]) == ("from the page", "7")


def test_the_filter_leaves_what_it_names(page: Page) -> None:
    page.run(
        "document.querySelector('#filter').value = 'POST batch_get';"
        "document.querySelector('#filter').dispatchEvent(new Event('input'))"
    )
    left = "[...document.querySelectorAll('.operation')].filter((one) => one.offsetParent)"
    assert page.run(f"{left}.map((one) => one.id)") == ["stack_frames_batch_get"]


@pytest.mark.parametrize("path", FILES)
def test_every_file_comes_under_the_strict_policy(shared_api: Api, path: str) -> None:
    answer = shared_api.anonymous.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert shared_api.anonymous.head(path).status_code == 200


def test_a_slash_at_the_end_leads_to_the_page(shared_api: Api) -> None:
    answer = shared_api.anonymous.get("/docs/", follow_redirects=True)
    assert answer.url.path == "/docs"
    assert "<title>" in answer.text


@pytest.mark.parametrize("name", sorted(path.name for path in ASSETS.glob("docs.*")))
def test_no_file_names_another_host(name: str) -> None:
    text = (ASSETS / name).read_text("utf-8")
    assert not re.findall(r"(?:https?:|wss?:)?//[\w-]+\.[\w.-]+|@import|url\(", text)


def test_the_policy_allows_this_server_and_nothing_unsafe() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules.values()) <= {"'none'", "'self'", "data:"}
