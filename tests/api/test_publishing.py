"""Capture with a broker: events are handed over, and the answer comes after the broker's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import nats
import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api

UUID = "0190aaaa-0000-7000-8000-00000000000"


@pytest.fixture
def api(open_api: Callable[..., Api], nats_server: str) -> Api:
    return open_api(broker_url=nats_server)


def queued(url: str) -> list[Any]:
    """Reads every raw event that lies in the broker, with its message id."""

    async def read() -> list[Any]:
        client = await nats.connect(url)
        stream = client.jetstream()
        count = (await stream.stream_info("exceptions-raw")).state.messages
        found = []
        if count:
            subscription = await stream.pull_subscribe("exceptions.raw", durable="reader")
            for one in await subscription.fetch(count, timeout=5):
                assert one.headers is not None
                found.append((one.headers["Nats-Msg-Id"], json.loads(one.data)))
        await client.close()
        return found

    return asyncio.run(read())


def batch(api: Api, *events: Any) -> dict[str, Any]:
    return {"api_key": api.project_token(), "batch": list(events)}


def test_an_event_lies_in_the_broker_once_it_is_answered(api: Api, nats_server: str) -> None:
    event = api.event(uuid=f"{UUID}1")
    answer = api.anonymous.post("/batch/", json=batch(api, event))
    assert (answer.status_code, answer.json()) == (200, {"status": "Ok"})
    ((message_id, body),) = queued(nats_server)
    assert message_id == f"{UUID}1"
    assert body == {**event, "team_id": 1}
    assert api.post("/stack_frames/batch_get").json()["results"] == []
    assert api.metric('symbolicate_events_total{outcome="queued"}') == 1


def test_an_event_that_comes_twice_is_queued_once(api: Api, nats_server: str) -> None:
    for _ in range(2):
        assert api.anonymous.post("/batch/", json=batch(api, api.event(uuid=f"{UUID}1"))).is_success
    assert len(queued(nats_server)) == 1


def test_events_of_two_teams_with_one_uuid_are_both_queued(api: Api, nats_server: str) -> None:
    event = api.event(uuid=f"{UUID}1")
    for team_id in (1, 2, 1, 2):
        token = api.project_token(team_id)
        sent = {"api_key": token, "batch": [event]}
        assert api.anonymous.post("/batch/", json=sent).is_success
    named = [(message_id, body["team_id"]) for message_id, body in queued(nats_server)]
    assert named == [(f"{UUID}1", 1), (f"2:{UUID}1", 2)]


def test_what_cannot_be_queued_is_invalid_and_harms_no_neighbour(
    api: Api, nats_server: str
) -> None:
    large = api.event(api.frame(context_line="x" * 1_048_576), uuid=f"{UUID}2")
    odd = api.event(uuid="a\r\nheader: b")
    answer = api.anonymous.post(
        "/batch/", json=batch(api, large, odd, api.event(uuid=f"{UUID}3"), 7)
    )
    assert answer.status_code == 200
    assert [message_id for message_id, _ in queued(nats_server)] == [f"{UUID}3"]
    assert api.metric('symbolicate_events_total{outcome="invalid"}') == 3


def test_version_1_of_capture_is_queued_too(api: Api, nats_server: str) -> None:
    event = api.event(uuid=f"{UUID}4")
    headers = {"Authorization": f"Bearer {api.project_token()}"}
    answer = api.anonymous.post("/i/v1/analytics/events", json={"batch": [event]}, headers=headers)
    assert answer.json() == {"results": {f"{UUID}4": {"result": "ok"}}}
    assert len(queued(nats_server)) == 1


def test_process_resolves_inline_all_the_same(api: Api, nats_server: str) -> None:
    event = api.event(uuid=f"{UUID}5") | {"team_id": 1}
    (outcome,) = api.http.post("/process", json=[event]).json()
    assert outcome["status"] == "ok"
    assert queued(nats_server) == []


def test_a_broker_out_of_reach_asks_clients_to_come_back(
    api: Api, stop_nats: Callable[[], None]
) -> None:
    stop_nats()
    answer = api.anonymous.post("/batch/", json=batch(api, api.event(uuid=f"{UUID}6")))
    api.refused(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    ready = api.anonymous.get("/health/ready")
    assert (ready.status_code, ready.json()["out_of_reach"]) == (503, "broker")
    assert api.anonymous.get("/health/live").status_code == 200
