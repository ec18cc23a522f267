"""The recorded SDK requests are what their folders say, and show no path of their machine."""

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import zstandard

Json = dict[str, Any]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:home|root|tmp|work|Users|private|mnt|opt|var|workspace|builds?)/[\w.-]+"
)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def application_frames(bundle: str) -> list[Json]:
    path = FIXTURES / bundle
    crashes = load(path.parent / "crash.json")
    return [f for crash in crashes for f in crash["frames"] if f["file"] == path.name]


def events(requests: list[Json]) -> Iterator[Json]:
    for request in requests:
        yield from request["body"]["batch"]


def sdk_frames(event: Json) -> Iterator[tuple[int, int, Json]]:
    for i, exception in enumerate(event["properties"].get("$exception_list", ())):
        for j, frame in enumerate(exception["stacktrace"]["frames"]):
            yield i, j, frame


def from_form(body: bytes) -> bytes:
    return base64.b64decode(unquote(body.decode("ascii").removeprefix("data=")))


def unzstd(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


def decoded(request: Json) -> Any:
    """The JSON of a raw recording, told from its first bytes; None for an empty body."""
    body = base64.b64decode(request["body_base64"])
    decoders: list[tuple[bytes, Callable[[bytes], bytes]]] = [
        (b"\x1f\x8b", gzip.decompress),
        (b"x\x9c", zlib.decompress),
        (b"\x28\xb5\x2f\xfd", unzstd),
        (b"data=", from_form),
    ]
    for magic, decode in decoders:
        if body.startswith(magic):
            return json.loads(decode(body))
    return json.loads(body or b"null")


@pytest.mark.parametrize(
    "text",
    ['"/home/ann/x.js"', "at f (/tmp/a.1/app.js:1:2)", "file:///root/app.mjs", "cd /Users/ann"],
)
def test_a_path_of_a_machine_is_recognised(text: str) -> None:
    assert MACHINE_PATH.search(text)


def test_no_fixture_shows_a_path_of_the_machine_that_made_it() -> None:
    files = [
        path for path in FIXTURES.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    assert len(files) > 60
    found = {
        str(path.relative_to(FIXTURES)): match.group()
        for path in files
        if (match := MACHINE_PATH.search(text_of(path)))
    }
    assert found == {}


def text_of(path: Path) -> str:
    """The file's text, followed by what its base64 bodies hold."""
    text = path.read_bytes().decode("utf-8", "replace")
    if "body_base64" not in text or path.suffix != ".json":
        return text
    return text + "".join(json.dumps(decoded(request)) for request in load(path))


@pytest.mark.parametrize(
    ("name", "bundle", "mapped"),
    [
        ("esbuild-plain", "js-esbuild/out/plain/app.js", 0),
        ("esbuild-chunk-id", "js-esbuild/out/chunk-id/app.js", 19),
        ("rollup-chunk-id", "js-rollup/out/chunk-id/app.mjs", 19),
        ("rollup-plugin-event", "js-rollup-plugin/out/event/app.mjs", 19),
    ],
)
def test_node_recording_reports_frames_of_its_bundle(name: str, bundle: str, mapped: int) -> None:
    known = {(frame["line"], frame["column"]) for frame in application_frames(bundle)}
    recorded = list(events(load(FIXTURES / f"sdk-node/{name}.json")))
    frames = [f for event in recorded for _, _, f in sdk_frames(event)]
    ours = [f for f in frames if f["filename"].startswith("dist/")]
    assert len(recorded) == 4
    assert len(ours) == 19
    assert {(f["lineno"], f["colno"]) for f in ours} <= known
    assert sum("chunk_id" in f for f in frames) == mapped


def test_browser_recording_has_one_event_of_the_banner_and_five_of_the_app() -> None:
    requests = load(FIXTURES / "js-browser/out/requests.json")
    labels = sorted(event["properties"]["label"] for event in events(requests))
    assert labels == [
        "async-carterror",
        "banner",
        "deep-recursion",
        "sync-carterror",
        "sync-typeerror",
        "unicode-typeerror",
    ]
    assert {request["path"] for request in requests} == {"/e/"}


def test_python_recording_runs_from_the_outermost_exception_to_its_cause() -> None:
    (event,) = events(load(FIXTURES / "sdk-python/chained.json"))
    exceptions = event["properties"]["$exception_list"]
    assert [exception["type"] for exception in exceptions] == ["RuntimeError", "CartError"]
    assert exceptions[1]["stacktrace"]["frames"][-1]["function"] == "line_total"


@pytest.mark.parametrize(
    ("name", "path", "content_type", "start"),
    [
        ("default", "/e/", "text/plain", b"\x1f\x8b"),
        ("cross-origin", "/e/", "application/json", b"{"),
        ("beacon", "/e/", "text/plain", b"\x1f\x8b"),
        (
            "beacon-base64",
            "/e/?compression=base64",
            "application/x-www-form-urlencoded",
            b"data=",
        ),
    ],
)
def test_web_recording_is_of_its_kind(
    name: str, path: str, content_type: str, start: bytes
) -> None:
    *preflight, request = load(FIXTURES / f"sdk-web/{name}.json")
    headers = {header.lower(): value for header, value in request["headers"].items()}
    assert request["path"] == path
    assert headers["content-type"] == content_type
    assert headers["origin"] != f"http://{headers['host']}"
    assert base64.b64decode(request["body_base64"]).startswith(start)
    assert {event["event"] for event in decoded(request)["batch"]} == {"$exception"}
    assert [r["method"] for r in preflight] == (["OPTIONS"] if name == "cross-origin" else [])


@pytest.mark.parametrize(
    ("sdk", "compression"),
    [
        ("python-none", None),
        ("python-gzip", "gzip"),
        ("python-deflate", "deflate"),
        ("python-zstd", "zstd"),
        ("node-none", None),
        ("node-gzip", "gzip"),
    ],
)
def test_capture_v1_recording_names_its_sdk_in_the_header_alone(
    sdk: str, compression: str | None
) -> None:
    (request,) = load(FIXTURES / f"sdk-capture-v1/{sdk}.json")
    headers = request["headers"]
    assert request["path"] == "/i/v1/analytics/events"
    assert headers["Authorization"] == "Bearer phc_test"
    assert headers["PostHog-Sdk-Info"] in ("posthog-python/7.91.1", "posthog-node/5.70.0")
    assert headers.get("Content-Encoding") == compression
    batch = decoded(request)["batch"]
    assert {event["event"] for event in batch} == {"$exception", "order_failed"}
    assert not any({"$lib", "$lib_version"} & set(event["properties"]) for event in batch)
