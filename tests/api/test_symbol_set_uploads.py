"""Uploads of symbol sets over HTTP, from the start to the frames that they explain."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import zstandard

from symbolicate.formats.container import ContainerType, write_container

if TYPE_CHECKING:
    from tests.api.conftest import Api

START = "/symbol_sets/bulk_start_upload"
FINISH = "/symbol_sets/bulk_finish_upload"
MAP = b'{"version":3,"sources":["cart.ts"],"names":[],"mappings":"AAAA"}'
MAX = 104_857_600


def container(source: bytes = b"total()", map: bytes = MAP, **given: Any) -> bytes:
    return write_container(ContainerType.SOURCE_AND_MAP, source=source, map=map, **given)


GOOD = container()


def web_frame(chunk_id: str) -> dict[str, Any]:
    where = {"function": "t", "lineno": 1, "colno": 1, "filename": "https://shop.example/app.js"}
    return {"platform": "web:javascript", "chunk_id": chunk_id} | where


def resolved(api: Api, chunk_id: str) -> dict[str, Any]:
    """Resolves a frame of a set and gives its contents."""
    (outcome,) = api.symbolicator.process(1, [api.event(web_frame(chunk_id))])
    assert outcome.event is not None
    return api.frames(outcome.event)[0]


def test_start_answers_where_to_post_and_where_to_put(any_api: Api) -> None:
    sets = [{"chunk_id": "A"}, {"chunk_id": "b", "content_length": 5, "content_hash": "x"}]
    answer = any_api.post(START, {"symbol_sets": sets})
    assert answer.status_code == 201
    id_map = answer.json()["id_map"]
    assert list(id_map) == ["A", "b"]
    keys = ["presigned_url", "fallback_presigned_url", "symbol_set_id"]
    assert list(id_map["A"]) == keys
    assert list(id_map["b"]) == [*keys, "presigned_put_url"]
    assert id_map["A"]["fallback_presigned_url"] is None
    assert id_map["A"]["presigned_url"]["url"].startswith("http://127.0.0.1:")
    assert "key" in id_map["A"]["presigned_url"]["fields"]


def test_an_uploaded_set_explains_frames(any_api: Api) -> None:
    token = hashlib.sha512(GOOD).hexdigest()
    set_id = any_api.upload("chunk-1", GOOD, token)
    finished = any_api.finish(set_id, token)
    assert (finished.status_code, finished.json()) == (201, {"success": True})
    frame = resolved(any_api, "chunk-1")
    assert (frame["resolved"], frame["source"], frame["line"]) == (True, "cart.ts", 1)
    again = any_api.post(START, {"symbol_sets": [{"chunk_id": "chunk-1", "content_hash": token}]})
    assert again.json() == {"id_map": {}}


@pytest.mark.parametrize("compress", [True, False])
def test_a_plain_put_of_the_signed_length_is_taken_too(any_api: Api, compress: bool) -> None:
    data = container(compress=compress)
    item = {"chunk_id": "c", "content_hash": "one", "content_length": len(data)}
    started = any_api.post(START, {"symbol_sets": [item]}).json()["id_map"]["c"]
    for other in (data + b"x", data[:-1]):
        refused = httpx.put(started["presigned_put_url"], content=other)
        assert refused.status_code in (400, 403), refused.text
    assert httpx.put(started["presigned_put_url"], content=data).is_success
    assert any_api.finish(started["symbol_set_id"]).status_code == 201


def test_the_form_may_leave_the_filename_out(any_api: Api) -> None:
    started = any_api.post(START, {"chunk_ids": ["c"]}).json()["id_map"]["c"]
    form = started["presigned_url"]
    parts = b"".join(
        b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name, value)
        for name, value in [
            *((name.encode(), value.encode()) for name, value in form["fields"].items()),
            (b"file", GOOD),
        ]
    )
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    answer = httpx.post(form["url"], content=parts + b"--B--\r\n", headers=headers)
    assert answer.status_code == 204, answer.text
    assert any_api.finish(started["symbol_set_id"]).status_code == 201


@pytest.mark.parametrize(
    ("body", "status"), [({"content_hashes": {}}, 201), ({}, 201), (None, 201)]
)
def test_nothing_to_finish_is_a_success(shared_api: Api, body: Any, status: int) -> None:
    answer = shared_api.post(FINISH, body)
    assert (answer.status_code, answer.json()) == (status, {"success": True})


def test_null_hashes_are_refused(shared_api: Api) -> None:
    answer = shared_api.post(FINISH, {"content_hashes": None})
    detail = shared_api.refused(answer, 400, "null", "content_hashes")
    assert detail == "content_hashes are required"


def test_finish_before_the_bytes_is_refused_and_may_be_repeated(any_api: Api) -> None:
    item = {"chunk_id": "c", "content_hash": "one"}
    started = any_api.post(START, {"symbol_sets": [item]}).json()["id_map"]["c"]
    set_id = started["symbol_set_id"]
    any_api.refused(any_api.finish(set_id), 400, "file_not_found", f"content_hashes__{set_id}")
    assert any_api.send(started, GOOD).is_success
    assert any_api.finish(set_id).status_code == 201


def test_finish_twice_is_a_success_and_changes_nothing(any_api: Api) -> None:
    set_id = any_api.upload("c", GOOD)
    assert any_api.finish(set_id).status_code == 201
    assert any_api.finish(set_id).status_code == 201
    any_api.refused(
        any_api.finish(set_id, "two"), 400, "file_not_found", f"content_hashes__{set_id}"
    )
    assert resolved(any_api, "c")["resolved"]


def test_other_bytes_posted_after_finish_never_serve(any_api: Api) -> None:
    """S19."""
    item = {"chunk_id": "c", "content_hash": "one"}
    started = any_api.post(START, {"symbol_sets": [item]}).json()["id_map"]["c"]
    any_api.send(started, GOOD)
    assert any_api.finish(started["symbol_set_id"]).status_code == 201
    any_api.send(started, container(map=MAP.replace(b"cart.ts", b"evil.ts")))
    assert any_api.finish(started["symbol_set_id"]).status_code == 201
    assert resolved(any_api, "c")["source"] == "cart.ts"


def zeros(mebibytes: int) -> bytes:
    """Compresses zeros without ever holding them."""
    stream = zstandard.ZstdCompressor().compressobj()
    piece = bytes(1024 * 1024)
    return b"".join(stream.compress(piece) for _ in range(mebibytes)) + stream.flush()


HEAD = b"posthog_error_tracking\x02\0\0\0\x02\0\0\0"
BAD_CONTAINERS = [
    pytest.param(GOOD[:20], "ends within its 30-byte header", id="cut header"),
    pytest.param(GOOD[:-5], "zstd frame ends early", id="cut zstd"),
    pytest.param(container(compress=False)[:-1], "declares", id="cut payload"),
    pytest.param(b"X" + GOOD[1:], "not a symbol set container", id="wrong magic"),
    pytest.param(b"%PDF-1.7" + bytes(64), "not a symbol set container", id="foreign"),
    pytest.param(HEAD + b"\x01" + GOOD[31:45] + b"XXXX", "zstd", id="damaged zstd"),
    pytest.param(HEAD + b"\x01" + zeros(1024), "exceeds the limit", id="zstd bomb"),
    pytest.param(HEAD + b"\x07" + GOOD[31:], "compression 7", id="unknown compression"),
]


@pytest.mark.parametrize(("data", "sentence"), BAD_CONTAINERS)
def test_a_bad_container_is_refused_and_the_old_one_serves_on(
    any_api: Api, data: bytes, sentence: str
) -> None:
    """S4."""
    assert any_api.finish(any_api.upload("c", GOOD)).status_code == 201
    set_id = any_api.upload("c", data, "two", force=True)
    answer = any_api.finish(set_id, "two")
    attr = f"content_hashes__{set_id}"
    assert sentence in any_api.refused(answer, 400, "invalid_symbol_set", attr)
    assert resolved(any_api, "c")["source"] == "cart.ts"


def test_a_map_that_is_not_json_is_taken_and_its_frames_say_malformed(any_api: Api) -> None:
    set_id = any_api.upload("c", container(map=b"<html>not found</html>"))
    assert any_api.finish(set_id).status_code == 201
    frame = resolved(any_api, "c")
    assert (frame["resolved"], frame["failure_code"]) == (False, "malformed")


def test_an_empty_upload_is_refused(any_api: Api) -> None:
    set_id = any_api.upload("c", b"")
    answer = any_api.finish(set_id)
    any_api.refused(answer, 400, "file_too_large", f"content_hashes__{set_id}")


def test_a_release_of_another_team_is_refused_and_leaves_nothing(any_api: Api) -> None:
    theirs = any_api.symbolicator.create_release(2, version="1", project="p")
    sets = [{"chunk_id": "a"}, {"chunk_id": "b", "release_id": str(theirs.id)}]
    answer = any_api.post(START, {"symbol_sets": sets})
    any_api.refused(answer, 400, "invalid_release_id", "symbol_sets__1__release_id")
    set_id = any_api.post(START, {"chunk_ids": ["a"]}).json()["id_map"]["a"]["symbol_set_id"]
    foreign = any_api.http.post(
        "/api/projects/2/error_tracking" + FINISH,
        json={"content_hashes": {set_id: "x"}},
        headers=any_api.with_key(2),
    )
    any_api.refused(foreign, 400, "symbol_set_not_found", f"content_hashes__{set_id}")


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"symbol_sets": "x"}, "not_a_list", "symbol_sets"),
        ({"symbol_sets": [1]}, "invalid_input", "symbol_sets__0"),
        ({"symbol_sets": [{}]}, "invalid_chunk_ids", "symbol_sets__0__chunk_id"),
        ({"chunk_ids": ["a", "a"]}, "invalid_chunk_ids", None),
        ({"chunk_ids": ["a\0"]}, "invalid_input", "chunk_ids__0"),
        ({"chunk_ids": ["a", "\ud800"]}, "invalid_input", "chunk_ids__1"),
        ({"chunk_ids": ["é" * 1025]}, "max_length", "chunk_ids__0"),
        ({"chunk_ids": [str(n) for n in range(1001)]}, "max_length", None),
        ({"chunk_ids": ["a"], "release_id": "x"}, "invalid_release_id", "release_id"),
        ({"force": True, "skip_on_conflict": True}, "invalid_conflict_handling", None),
        (
            {"symbol_sets": [{"chunk_id": "a", "content_length": MAX + 1}]},
            "file_too_large",
            "symbol_sets__0__content_length",
        ),
    ],
)
def test_bad_starts_are_refused_by_name(
    shared_api: Api, body: dict[str, Any], code: str, attr: str | None
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = shared_api.post(START, content=json.dumps(body), headers=headers)
    shared_api.refused(answer, 400, code, attr)


def test_conflicts_are_judged_by_the_token(any_api: Api) -> None:
    assert any_api.finish(any_api.upload("c", GOOD)).status_code == 201
    other = {"symbol_sets": [{"chunk_id": "c", "content_hash": "two"}]}
    any_api.refused(
        any_api.post(START, other), 400, "content_hash_mismatch", "symbol_sets__0__chunk_id"
    )
    any_api.refused(
        any_api.post(START, {"chunk_ids": ["c"]}), 400, "content_hash_required", "chunk_ids__0"
    )
    assert any_api.post(START, other | {"skip_on_conflict": True}).json() == {"id_map": {}}
    assert list(any_api.post(START, other | {"force": True}).json()["id_map"]) == ["c"]
    assert resolved(any_api, "c")["resolved"]
