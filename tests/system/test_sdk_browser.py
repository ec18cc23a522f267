"""posthog-js reports a page's crashes from Chromium to another origin, compressed as it likes."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.system.conftest import Live, Place

NpmInstall = Callable[..., Path]
Shop = Callable[[str], AbstractContextManager[str]]
"""Serves the page, with these options of the SDK, and gives its address."""
Json = dict[str, Any]

SDK = "posthog-js@1.449.2"
OUT = Path(__file__).resolve().parents[2] / "fixtures/js-browser/out"
APP, BANNER = OUT / "app.js", OUT / "banner.js"
LABELS = [
    "banner",
    "unicode-typeerror",
    "sync-typeerror",
    "sync-carterror",
    "async-carterror",
    "deep-recursion",
]
JSON = "application/json"
PATIENCE_SECONDS = 30
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>shop</title>
<script src="/array.no-external.js"></script>
<script>
  posthog.init("{token}", {{
    api_host: "{host}",
    opt_out_useragent_filter: true, // a headless browser counts as a bot
    {options}
  }});
</script>
<script src="/banner.js"></script>
<script src="/app.js"></script>
"""
CHROMIUM = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Pages(ThreadingHTTPServer):
    """Serves the page and its scripts, on an origin of its own."""

    def __init__(self, pages: Mapping[str, tuple[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.pages = pages
        self.address = f"http://127.0.0.1:{self.server_port}"


class Page(BaseHTTPRequestHandler):
    """Answers one request for a page."""

    server: Pages

    def do_GET(self) -> None:
        kind, content = self.server.pages.get(self.path, ("", b""))
        self.send_response_only(200 if content else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        """Takes what the app tells its own server."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stays quiet."""


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium program on the path")
    return found


@pytest.fixture
def shop(live: Live, npm_install: NpmInstall) -> Shop:
    """Serves the page, whose SDK reports to the live server."""
    sdk = npm_install(SDK) / "node_modules/posthog-js/dist/array.no-external.js"
    script = "text/javascript; charset=utf-8"
    scripts = {f"/{file.name}": (script, file.read_bytes()) for file in (sdk, APP, BANNER)}

    @contextmanager
    def serve(options: str) -> Iterator[str]:
        page = PAGE.format(token=live.tenant.project_token, host=live.address, options=options)
        pages = scripts | {"/": ("text/html; charset=utf-8", page.encode())}
        with Pages(pages) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield server.address
            finally:
                server.shutdown()
                thread.join()

    return serve


@contextmanager
def browsing(chromium: str, address: str) -> Iterator[None]:
    """Keeps a page open, in a fresh profile."""
    quiet = subprocess.DEVNULL
    with (
        TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile,
        subprocess.Popen(
            (chromium, *CHROMIUM, f"--user-data-dir={profile}", address),
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
        ) as browser,
    ):
        try:
            yield
        finally:
            browser.terminate()
            try:
                browser.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                browser.kill()


def truths() -> dict[str, dict[tuple[int, int], Place]]:
    """Gives by crash, and by place in the bundle, where the unminified page was."""
    crashes = json.loads((OUT / "crash.json").read_text("utf-8"))
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


def captured(live: Live) -> list[Json]:
    """Gives the events once all have arrived: the SDK takes its time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(events := live.captured("/e/")) < len(LABELS):
        assert time.monotonic() < deadline, live.witness.seen
        time.sleep(0.05)
    return events


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "packed"),
    [
        pytest.param("", None, id="defaults"),
        pytest.param("advanced_disable_flags: true", True, id="gzip-js"),
        pytest.param("disable_compression: true", False, id="with a preflight"),
    ],
)
def test_its_crashes_resolve_to_the_truth(
    live: Live, chromium: str, shop: Shop, options: str, packed: bool | None
) -> None:
    chunk_id, _ = live.upload(APP)
    with shop(options) as address, browsing(chromium, address):
        events = captured(live)
    assert sorted(event["properties"]["label"] for event in events) == sorted(LABELS)
    check_transport(live, address, packed)
    ours = truths()
    seen = 0
    for event in events:
        label = event["properties"]["label"]
        frames = [frame for frame in live.frames(event) if "lineno" in frame]
        if label == "banner":
            (stored,) = live.stored(frames)
            assert (stored["resolved"], stored["symbol_set_ref"]) == (False, None)
            continue
        assert {frame["chunk_id"] for frame in frames} == {chunk_id}
        expected = [ours[label][frame["lineno"], frame["colno"]] for frame in frames]
        assert live.places(frames) == expected
        seen += len(frames)
    # posthog-js leaves out repeated frames of a recursion.
    assert seen == 29


def check_transport(live: Live, origin: str, packed: bool | None) -> None:
    """Checks that the page sent its events to another origin and got them in.

    Left to itself the SDK packs what it sends once it learns, too soon or too late, that it can.
    """
    asked = [one for one in live.witness.seen if one.path.startswith("/e/")]
    posts = [one for one in asked if one.method == "POST"]
    assert {one.status for one in posts} == {200}
    assert {one.headers["origin"] for one in asked} == {origin} != {live.address}
    assert all(one.status < 500 for one in live.witness.seen)
    if packed is not None:
        assert {one.body.startswith(b"\x1f\x8b") for one in posts} == {packed}
        preflights = {one.status for one in asked if one.method == "OPTIONS"}
        assert preflights == (set() if packed else {204})
        # What only a preflight allows; beacons come without one and would hide its failure.
        json_posts = [one for one in posts if one.headers.get("content-type") == JSON]
        assert bool(json_posts) is not packed
