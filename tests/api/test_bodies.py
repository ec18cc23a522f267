"""Bodies of management routes: JSON, forms, sizes, and what is neither."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate_api.bodies import as_object
from symbolicate_api.errors import ApiError

if TYPE_CHECKING:
    from tests.api.conftest import Api

MIB = 1024 * 1024
RELEASES = "/releases"


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (b"", None, {}),
        (b"", b"text/plain", {}),
        (b" \n", b"application/json", {}),
        (b'{"a":1}', None, {"a": 1}),
        (b'{"a":1}', b"Application/JSON; charset=utf-8", {"a": 1}),
        (b'{"a":"\\ud800"}', b"application/json", {"a": "\ud800"}),
        (b"a=1&b=%00&a=2&c=", b"application/x-www-form-urlencoded", {"a": "2", "b": "\0", "c": ""}),
        (b"raw_ids=1&raw_ids=2", b"application/x-www-form-urlencoded", {"raw_ids": ["1", "2"]}),
    ],
)
def test_json_and_forms_become_objects(
    data: bytes, content_type: bytes | None, expected: dict[str, Any]
) -> None:
    assert as_object(data, content_type) == expected


DEEP = b"[" * 5000 + b"]" * 5000


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        pytest.param(b"{", b"application/json", 400, "parse_error", id="cut"),
        pytest.param(b"{'a':1}", b"application/json", 400, "parse_error", id="not JSON"),
        pytest.param(b'"\xff"', b"application/json", 400, "parse_error", id="not UTF-8"),
        pytest.param(b'{"a":NaN}', b"application/json", 400, "parse_error", id="NaN"),
        pytest.param(b'{"a":-Infinity}', b"application/json", 400, "parse_error", id="infinity"),
        pytest.param(b'{"a":1e400}', b"application/json", 400, "parse_error", id="beyond a double"),
        pytest.param(
            b'{"a":%b}' % (b"1" * 5000), b"application/json", 400, "parse_error", id="int"
        ),
        pytest.param(DEEP, b"application/json", 400, "parse_error", id="beyond the stack"),
        pytest.param(
            b"[" * 65 + b"]" * 65, b"application/json", 400, "parse_error", id="65 levels"
        ),
        pytest.param(b"[]", b"application/json", 400, "invalid_input", id="an array"),
        pytest.param(b"null", b"application/json", 400, "invalid_input", id="null"),
        pytest.param(b"{}", b"text/plain", 415, "unsupported_media_type", id="plain text"),
        pytest.param(b"x", b"multipart/form-data", 415, "unsupported_media_type", id="multipart"),
        pytest.param(b"{}", b"\xff/\r\n", 415, "unsupported_media_type", id="no type at all"),
        pytest.param(
            b"a=\xff", b"application/x-www-form-urlencoded", 400, "parse_error", id="bad form"
        ),
        pytest.param(
            b"a&" * 20_000, b"application/x-www-form-urlencoded", 400, "parse_error", id="flood"
        ),
    ],
)
def test_other_bodies_are_refused(data: bytes, content_type: bytes, status: int, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        as_object(data, content_type)
    assert (refused.value.status, refused.value.code, refused.value.attr) == (status, code, None)


def test_the_seeds_form_makes_a_release(shared_api: Api) -> None:
    answer = shared_api.post(RELEASES, data={"version": "string", "project": "string"})
    assert answer.status_code == 201
    assert (answer.json()["version"], answer.json()["project"]) == ("string", "string")


def test_a_parse_error_is_an_envelope(shared_api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    answer = shared_api.post(RELEASES, content=b"{", headers=headers)
    detail = shared_api.refused(answer, 400, "parse_error")
    assert detail.startswith("JSON parse error - ")


@pytest.mark.parametrize("declared", [True, False])
def test_two_mebibytes_are_read_and_one_byte_more_is_refused(
    shared_api: Api, declared: bool
) -> None:
    filling = json.dumps({"version": "1", "other": ""}).encode()
    for size, status in ((2 * MIB, 400), (2 * MIB + 1, 413)):
        body = filling.replace(b'""', b'"' + b"x" * (size - len(filling)) + b'"')
        content: Any = body if declared else iter([body[: size // 2], body[size // 2 :]])
        headers = {"Content-Type": "application/json"}
        answer = shared_api.post(RELEASES, content=content, headers=headers)
        assert answer.status_code == status, answer.text
    detail = shared_api.refused(answer, 413, "request_too_large")
    assert detail == f"body_bytes of {2 * MIB + 1} exceeds the limit of {2 * MIB}"


@pytest.mark.parametrize("length", ["-1", "+5", "5, 6", "0x10", "9" * 30])
def test_a_length_that_lies_does_no_harm(shared_api: Api, length: str) -> None:
    """S22."""
    host, port = shared_api.address.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.putrequest("POST", f"/api/projects/1/error_tracking{RELEASES}")
    connection.putheader("Authorization", f"Bearer {shared_api.key}")
    connection.putheader("Content-Length", length)
    connection.endheaders(b"{}")
    assert connection.getresponse().status in (400, 413)
    connection.close()
    assert shared_api.http.get("/health/live").status_code == 200
