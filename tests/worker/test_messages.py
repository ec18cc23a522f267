"""Messages: what is an event, and that every byte of what is none is kept or said to be cut."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate import Outcome
from symbolicate.services.brokers import HEADER_BYTES
from symbolicate_worker.messages import (
    KEPT_BYTES,
    Unusable,
    dead_letter,
    outcome_bytes,
    read_event,
)

MOST = 1_048_576


def sent(**given: Any) -> bytes:
    return json.dumps({"uuid": "u", "team_id": 1, **given}).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "not_json", id="nothing"),
        pytest.param(b"{", "not_json", id="half"),
        pytest.param(b"\xff\xfe", "not_json", id="no text"),
        pytest.param(b'{"uuid":"u","team_id":NaN}', "not_json", id="NaN"),
        pytest.param(b"[]", "not_an_object", id="array"),
        pytest.param(b"null", "not_an_object", id="null"),
        pytest.param(b"{}", "no_usable_uuid", id="empty object"),
        pytest.param(sent(uuid=None), "no_usable_uuid", id="uuid null"),
        pytest.param(sent(uuid=""), "no_usable_uuid", id="uuid empty"),
        pytest.param(sent(uuid=7), "no_usable_uuid", id="uuid no text"),
        pytest.param(sent(uuid="a\r\nNats-Rollup: all"), "no_usable_uuid", id="uuid with a header"),
        pytest.param(sent(uuid="\ud800"), "no_usable_uuid", id="uuid lone surrogate"),
        pytest.param(sent(uuid="u" * 129), "no_usable_uuid", id="uuid too long"),
        pytest.param(sent(team_id=None), "no_usable_team_id", id="team null"),
        pytest.param(sent(team_id="1"), "no_usable_team_id", id="team text"),
        pytest.param(sent(team_id=True), "no_usable_team_id", id="team bool"),
        pytest.param(sent(team_id=1.0), "no_usable_team_id", id="team float"),
        pytest.param(sent(team_id=0), "no_usable_team_id", id="team 0"),
        pytest.param(sent(team_id=-1), "no_usable_team_id", id="team negative"),
        pytest.param(sent(team_id=2**31), "no_usable_team_id", id="team beyond 2^31-1"),
    ],
)
def test_what_is_no_usable_event_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unusable) as raised:
        read_event(data)
    assert str(raised.value) == reason


@pytest.mark.parametrize("team_id", [1, 2**31 - 1])
@pytest.mark.parametrize("uuid", ["u", "0195d3f0-0000-7000-8000-000000000000", "~" * 128])
def test_an_event_is_read_whole(uuid: str, team_id: int) -> None:
    event = read_event(sent(uuid=uuid, team_id=team_id, properties={"a": "\ud800"}))
    assert (event.uuid, event.team_id) == (uuid, team_id)
    assert event.body == {"uuid": uuid, "team_id": team_id, "properties": {"a": "\ud800"}}


def test_an_event_with_a_part_that_is_too_deep_is_read_without_its_depth() -> None:
    deep = b'{"uuid":"u","team_id":1,"properties":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert read_event(deep).uuid == "u"


def test_an_outcome_goes_out_tagged_with_the_names_of_its_event() -> None:
    event = read_event(sent(uuid="body's"))
    out = json.loads(outcome_bytes(event, Outcome("dropped", "issue_limit")))
    assert out == {"status": "dropped", "reason": "issue_limit", "uuid": "body's", "team_id": 1}
    made = {"uuid": "body's", "properties": {"x": "\ud800"}}
    out = json.loads(outcome_bytes(event, Outcome("ok", None, made)))
    assert out == {"status": "ok", "event": made, "uuid": "body's", "team_id": 1}


def test_a_letter_holds_the_event_as_it_came() -> None:
    event = {"uuid": "u", "properties": {"reason": "its own", "x": "\ud800"}}
    letter = json.loads(dead_letter(json.dumps(event).encode(), "internal", 3, MOST))
    assert letter == {"event": event, "reason": "internal", "attempts": 3}


@pytest.mark.parametrize("data", [b"", b"\xff{", b"[1]", b"NaN"], ids=repr)
def test_a_letter_holds_bytes_that_are_no_event_in_base64(data: bytes) -> None:
    letter = json.loads(dead_letter(data, "not_json", 1, MOST))
    assert base64.b64decode(letter.pop("raw")) == data
    assert letter == {"reason": "not_json", "attempts": 1}


def test_a_letter_that_would_be_too_long_holds_the_first_256_kib_and_says_so() -> None:
    data = json.dumps({"uuid": "u", "properties": {"x": "y" * MOST}}).encode()
    letter = json.loads(dead_letter(data, "internal", 1, MOST))
    assert base64.b64decode(letter.pop("raw")) == data[: 256 * 1024] == data[:KEPT_BYTES]
    assert letter == {"truncated": True, "reason": "internal", "attempts": 1}


@given(
    data=st.binary(max_size=9000) | st.text(max_size=9000).map(lambda text: sent(x=text)),
    most=st.integers(4096, 16384),
)
def test_no_letter_is_longer_than_the_broker_takes(data: bytes, most: int) -> None:
    made = dead_letter(data, "internal", 40, most)
    assert len(made) + HEADER_BYTES <= most
    letter = json.loads(made)
    assert letter["reason"] == "internal"
    if "event" in letter:
        assert letter["event"] == json.loads(data)
    else:
        kept = base64.b64decode(letter["raw"])
        assert data.startswith(kept) if letter.get("truncated") else kept == data


@pytest.mark.parametrize(("more", "truncated"), [(0, False), (1, True)])
def test_a_letter_leaves_room_for_what_a_broker_adds(more: int, truncated: bool) -> None:
    most = 8192
    empty = len(dead_letter(sent(x=""), "internal", 1, most))
    letter = dead_letter(sent(x="y" * (most - HEADER_BYTES - empty + more)), "internal", 1, most)
    assert json.loads(letter).get("truncated", False) is truncated
    assert (len(letter) == most - HEADER_BYTES) is not truncated
