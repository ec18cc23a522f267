"""Real crashes through the façade: every frame as a second resolver and the truth have it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
import zstandard

from symbolicate import Frame, Outcome, Symbolicator

Json = dict[str, Any]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TEAM = 1


class Bundle(NamedTuple):
    """A bundle, how many frames of its crashes lie in it, and how many its map gets right."""

    file: str
    frames: int
    exact: int

    @property
    def path(self) -> Path:
        return FIXTURES / self.file

    @property
    def ref(self) -> str:
        """The chunk id in the bundle; its name where it has none."""
        found = re.search(r"^//# (?:chunkId|debugId)=(\S+)$", self.path.read_text("utf-8"), re.M)
        return found[1] if found else self.file


BUNDLES = [
    Bundle("js-esbuild/out/plain/app.js", 25, 25),
    Bundle("js-esbuild/out/chunk-id/app.js", 25, 25),
    Bundle("js-rollup/out/plain/app.mjs", 25, 23),
    Bundle("js-rollup/out/chunk-id/app.mjs", 25, 23),
    Bundle("js-rollup-plugin/out/event/app.mjs", 25, 23),
    Bundle("js-rollup-plugin/out/symbol-set/app.mjs", 25, 23),
    Bundle("js-browser/out/app.js", 33, 33),
]
RECORDINGS = [*sorted(FIXTURES.glob("sdk-*/*.json")), FIXTURES / "js-browser/out/requests.json"]
each_bundle = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.file)
each_platform = pytest.mark.parametrize(
    "platform", ["web:javascript", "javascript", "node:javascript"]
)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def crash_frames(bundle: Bundle) -> list[Json]:
    crashes = load(bundle.path.parent / "crash.json")
    frames = [frame for crash in crashes for frame in crash["frames"]]
    return [frame for frame in frames if frame["file"] == bundle.path.name]


@pytest.fixture(scope="module")
def symbolicator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Symbolicator]:
    """Knows the map of every bundle, by its chunk id and by the URL of its script."""
    with Symbolicator.open(tmp_path_factory.mktemp("golden")) as opened:
        for bundle in BUNDLES:
            source, source_map = bundle.path.read_bytes(), Path(f"{bundle.path}.map").read_bytes()
            for ref in (bundle.ref, url(bundle)):
                opened.add_symbol_set(TEAM, ref, source=source, map=source_map)
        yield opened


def url(bundle: Bundle) -> str:
    return f"https://shop.test/{bundle.file}"


def raw_frame(bundle: Bundle, frame: Json, platform: str) -> Json:
    return {
        "platform": platform,
        "function": frame["function"] or "?",
        "filename": url(bundle),
        "lineno": frame["line"],
        "colno": frame["column"],
        "chunk_id": bundle.ref,
    }


def resolved(symbolicator: Symbolicator, raw_frames: list[Json]) -> list[Frame]:
    found = symbolicator.resolve(TEAM, raw_frames)
    assert all(len(frames) == 1 for frames in found)
    return [frames[0] for frames in found]


def place(contents: Json) -> tuple[Any, Any, Any]:
    return contents["source"], contents["line"], contents["column"]


@each_platform
@each_bundle
def test_every_frame_equals_the_independent_answer_and_the_truth_where_the_map_has_it(
    symbolicator: Symbolicator, bundle: Bundle, platform: str
) -> None:
    crashed = crash_frames(bundle)
    frames = resolved(symbolicator, [raw_frame(bundle, frame, platform) for frame in crashed])
    assert len(frames) == bundle.frames
    assert [place(f.contents) for f in frames] == [place(c["expected"]) for c in crashed]
    exact = [place(f.contents) == place(c["truth"]) for f, c in zip(frames, crashed, strict=True)]
    assert sum(exact) == bundle.exact
    assert all(frame.resolved and frame.failure_code is None for frame in frames)


@each_bundle
def test_a_script_is_found_by_its_url_as_by_its_chunk_id(
    symbolicator: Symbolicator, bundle: Bundle
) -> None:
    by_id = [raw_frame(bundle, frame, "web:javascript") for frame in crash_frames(bundle)]
    by_url = [{key: value for key, value in raw.items() if key != "chunk_id"} for raw in by_id]
    one, other = resolved(symbolicator, by_id), resolved(symbolicator, by_url)
    assert [place(frame.contents) for frame in one] == [place(frame.contents) for frame in other]
    assert {frame.symbol_set_ref for frame in other} == {url(bundle)}


@each_bundle
def test_the_line_of_a_frame_is_the_line_of_its_context(
    symbolicator: Symbolicator, bundle: Bundle
) -> None:
    raw_frames = [raw_frame(bundle, frame, "web:javascript") for frame in crash_frames(bundle)]
    source_map = load(Path(f"{bundle.path}.map"))
    texts = dict(zip(source_map["sources"], source_map["sourcesContent"], strict=True))
    for frame in resolved(symbolicator, raw_frames):
        assert frame.context is not None
        line = frame.context["line"]
        assert line["number"] == frame.contents["line"]
        assert line["line"] == texts[frame.contents["source"]].split("\n")[line["number"] - 1]


def bare(function: str) -> str:
    """The last part of a name, without what engines and maps put before it."""
    name = re.sub(r"^(async |new )+", "", function).rpartition(".")[2]
    return name.removeprefix("_").removeprefix("#")


@each_platform
@each_bundle
def test_every_function_that_the_engine_named_has_its_name(
    symbolicator: Symbolicator, bundle: Bundle, platform: str
) -> None:
    named = [
        frame
        for frame in crash_frames(bundle)
        if frame["truth"]["function"] and "<anonymous>" not in frame["truth"]["function"]
    ]
    frames = resolved(symbolicator, [raw_frame(bundle, frame, platform) for frame in named])
    assert len(frames) > 15
    names = [bare(frame.contents.get("resolved_name", "")) for frame in frames]
    assert names == [bare(frame["truth"]["function"]) for frame in named]


def from_form(body: bytes) -> bytes:
    return base64.b64decode(unquote(body.decode("ascii").removeprefix("data=")))


def unzstd(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


def decoded(request: Json) -> Any:
    """The JSON of a recorded body; an empty one is an empty batch."""
    if "body" in request:
        return request["body"]
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
    return json.loads(body or b'{"batch": []}')


def exception_events(recording: Path) -> list[Json]:
    events: list[Json] = []
    for request in load(recording):
        body = decoded(request)
        events += body["batch"] if isinstance(body, dict) and "batch" in body else [body]
    return [event for event in events if event["event"] == "$exception"]


def stacks(event: Json) -> list[list[Json]]:
    listed = event["properties"]["$exception_list"]
    return [exception["stacktrace"]["frames"] for exception in listed]


def sent_and_answered(event: Json, outcome: Outcome) -> Iterator[tuple[Json, Json]]:
    assert outcome.status == "ok", outcome
    assert outcome.event is not None
    for sent, answered in zip(stacks(event), stacks(outcome.event), strict=True):
        yield from zip(sent, answered, strict=True)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_what_sdks_send_is_processed_whole(symbolicator: Symbolicator, recording: Path) -> None:
    events = exception_events(recording)
    outcomes = symbolicator.process(TEAM, events)
    assert len(outcomes) == len(events)
    for event, outcome in zip(events, outcomes, strict=True):
        for sent, answered in sent_and_answered(event, outcome):
            assert answered["mangled_name"] == sent["function"]
            assert answered["lang"] == sent["platform"].rpartition(":")[2]
            unknown = sent.get("chunk_id") and sent["chunk_id"] not in KNOWN
            assert answered.get("failure_code") == ("no_symbol_set" if unknown else None)
            if sent.get("chunk_id") in KNOWN:
                by_place = KNOWN[sent["chunk_id"]]
                expected = by_place.get((sent["lineno"], sent["colno"]))
                assert expected is None or place(answered) == place(expected)
                assert answered["resolved"]


KNOWN = {
    bundle.ref: {(f["line"], f["column"]): f["expected"] for f in crash_frames(bundle)}
    for bundle in BUNDLES
}


def test_the_recordings_hold_what_they_are_here_for() -> None:
    frames = [
        frame
        for recording in RECORDINGS
        for event in exception_events(recording)
        for stack in stacks(event)
        for frame in stack
    ]
    assert {frame["platform"] for frame in frames} == {
        "web:javascript",
        "node:javascript",
        "python",
    }
    answered = [frame for frame in frames if frame.get("chunk_id") in KNOWN]
    known = [
        frame for frame in answered if (frame["lineno"], frame["colno"]) in KNOWN[frame["chunk_id"]]
    ]
    assert len(known) > 100
    assert any("code_variables" in frame for frame in frames)
