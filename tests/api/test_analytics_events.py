"""SDK capture, version 1: compressions, results by uuid, and the library's name in a header."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import zstandard

from symbolicate.outcome import Outcome

if TYPE_CHECKING:
    from tests.api.conftest import Api

PATH = "/i/v1/analytics/events"
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
KEPT = ("content-type", "content-encoding", "posthog-sdk-info", "posthog-attempt", "user-agent")
MOST = 20 * 1024 * 1024


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def send(api: Api, body: Any, token: str | None = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    bearer = {"Authorization": f"Bearer {token or api.project_token()}"}
    return api.anonymous.post(PATH, content=content, headers=bearer | named)


def results(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {uuid: one["result"] for uuid, one in answer.json()["results"].items()}


@pytest.mark.parametrize(
    "recording", sorted((FIXTURES / "sdk-capture-v1").glob("*.json")), ids=lambda path: path.stem
)
def test_what_real_sdks_send_is_stored(api: Api, recording: Path) -> None:
    (request,) = json.loads(recording.read_text("utf-8"))
    headers = {k: v for k, v in request["headers"].items() if k.lower() in KEPT}
    headers["Authorization"] = f"Bearer {api.project_token()}"
    body = base64.b64decode(request["body_base64"])
    answer = api.anonymous.post(request["path"], content=body, headers=headers)
    found = results(answer)
    assert len(found) > 1
    assert set(found.values()) == {"ok"}
    assert api.metric('symbolicate_events_total{outcome="ok"}') == len(found) - 1
    assert api.metric('symbolicate_events_total{outcome="ignored"}') == 1
    assert api.get("/stack_frames").json()["count"] > 0


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd), ("Identity", bytes)],
)
def test_compressed_bodies_are_read_under_the_cap(
    shared_api: Api, encoding: str, compress: Any
) -> None:
    body = json.dumps({"batch": [{"event": "x", "uuid": "1"}]}).encode()
    answer = send(shared_api, compress(body), content_encoding=encoding)
    assert results(answer) == {"1": "ok"}
    answer = send(shared_api, compress(body + b" " * MOST), content_encoding=encoding)
    shared_api.refused(answer, 413, "request_too_large")
    if encoding != "Identity":
        answer = send(shared_api, compress(body)[:-6], content_encoding=encoding)
        shared_api.refused(answer, 400, "parse_error")


def test_an_unknown_encoding_is_refused(shared_api: Api) -> None:
    answer = send(shared_api, b"{}", content_encoding="br")
    shared_api.refused(answer, 415, "unsupported_media_type")


def test_each_event_gets_its_own_result(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Outcome("ok"), Outcome("invalid", "x"), Outcome("dropped", "y"), Outcome("retry", "z")]
    monkeypatch.setattr(api.symbolicator, "process", lambda *_: made)
    exceptions = [api.event(uuid=str(number)) for number in range(4)]
    answer = send(api, {"batch": [{"event": "other", "uuid": "o"}, *exceptions]})
    assert results(answer) == {"o": "ok", "0": "ok", "1": "drop", "2": "drop", "3": "retry"}


def test_an_event_that_nobody_can_name_has_no_result(shared_api: Api) -> None:
    batch = [{"event": "x"}, {"event": "x", "uuid": 7}, 5, {"event": "x", "uuid": "named"}]
    assert results(send(shared_api, {"batch": batch})) == {"named": "ok"}


@pytest.mark.parametrize(
    ("info", "first"),
    [
        pytest.param("posthog-python/7.91.1", "outer", id="new: the outermost first"),
        pytest.param("posthog-python/7.30.1", "inner", id="old: the root cause first"),
        pytest.param("posthog-python", "inner", id="no version counts as old"),
        pytest.param("posthog-node/1.0.0", "outer", id="another library"),
    ],
)
def test_the_librarys_version_in_the_header_settles_the_order(
    api: Api, monkeypatch: pytest.MonkeyPatch, info: str, first: str
) -> None:
    seen: list[Outcome] = []
    process = api.symbolicator.process

    def watched(team_id: int, events: Any) -> list[Outcome]:
        seen.extend(outcomes := process(team_id, events))
        return outcomes

    monkeypatch.setattr(api.symbolicator, "process", watched)
    listed = [{"type": "outer", "value": "v"}, {"type": "inner", "value": "v"}]
    event = {"event": "$exception", "uuid": "1", "properties": {"$exception_list": listed}}
    assert results(send(api, {"batch": [event]}, posthog_sdk_info=info)) == {"1": "ok"}
    assert seen[0].event is not None
    properties = seen[0].event["properties"]
    assert properties["$exception_list"][0]["type"] == first
    assert properties["$lib"] == info.partition("/")[0]


def test_what_the_event_itself_says_of_its_library_stands(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def process(_team_id: int, events: list[Any]) -> list[Outcome]:
        seen.extend(events)
        return [Outcome("ok")] * len(events)

    monkeypatch.setattr(api.symbolicator, "process", process)
    odd = {"event": "$exception", "uuid": "2", "properties": None}
    answer = send(api, {"batch": [api.event(), odd]}, posthog_sdk_info="posthog-python/7.0.0")
    assert set(results(answer).values()) == {"ok"}
    assert seen[0]["properties"]["$lib"] == "web"
    assert seen[0]["properties"]["$lib_version"] == "7.0.0"
    assert seen[1]["properties"] is None


@pytest.mark.parametrize("body", [[], {"batch": {}}, {}, 5])
def test_a_body_without_a_batch_is_refused(shared_api: Api, body: Any) -> None:
    shared_api.refused(send(shared_api, body), 400, "invalid_input")


def test_a_token_is_needed_and_must_be_known(shared_api: Api) -> None:
    answer = send(shared_api, {"batch": []}, token="phc_nope")
    shared_api.refused(answer, 401, "authentication_failed")
    assert answer.headers["access-control-allow-origin"] == "*"
    answer = shared_api.anonymous.post(f"{PATH}/", json={"batch": []})
    shared_api.refused(answer, 401, "not_authenticated")
