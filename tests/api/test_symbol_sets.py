"""Symbol sets over HTTP: listed, retrieved, downloaded, deleted."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from symbolicate.errors import ObjectStoreUnavailable
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.services.symbol_sets import SymbolSets

if TYPE_CHECKING:
    from tests.api.conftest import Api

SETS = "/symbol_sets"
MAP = b'{"version":3,"sources":["cart.ts"],"names":[],"mappings":"AAAA"}'
GOOD = write_container(ContainerType.SOURCE_AND_MAP, source=b"total()", map=MAP)
KEYS = [
    "id",
    "ref",
    "team_id",
    "created_at",
    "last_used",
    "failure_reason",
    "has_uploaded_file",
    "release",
]
NOBODY = str(uuid.UUID(int=7))


def usable(api: Api, ref: str, **given: Any) -> str:
    set_id = api.upload(ref, GOOD, **given)
    assert api.finish(set_id).status_code == 201
    return set_id


def pending(api: Api, *refs: str, **given: Any) -> list[str]:
    """Opens uploads and gives the sets' ids."""
    body = {"chunk_ids": list(refs)} | given
    id_map = api.post(f"{SETS}/bulk_start_upload", body).json()["id_map"]
    return [id_map[ref]["symbol_set_id"] for ref in refs]


def refs(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["ref"] for one in answer.json()["results"]]


def web_frame(chunk_id: str, lineno: int = 1) -> dict[str, Any]:
    where = {"function": "t", "colno": 1, "filename": "https://shop.example/app.js"}
    return {"platform": "web:javascript", "chunk_id": chunk_id, "lineno": lineno} | where


def test_a_set_shows_what_clients_may_know_of_it(any_api: Api) -> None:
    release = any_api.post("/releases", {"version": "1", "project": "shop"}).json()
    item = {"chunk_id": "chunk", "content_hash": "one", "release_id": release["id"]}
    set_id = usable(any_api, "chunk", symbol_sets=[item])
    (shown,) = any_api.get(SETS).json()["results"]
    assert list(shown) == KEYS
    assert (shown["id"], shown["ref"], shown["team_id"]) == (set_id, "chunk", 1)
    assert (shown["failure_reason"], shown["has_uploaded_file"]) == (None, True)
    assert shown["release"] == release
    assert shown["created_at"].endswith("Z")
    assert any_api.get(f"{SETS}/{set_id}").json() == shown


def test_a_pending_set_has_no_file_and_is_not_valid(api: Api) -> None:
    (set_id,) = pending(api, "chunk")
    shown = api.get(f"{SETS}/{set_id}").json()
    assert (shown["has_uploaded_file"], shown["release"]) == (False, None)
    assert refs(api.get(f"{SETS}?status=valid")) == []
    assert refs(api.get(f"{SETS}?status=invalid")) == ["chunk"]
    assert refs(api.get(f"{SETS}/?status=all&ref=&search=")) == ["chunk"]


def test_sets_are_filtered_and_ordered(api: Api) -> None:
    pending(api, "app_b.js", "app-a.js", "50%")
    assert refs(api.get(f"{SETS}?order_by=-ref")) == ["app_b.js", "app-a.js", "50%"]
    assert refs(api.get(SETS, params={"search": "APP_"})) == ["app_b.js"]
    assert refs(api.get(SETS, params={"search": "%"})) == ["50%"]
    assert refs(api.get(SETS, params={"ref": "app-a.js"})) == ["app-a.js"]
    assert refs(api.get(SETS, params={"ref": "app"})) == []


def test_a_page_holds_a_hundred_sets_at_most_and_its_links_keep_the_filter(api: Api) -> None:
    pending(api, *(f"{number:03}" for number in range(103)))
    page = api.get(f"{SETS}?limit=5000&order_by=ref&search=0").json()
    assert (len(page["results"]), page["count"], page["previous"]) == (100, 103, None)
    assert "limit=100" in page["next"]
    last = api.http.get(page["next"]).json()
    assert [one["ref"] for one in last["results"]] == ["100", "101", "102"]
    assert (last["count"], last["next"]) == (103, None)


@pytest.mark.parametrize(
    ("query", "code", "attr"),
    [
        ("order_by=storage_ptr", "invalid_choice", "order_by"),
        ("status=broken", "invalid_choice", "status"),
        ("status=", "invalid_choice", "status"),
        ("search=%00", "invalid_input", "search"),
        ("ref=a%00", "invalid_input", "ref"),
    ],
)
def test_what_cannot_be_listed_is_refused_and_retrieve_does_not_mind(
    api: Api, query: str, code: str, attr: str
) -> None:
    api.refused(api.get(f"{SETS}?{query}"), 400, code, attr)
    (set_id,) = pending(api, "chunk")
    assert api.get(f"{SETS}/{set_id}?{query}").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_put_and_patch_change_nothing(api: Api, method: str) -> None:
    (set_id,) = pending(api, "chunk")
    before = api.get(f"{SETS}/{set_id}").json()
    address = f"/api/projects/1/error_tracking{SETS}/{set_id}"
    answer = api.http.request(method, address, json={"ref": "other", "release": None})
    assert (answer.status_code, answer.json()) == (200, before)
    assert api.get(f"{SETS}/{set_id}").json() == before
    broken = api.http.request(method, address, content=b"{", headers={"content-type": JSON})
    api.refused(broken, 400, "parse_error")


JSON = "application/json"


def test_the_stored_bytes_can_be_downloaded_without_a_key(any_api: Api) -> None:
    set_id = usable(any_api, "chunk")
    url = any_api.get(f"{SETS}/{set_id}/download").json()["url"]
    assert url.startswith("http://127.0.0.1:")
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, GOOD)
    assert answer.headers["content-disposition"] == "attachment"


def test_without_bytes_there_is_nothing_to_download(api: Api) -> None:
    (set_id,) = pending(api, "chunk")
    detail = api.refused(api.get(f"{SETS}/{set_id}/download"), 404, "not_found")
    assert detail == "Symbol set has no uploaded file."


def test_an_address_that_cannot_be_signed_is_an_outage(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> str:
        raise ObjectStoreUnavailable("no credentials")

    monkeypatch.setattr(SymbolSets, "download_url", fail)
    answer = api.get(f"{SETS}/{NOBODY}/download")
    api.refused(answer, 503, "unavailable")
    assert "retry-after" in answer.headers


def test_a_deleted_set_takes_failed_frames_along_and_resolved_ones_stay(any_api: Api) -> None:
    set_id = usable(any_api, "chunk")
    resolved, failed = any_api.stored(web_frame("chunk"), web_frame("chunk", 2))
    answer = any_api.http.delete(f"/api/projects/1/error_tracking{SETS}/{set_id}/")
    assert (answer.status_code, answer.content) == (204, b"")
    found = any_api.post("/stack_frames/batch_get", {"raw_ids": [resolved, failed]}).json()
    assert found["missing"] == [failed]
    (kept,) = found["results"]
    assert (kept["resolved"], kept["symbol_set_ref"]) == (True, None)
    again = any_api.http.delete(f"/api/environments/@current/error_tracking{SETS}/{set_id}")
    any_api.refused(again, 404, "not_found")
    any_api.refused(any_api.get(f"{SETS}/{set_id}"), 404, "not_found")


def test_deletions_that_race_find_each_set_once(any_api: Api) -> None:
    ids = pending(any_api, *"abcdef")
    with ThreadPoolExecutor(3) as threads:
        calls = [(f"{SETS}/bulk_delete", {"ids": ids})] * 3
        answers = list(threads.map(lambda call: any_api.post(*call), calls))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert sum(answer.json()["deleted"] for answer in answers) == 6


def test_sets_are_deleted_by_a_form_too(api: Api) -> None:
    ids = pending(api, "a", "b", "c")
    answer = api.post(f"{SETS}/bulk_delete", data={"ids": [*ids[:2], NOBODY]})
    assert (answer.status_code, answer.json()) == (200, {"deleted": 2})
    assert refs(api.get(SETS)) == ["c"]


@pytest.mark.parametrize(
    ("body", "code", "attr", "detail"),
    [
        (None, "required", "ids", "ids is required"),
        ({}, "required", "ids", "ids is required"),
        ({"ids": []}, "required", "ids", "ids is required"),
        ({"ids": "x"}, "not_a_list", "ids", "ids must be a list"),
        ({"ids": [NOBODY, "x"]}, "invalid_input", "ids__1", None),
        ([NOBODY], "invalid_input", None, None),
    ],
)
def test_bad_deletions_are_refused(
    shared_api: Api, body: Any, code: str, attr: str | None, detail: str | None
) -> None:
    told = shared_api.refused(shared_api.post(f"{SETS}/bulk_delete", body), 400, code, attr)
    assert detail in (None, told)


OPERATIONS = [
    ("GET", ""),
    ("PUT", ""),
    ("PATCH", ""),
    ("DELETE", ""),
    ("GET", "/download"),
    ("PUT", "/finish_upload"),
]


@pytest.mark.parametrize(("method", "action"), OPERATIONS)
def test_another_teams_set_is_as_good_as_none(api: Api, method: str, action: str) -> None:
    """S18."""
    theirs = api.symbolicator.uploads.start(2, {"chunk_ids": ["chunk"]})["chunk"].symbol_set_id
    for set_id in (str(theirs), NOBODY, "x", "%00", "1" * 300):
        address = f"/api/projects/1/error_tracking{SETS}/{set_id}{action}"
        told = api.refused(api.http.request(method, address, json={}), 404, "not_found")
        assert told == "Not found."
    assert refs(api.get(SETS)) == []
    assert api.post(f"{SETS}/bulk_delete", {"ids": [str(theirs)]}).json() == {"deleted": 0}
    assert api.symbolicator.symbol_sets.one(2, theirs).ref == "chunk"


@pytest.mark.parametrize(("method", "action"), OPERATIONS)
def test_what_changes_needs_the_write_scope(shared_api: Api, method: str, action: str) -> None:
    read = shared_api.with_key(1, "error_tracking:read")
    address = f"/api/projects/1/error_tracking{SETS}/{NOBODY}{action}"
    answer = shared_api.anonymous.request(method, address, headers=read, json={})
    code = (404, "not_found") if method == "GET" else (403, "permission_denied")
    shared_api.refused(answer, *code)


@pytest.mark.parametrize("action", ["bulk_delete", "bulk_check_upload", "start_upload"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_an_action_is_no_set_and_takes_no_other_method(
    shared_api: Api, action: str, method: str
) -> None:
    address = f"/api/projects/1/error_tracking{SETS}/{action}"
    answer = shared_api.http.request(method, address)
    shared_api.refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST, OPTIONS"
