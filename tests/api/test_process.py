"""`POST /process`: who may call, and one outcome per event whatever the others are."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate_api.errors import ApiError
from symbolicate_api.process import check_caller

if TYPE_CHECKING:
    from tests.api.conftest import Api, OpenApi

JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [outcome.get("reason", "ok") for outcome in answer.json()]


def test_outcomes_are_tagged_and_in_order(any_api: Api) -> None:
    other = any_api.event(team_id=2, uuid="2")
    odd = {"event": "order", "team_id": 1, "properties": {}}
    events = [any_api.event(team_id=1, uuid="1"), other, odd, any_api.event(team_id=1, uuid="3")]
    answer = any_api.anonymous.post("/process", json=events)
    assert statuses(answer) == ["ok", "ok", "wrong_event_type", "ok"]
    outcomes = answer.json()
    assert [outcome["status"] for outcome in outcomes] == ["ok", "ok", "invalid", "ok"]
    assert [outcomes[place]["event"]["uuid"] for place in (0, 1, 3)] == ["1", "2", "3"]
    frame = any_api.frames(outcomes[0]["event"])[0]
    batch = any_api.post("/stack_frames/batch_get", {"raw_ids": [frame["raw_id"]]}).json()
    assert batch["results"][0]["contents"] == frame
    assert "context" not in frame
    assert statuses(any_api.anonymous.post("/process/", json=[])) == []


def test_posthogs_shape_is_the_bare_event_or_null(shared_api: Api) -> None:
    events = [shared_api.event(team_id=1), {"team_id": 1}]
    answer = shared_api.anonymous.post("/process?shape=posthog", json=events)
    event, nothing = answer.json()
    assert (answer.status_code, nothing) == (200, None)
    assert shared_api.frames(event)[0]["resolved"] is True


@pytest.mark.parametrize("team_id", [None, "1", 1.0, True, 0, -1, 2**31, [1]])
def test_an_event_without_a_team_is_invalid_and_alone(shared_api: Api, team_id: Any) -> None:
    events = [shared_api.event(team_id=team_id), shared_api.event(team_id=1), 5, None]
    answer = shared_api.anonymous.post("/process", json=events)
    assert statuses(answer) == ["invalid_properties", "ok"] + ["invalid_properties"] * 2


EXCEPTION = b'{"event":"$exception","properties":{"$exception_list":[{"type":"E"}],"x":%b}}'
DEEP = b"[" * 20_000 + b"]" * 20_000


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(b'"x"', "invalid_properties", id="no object"),
        pytest.param(b'{"event":1}', "wrong_event_type", id="no name"),
        pytest.param(
            EXCEPTION % (b"[" * 70 + b"]" * 70),
            "invalid_properties",
            id="deep",
        ),
        pytest.param(
            EXCEPTION % DEEP,
            "invalid_properties",
            id="deeper than any stack",
        ),
        pytest.param(
            EXCEPTION % (b'"' + b"x" * MIB + b'"'),
            "event_too_large",
            id="over a mebibyte",
        ),
        pytest.param(
            b'{"event":"$exception","properties":{"$exception_list":[]}}',
            "empty_exception_list",
            id="no exception",
        ),
    ],
)
def test_a_bad_event_harms_no_neighbour(shared_api: Api, bad: bytes, reason: str) -> None:
    bad = b'{"team_id":1,' + bad[1:] if bad.startswith(b"{") else bad
    good = json.dumps(shared_api.event(team_id=1)).encode()
    body = b"[%b,%b,%b]" % (good, bad, good)
    answer = shared_api.anonymous.post("/process", content=body, headers=JSON)
    assert statuses(answer) == ["ok", reason, "ok"]


def test_an_unknown_platform_costs_its_own_frame_alone(shared_api: Api) -> None:
    odd = ({"platform": "cobol", "x": "\0"}, {"platform": "perl"})
    frames = [shared_api.frame(1), odd[0], shared_api.frame(2), odd[1]]
    event = shared_api.event(*frames, team_id=1)
    (outcome,) = shared_api.anonymous.post("/process", json=[event]).json()
    answers = shared_api.frames(outcome["event"])
    assert [frame.get("failure_code") for frame in answers] == [None, "unsupported"] * 2


def test_lone_surrogates_and_nul_pass_through(any_api: Api) -> None:
    event = any_api.event(any_api.frame(function="a\0\ud800"), team_id=1)
    event["properties"]["note"] = "\udfff\0"
    body = json.dumps([event]).encode()
    answer = any_api.anonymous.post("/process", content=body, headers=JSON)
    assert statuses(answer) == ["ok"]
    done = json.loads(answer.content)[0]["event"]
    assert done["properties"]["note"] == "\udfff\0"
    assert any_api.frames(done)[0]["mangled_name"] == "a\ufffd\ufffd"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "parse_error"),
        (b"[", "parse_error"),
        (b"[NaN]", "parse_error"),
        (b"\xff", "parse_error"),
        (b"{}", "not_a_list"),
        (b'"x"', "not_a_list"),
        (b"[" * 3_000_000, "parse_error"),
    ],
)
def test_what_is_no_array_of_json_is_refused(shared_api: Api, body: bytes, code: str) -> None:
    answer = shared_api.anonymous.post("/process", content=body)
    shared_api.refused(answer, 400, code)


def test_twenty_mebibytes_are_the_most(shared_api: Api) -> None:
    body = b"[" + b" " * (20 * MIB - 2) + b"]"
    assert statuses(shared_api.anonymous.post("/process", content=body)) == []
    answer = shared_api.anonymous.post("/process", content=b" " + body)
    shared_api.refused(answer, 413, "request_too_large")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("Bearer new", 200), ("Bearer old", 200), ("Bearer ol", 401), ("Basic new", 401), ("", 401)],
)
def test_where_there_are_secrets_one_of_them_is_needed(
    open_api: OpenApi, authorization: str, status: int
) -> None:
    api = open_api(process_secrets="new, old,")
    headers = {"Authorization": authorization} if authorization else {}
    answer = api.anonymous.post("/process", json=[], headers=headers)
    assert answer.status_code == status
    if status == 401:
        code = "authentication_failed" if "Bearer" in authorization else "not_authenticated"
        api.refused(answer, 401, code)


@pytest.mark.parametrize(
    ("peer", "headers", "allowed"),
    [
        (("127.0.0.1", 1), [], True),
        (("127.8.8.8", 1), [], True),
        (("::1", 1), [], True),
        (("::ffff:127.0.0.1", 1), [], True),
        (("10.0.0.1", 1), [], False),
        (("::ffff:10.0.0.1", 1), [], False),
        (("unix", 0), [], False),
        (None, [], False),
        (("127.0.0.1", 1), [(b"x-forwarded-for", b"127.0.0.1")], False),
        (("127.0.0.1", 1), [(b"forwarded", b"for=127.0.0.1")], False),
        (("127.0.0.1", 1), [(b"x-forwarded-for", b"")], False),
    ],
)
def test_where_there_are_none_only_this_machine_may_call(
    peer: tuple[str, int] | None, headers: list[tuple[bytes, bytes]], allowed: bool
) -> None:
    scope = {"type": "http", "client": peer, "headers": headers}
    if allowed:
        check_caller(scope, [])
    else:
        with pytest.raises(ApiError) as refused:
            check_caller(scope, [])
        assert refused.value.status == 401


def test_one_request_too_many_is_told_to_come_back(
    open_api: OpenApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = open_api(max_in_flight=2)
    inside = Barrier(3)
    done = Barrier(3)
    process = api.symbolicator.process

    def slow(*given: Any) -> Any:
        inside.wait(20)
        done.wait(20)
        return process(*given)

    monkeypatch.setattr(api.symbolicator, "process", slow)
    body = [api.event(team_id=1)]
    with ThreadPoolExecutor(2) as threads:
        held = [threads.submit(api.anonymous.post, "/process", json=body) for _ in range(2)]
        inside.wait(20)
        answer = api.anonymous.post("/process", json=body)
        live = api.anonymous.get("/health/live")
        done.wait(20)
    detail = api.refused(answer, 429, "throttled")
    assert detail == "Request was throttled. Expected available in 1 seconds."
    assert answer.headers["retry-after"] == "1"
    assert live.status_code == 200
    assert [statuses(one.result()) for one in held] == [["ok"], ["ok"]]
    monkeypatch.undo()
    assert statuses(api.anonymous.post("/process", json=body)) == ["ok"]


def test_every_event_is_counted_by_its_outcome(api: Api) -> None:
    events = [api.event(team_id=1), api.event(), {"team_id": 1}]
    api.anonymous.post("/process", json=events)
    assert api.metric('symbolicate_events_total{outcome="ok"}') == 1
    assert api.metric('symbolicate_events_total{outcome="invalid"}') == 2
