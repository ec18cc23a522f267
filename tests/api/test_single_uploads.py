"""Uploads of one set a call, and the check before an upload, over HTTP."""

from __future__ import annotations

import hashlib
import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.formats.container import ContainerType, write_container

if TYPE_CHECKING:
    from tests.api.conftest import Api

PROJECT = "/api/projects/1/error_tracking"
START = "/symbol_sets/bulk_start_upload"
CHECK = "/symbol_sets/bulk_check_upload"
SINGLE = "/symbol_sets/start_upload"
DIRECT = "/symbol_sets"
FORM = "application/x-www-form-urlencoded"
UPLOAD_BYTES = 104_857_600 + 65_536
MAP = b'{"version":3,"sources":["cart.ts"],"names":[],"mappings":"AAAA"}'


def container(source: bytes = b"total()") -> bytes:
    return write_container(ContainerType.SOURCE_AND_MAP, source=source, map=MAP)


GOOD = container()


def resolved(api: Api, chunk_id: str) -> dict[str, Any]:
    """Resolves a frame of a set and gives its contents."""
    where = {"function": "t", "lineno": 1, "colno": 1, "filename": "https://shop.example/app.js"}
    frame = {"platform": "web:javascript", "chunk_id": chunk_id} | where
    (outcome,) = api.symbolicator.process(1, [api.event(frame)])
    assert outcome.event is not None
    return api.frames(outcome.event)[0]


def count(api: Api) -> int:
    return int(api.get("/symbol_sets").json()["count"])


def test_check_tells_what_start_would_open_and_writes_nothing(any_api: Api) -> None:
    assert any_api.finish(any_api.upload("c", GOOD)).status_code == 201
    before = any_api.get("/symbol_sets").json()
    sets = [{"chunk_id": "c", "content_hash": "one"}, {"chunk_id": "new"}]
    answer = any_api.post(CHECK, {"symbol_sets": sets})
    assert (answer.status_code, answer.json()) == (200, {"chunk_ids_to_upload": ["new"]})
    assert any_api.post(CHECK, data={"chunk_ids": ["x", "y"]}).json() == {
        "chunk_ids_to_upload": ["x", "y"]
    }
    any_api.refused(
        any_api.post(CHECK, {"chunk_ids": ["c"]}), 400, "content_hash_required", "chunk_ids__0"
    )
    assert any_api.get("/symbol_sets").json() == before


@pytest.mark.parametrize("where", ["query", "form", "JSON"])
def test_a_single_upload_takes_its_names_from_anywhere(any_api: Api, where: str) -> None:
    release = any_api.post("/releases", {"version": "1", "project": "shop"}).json()
    named: dict[str, Any] = {"chunk_id": "c&1", "release_id": release["id"]}
    places: dict[str, Any] = {
        "query": {"params": named},
        "form": {"data": named},
        "JSON": {"json": named},
    }
    answer = any_api.post(SINGLE, **places[where])
    assert answer.status_code == 201, answer.text
    started = answer.json()
    assert list(started) == ["presigned_url", "symbol_set_id"]
    assert any_api.send(started, GOOD).is_success
    address = f"/api/projects/1/error_tracking/symbol_sets/{started['symbol_set_id']}"
    token: dict[str, Any] = {"content_hash": "token"}
    places = {"query": {"params": token}, "form": {"data": token}, "JSON": {"json": token}}
    finished = any_api.http.request("PUT", f"{address}/finish_upload", **places[where])
    assert (finished.status_code, finished.json()) == (200, {"success": True})
    assert resolved(any_api, "c&1")["source"] == "cart.ts"
    assert any_api.http.get(address).json()["release"] == release


def test_single_uploads_are_refused_by_their_own_names(api: Api) -> None:
    for path in (SINGLE, DIRECT):
        api.refused(api.post(path), 400, "required", "chunk_id")
        api.refused(api.post(f"{path}?chunk_id="), 400, "required", "chunk_id")
        bad = api.post(f"{path}?chunk_id=c&release_id=x")
        api.refused(bad, 400, "invalid_release_id", "release_id")
        long = api.post(path, params={"chunk_id": "é" * 1025})
        api.refused(long, 400, "max_length", "chunk_id")
        api.refused(api.post(f"{path}?chunk_id=%00"), 400, "invalid_input", "chunk_id")
    assert count(api) == 0
    started = api.post(f"{SINGLE}?chunk_id=c").json()
    address = f"/api/projects/1/error_tracking/symbol_sets/{started['symbol_set_id']}"
    finish = f"{address}/finish_upload"
    api.refused(api.http.put(finish), 400, "content_hash_required", "content_hash")
    early = api.http.put(finish, json={"content_hash": "x"})
    api.refused(early, 400, "file_not_found", "content_hash")


def test_the_bytes_may_come_as_the_whole_body(any_api: Api) -> None:
    for content_type in ("application/octet-stream", FORM, ""):
        headers = {"content-type": content_type} if content_type else {}
        answer = any_api.post(f"{DIRECT}?chunk_id=c", content=GOOD, headers=headers)
        assert (answer.status_code, answer.json()) == (201, {"ok": True}), content_type
    assert resolved(any_api, "c")["source"] == "cart.ts"
    item = {"chunk_id": "c", "content_hash": hashlib.sha512(GOOD).hexdigest()}
    assert any_api.post(START, {"symbol_sets": [item]}).json() == {"id_map": {}}
    other = any_api.post(f"{DIRECT}?chunk_id=c", content=container(source=b"other()"))
    any_api.refused(other, 400, "content_hash_mismatch", "chunk_id")


@pytest.mark.parametrize("where", ["params", "data"])
def test_the_bytes_may_come_as_the_file_of_a_form(any_api: Api, where: str) -> None:
    release = any_api.post("/releases", {"version": "1", "project": "shop"}).json()
    named = {where: {"chunk_id": "c", "release_id": release["id"]}}
    answer = any_api.post(DIRECT, files={"file": GOOD}, **named)
    assert (answer.status_code, answer.json()) == (201, {"ok": True})
    assert resolved(any_api, "c")["source"] == "cart.ts"
    other = any_api.post("/releases", {"version": "2", "project": "shop"}).json()
    moved = {where: {"chunk_id": "c", "release_id": other["id"]}}
    refused = any_api.post(DIRECT, files={"file": container(source=b"other()")}, **moved)
    detail = any_api.refused(refused, 400, "release_id_mismatch", "chunk_id")
    assert detail == "Symbol set has already been uploaded for a different release"


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        pytest.param({"content": b""}, 400, "file_too_large", id="empty"),
        pytest.param({"content": GOOD[:-5]}, 400, "invalid_symbol_set", id="cut"),
        pytest.param({"json": {}}, 400, "invalid_symbol_set", id="JSON"),
        pytest.param({"files": {"other": GOOD}}, 400, "parse_error", id="no part named file"),
        pytest.param(
            {"content": GOOD, "headers": {"content-type": "multipart/form-data"}},
            415,
            "unsupported_media_type",
            id="no boundary",
        ),
    ],
)
def test_bytes_that_cannot_be_stored_leave_nothing(
    api: Api, given: dict[str, Any], status: int, code: str
) -> None:
    api.refused(api.post(f"{DIRECT}?chunk_id=c", **given), status, code)
    assert count(api) == 0


def test_a_file_over_its_limit_is_told_apart_from_a_body_that_is_too_long(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate.services.uploads.MAX_BYTES", len(GOOD) - 1)
    for given in ({"content": GOOD}, {"files": {"file": GOOD}}):
        answer = api.post(f"{DIRECT}?chunk_id=c", **given)
        assert f"{len(GOOD)} bytes" in api.refused(answer, 400, "file_too_large")
    server = api.http.base_url
    connection = HTTPConnection(server.host, server.port, timeout=30)
    connection.putrequest("POST", f"{PROJECT}{DIRECT}?chunk_id=c")
    connection.putheader("Authorization", f"Bearer {api.key}")
    connection.putheader("Content-Length", str(UPLOAD_BYTES + 1))
    connection.endheaders()
    early = connection.getresponse()
    assert (early.status, json.loads(early.read())["code"]) == (413, "request_too_large")
    connection.close()
