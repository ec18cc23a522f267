"""What SDKs wrap their events in, taken off: gzip, forms and base64, in any sensible order."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from symbolicate_api.capture_body import read_captured
from symbolicate_api.errors import ApiError

EVENT = {"event": "$exception", "properties": {"token": "phc_1", "text": "Ω+/="}}
BATCH = {"api_key": "phc_1", "batch": [EVENT, {"event": "x"}]}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_form(data: bytes) -> bytes:
    return urlencode({"data": base64.b64encode(data).decode()}).encode()


def unescaped(data: bytes) -> bytes:
    """Gives a form as some SDKs send it, with the base64 as it is."""
    return b"data=" + base64.b64encode(data)


def as_json_form(data: bytes) -> bytes:
    return b"data=" + quote(data.decode()).encode()


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda data: data, id="plain"),
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(as_form, id="base64 form"),
        pytest.param(unescaped, id="unescaped base64 form"),
        pytest.param(lambda data: as_form(data) + b"&compression=base64&ver=1", id="more fields"),
        pytest.param(lambda data: as_form(data).rstrip(b"%3D"), id="form without padding"),
        pytest.param(as_json_form, id="JSON form"),
        pytest.param(lambda data: as_form(gzip.compress(data)), id="gzip in a form"),
        pytest.param(lambda data: gzip.compress(as_form(data)), id="form in gzip"),
    ],
)
@pytest.mark.parametrize(
    ("value", "events"),
    [
        pytest.param(BATCH, BATCH["batch"], id="batch"),
        pytest.param([EVENT, EVENT], [EVENT, EVENT], id="array"),
        pytest.param(EVENT, [EVENT], id="event"),
    ],
)
def test_every_shape_in_every_wrapping_is_read(wrap: Any, value: Any, events: list[Any]) -> None:
    assert read_captured(wrap(as_json(value))) == (["phc_1"], events)


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ({"api_key": "a", "token": "b", "batch": []}, ["a"]),
        ({"token": "b", "batch": [{"token": "c"}]}, ["b"]),
        ({"batch": [{"api_key": "a"}, {"properties": {"token": "b"}}, {"token": "a"}]}, ["a", "b"]),
        ({"event": "x", "properties": {"token": "p"}}, ["p"]),
        ([{"properties": {"api_key": "p"}}], ["p"]),
        ([{"properties": []}, 5, {"token": 7}, {"token": ""}], []),
        ({"batch": []}, []),
    ],
)
def test_the_token_is_the_requests_or_the_events(value: Any, tokens: list[str]) -> None:
    assert read_captured(as_json(value)).tokens == tokens


BOMB = gzip.compress(bytes(30 * 1024 * 1024))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"", 400, "parse_error", id="empty"),
        pytest.param(b"{", 400, "parse_error", id="cut JSON"),
        pytest.param(b'"text"', 400, "invalid_input", id="a string"),
        pytest.param(b"{}", 400, "invalid_input", id="no batch and no event"),
        pytest.param(b'{"batch":{}}', 400, "invalid_input", id="a batch that is no list"),
        pytest.param(b'{"batch":null,"event":"x"}', 400, "invalid_input", id="a null batch"),
        pytest.param(b"data=", 400, "parse_error", id="an empty form"),
        pytest.param(b"data=%21", 400, "parse_error", id="a form that is no base64"),
        pytest.param(b"data=\xff", 400, "parse_error", id="a form that is no ASCII"),
        pytest.param(b"data=%C3%A9", 400, "parse_error", id="base64 that is no ASCII"),
        pytest.param(b"data=1" + b"&a=1" * 20, 400, "parse_error", id="a flood of fields"),
        pytest.param(gzip.compress(b"{}")[:-9], 400, "parse_error", id="cut gzip"),
        pytest.param(gzip.compress(b"[]") + b"x", 400, "parse_error", id="bytes after gzip"),
        pytest.param(b"\x1f\x8bxxxxxxxx", 400, "parse_error", id="damaged gzip"),
        pytest.param(BOMB, 413, "request_too_large", id="a bomb"),
        pytest.param(as_form(BOMB), 413, "request_too_large", id="a bomb in a form"),
        pytest.param(gzip.compress(BOMB), 400, "parse_error", id="a bomb in gzip"),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, status: int, code: str) -> None:
    """S4."""
    with pytest.raises(ApiError) as refused:
        read_captured(body)
    assert (refused.value.status, refused.value.code) == (status, code)
