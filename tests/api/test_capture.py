"""SDK capture: real recordings, and what becomes of a request from anywhere."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from symbolicate.outcome import Outcome
from symbolicate_api.limits import InFlight

if TYPE_CHECKING:
    from tests.api.conftest import Api, OpenApi

PATHS = ("/batch/", "/batch", "/e/", "/e", "/i/v0/e/", "/i/v0/e")
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
OURS = ("host", "content-length", "connection", "accept-encoding", "transfer-encoding")

RECORDINGS = [
    pytest.param(path, id=f"{path.parent.name}/{path.stem}")
    for folder in ("sdk-web", "sdk-node", "sdk-python")
    for path in sorted((FIXTURES / folder).glob("*.json"))
]


def capture(api: Api, body: Any, path: str = "/batch/", **given: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.anonymous.post(path, content=content, **given)


def replay(api: Api, request: dict[str, Any], token: str) -> httpx.Response:
    """Sends a recorded request as it was, but for the project token."""
    headers = {k: v for k, v in request["headers"].items() if k.lower() not in OURS}
    if "body" in request:
        body = json.dumps(request["body"]).replace("phc_test", token).encode()
    else:
        body = retoken(base64.b64decode(request["body_base64"]), token.encode())
    return api.anonymous.request(request["method"], request["path"], content=body, headers=headers)


def retoken(body: bytes, token: bytes) -> bytes:
    """Puts our project token into a body, wrapped as it was."""
    if body.startswith(b"\x1f\x8b"):
        return gzip.compress(gzip.decompress(body).replace(b"phc_web", token))
    if body.startswith(b"data="):
        form = httpx.QueryParams(body.decode())
        plain = base64.b64decode(form["data"]).replace(b"phc_web", token)
        return str(httpx.QueryParams({"data": base64.b64encode(plain).decode()})).encode()
    return body.replace(b"phc_web", token)


@pytest.mark.parametrize("recording", RECORDINGS)
def test_what_real_sdks_send_is_stored(api: Api, recording: Path) -> None:
    token = api.project_token()
    for request in json.loads(recording.read_text("utf-8")):
        answer = replay(api, request, token)
        assert answer.headers["access-control-allow-origin"] == "*"
        if request["method"] == "OPTIONS":
            assert answer.headers["access-control-allow-headers"] == "content-type"
            assert "POST" in answer.headers["access-control-allow-methods"]
            assert answer.status_code == 204
        else:
            assert (answer.status_code, answer.json()) == (200, {"status": "Ok"})
    assert api.metric('symbolicate_events_total{outcome="ok"}') > 0
    assert api.metric('symbolicate_events_total{outcome="invalid"}') == 0
    assert api.get("/stack_frames").json()["count"] > 0


@pytest.mark.parametrize("path", PATHS)
def test_every_path_takes_every_token_place(shared_api: Api, path: str) -> None:
    token = shared_api.project_token()
    event = shared_api.event()
    inside = json.loads(json.dumps(event))
    inside["properties"]["token"] = token
    bodies = [
        {"api_key": token, "batch": [event]},
        {"token": token, "batch": [event]},
        {"batch": [inside]},
        [inside, inside],
        inside,
        event | {"api_key": token},
    ]
    for body in bodies:
        answer = capture(shared_api, body, path)
        assert (answer.status_code, answer.json()) == (200, {"status": "Ok"}), body


def test_the_answer_comes_after_the_frames_are_stored(any_api: Api) -> None:
    body = {"api_key": any_api.project_token(), "batch": [any_api.event()]}
    assert capture(any_api, body).status_code == 200
    (frame,) = any_api.get("/stack_frames").json()["results"]
    assert frame["contents"]["mangled_name"] == "total_0"


def test_events_go_to_the_team_of_the_token_whatever_they_say(api: Api) -> None:
    body = {"api_key": api.project_token(2), "batch": [api.event(team_id=1)]}
    assert capture(api, body).status_code == 200
    assert api.get("/stack_frames").json()["count"] == 0


def test_other_events_are_taken_and_counted(api: Api) -> None:
    batch = [{"event": "$pageview"}, {"event": "order"}, api.event(), {"no": 1}, 5]
    assert capture(api, {"api_key": api.project_token(), "batch": batch}).status_code == 200
    counts = {
        outcome: api.metric(f'symbolicate_events_total{{outcome="{outcome}"}}')
        for outcome in ("ignored", "ok", "invalid")
    }
    assert counts == {"ignored": 2, "ok": 1, "invalid": 2}


def test_an_event_without_a_uuid_gets_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def process(_team_id: int, events: list[Any]) -> list[Outcome]:
        seen.extend(events)
        return [Outcome("ok", None, event) for event in events]

    monkeypatch.setattr(api.symbolicator, "process", process)
    batch = [{"event": "$exception"}, {"event": "$exception", "uuid": ""}, api.event(uuid="mine")]
    assert capture(api, {"api_key": api.project_token(), "batch": batch}).status_code == 200
    uuids = [event["uuid"] for event in seen]
    assert uuids[2] == "mine"
    assert len({*uuids, ""}) == 4


@pytest.mark.parametrize("outcomes", [["retry", "ok"], ["ok", "retry"]])
def test_a_batch_with_a_retry_is_to_be_sent_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, outcomes: list[Any]
) -> None:
    made = [Outcome(status) for status in outcomes]
    monkeypatch.setattr(api.symbolicator, "process", lambda *_: made)
    answer = capture(api, {"api_key": api.project_token(), "batch": [api.event()] * 2})
    api.refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_invalid_and_dropped_events_are_not_sent_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [Outcome("invalid", "x"), Outcome("dropped", "y")]
    monkeypatch.setattr(api.symbolicator, "process", lambda *_: made)
    answer = capture(api, {"api_key": api.project_token(), "batch": [api.event()] * 2})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({"batch": []}, 401, "not_authenticated", id="no token"),
        pytest.param({"api_key": "x", "batch": []}, 401, "authentication_failed", id="unknown"),
        pytest.param({"api_key": "\0", "batch": []}, 401, "authentication_failed", id="NUL"),
        pytest.param({"api_key": "\ud800", "batch": []}, 401, "authentication_failed", id="half"),
        pytest.param([{"token": "a"}, {"token": "b"}], 400, "invalid_input", id="two tokens"),
        pytest.param(b"[", 400, "parse_error", id="no JSON"),
        pytest.param(b"{}", 400, "invalid_input", id="no events"),
        pytest.param(b" " * (20 * 1024 * 1024 + 1), 413, "request_too_large", id="too large"),
        pytest.param(
            gzip.compress(b" " * (20 * 1024 * 1024 + 1)), 413, "request_too_large", id="bomb"
        ),
    ],
)
def test_refusals_can_be_read_by_a_page_of_any_origin(
    shared_api: Api, body: Any, status: int, code: str
) -> None:
    answer = capture(shared_api, body, headers={"Origin": "https://shop.example"})
    shared_api.refused(answer, status, code)
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_deep_event_harms_no_neighbour(api: Api) -> None:
    deep = json.dumps(api.event()).encode().replace(b'"web"', b"[" * 9000 + b"]" * 9000)
    good = json.dumps(api.event()).encode()
    token = api.project_token().encode()
    body = b'{"api_key":"%b","batch":[%b,%b,%b]}' % (token, good, deep, good)
    assert capture(api, body).status_code == 200
    assert api.metric('symbolicate_events_total{outcome="ok"}') == 2
    assert api.metric('symbolicate_events_total{outcome="invalid"}') == 1


def test_a_preflight_allows_what_the_browser_asks_for(shared_api: Api) -> None:
    asked = {"Access-Control-Request-Headers": "content-type,x-anything", "Origin": "null"}
    for path in (*PATHS, "/i/v1/analytics/events"):
        answer = shared_api.anonymous.options(path, headers=asked)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-headers"] == "content-type,x-anything"


def test_another_method_is_refused(shared_api: Api) -> None:
    answer = shared_api.anonymous.get("/e/")
    shared_api.refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST, OPTIONS"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_one_request_too_many_is_told_to_come_back(
    open_api: OpenApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate_api.wiring.InFlight", lambda _most: InFlight(0))
    api = open_api()
    answer = capture(api, {"api_key": api.project_token(), "batch": []})
    api.refused(answer, 429, "throttled")
    assert answer.headers["retry-after"] == "1"
