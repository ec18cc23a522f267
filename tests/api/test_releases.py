"""Releases, made and found."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Api

FULL = {"version": "1.2.3", "project": "shop", "hash_id": "h.1-x", "metadata": {"git": {"a": 1}}}


def test_a_release_is_made_and_found_by_its_hash(any_api: Api) -> None:
    made = any_api.post("/releases", FULL)
    assert made.status_code == 201
    body = made.json()
    keys = ["id", "hash_id", "team_id", "created_at", "metadata", "version", "project"]
    assert list(body) == keys
    assert {key: body[key] for key in FULL} == FULL
    assert body["team_id"] == 1
    assert body["created_at"].endswith("Z")
    found = any_api.get("/releases/hash/h.1-x")
    assert (found.status_code, found.json()) == (200, body)


@pytest.mark.parametrize("hash_id", ["nonexistent", "%00", "a%2Fb", "%ED%A0%80"])
def test_no_such_hash_is_not_found(shared_api: Api, hash_id: str) -> None:
    shared_api.refused(shared_api.get(f"/releases/hash/{hash_id}"), 404, "not_found")


def test_another_teams_release_is_not_found(api: Api) -> None:
    api.symbolicator.create_release(2, version="1", project="p", hash_id="theirs")
    api.refused(api.get("/releases/hash/theirs"), 404, "not_found")
    assert api.post("/releases", FULL | {"hash_id": "theirs"}).status_code == 201


@pytest.mark.parametrize("hash_id", [None, "", 0, False])
def test_without_a_hash_the_id_stands_for_it(shared_api: Api, hash_id: Any) -> None:
    body = {"version": 7, "project": "p", "hash_id": hash_id}
    made = shared_api.post("/releases", body).json()
    assert (made["hash_id"], made["version"]) == (made["id"], "7")


@pytest.mark.parametrize(
    ("body", "code", "attr", "detail"),
    [
        ({}, "invalid_input", None, "Version is required"),
        ({"version": ""}, "invalid_input", None, "Version is required"),
        ({"version": "1"}, "invalid_input", None, "Project is required"),
        ({"version": "1", "project": 0}, "invalid_input", None, "Project is required"),
        (
            FULL | {"hash_id": "x" * 129},
            "invalid_input",
            None,
            "Hash id length cannot exceed 128 bytes",
        ),
        (FULL | {"hash_id": "a\0"}, "invalid_input", "hash_id", None),
        (FULL | {"version": "\ud800"}, "invalid_input", "version", None),
        (FULL | {"project": "a\0b"}, "invalid_input", "project", None),
        (FULL | {"metadata": [1]}, "invalid_input", "metadata", None),
        (FULL | {"metadata": {"a": "x" * 65_536}}, "invalid_input", "metadata", None),
    ],
)
def test_bad_releases_are_refused(
    shared_api: Api, body: dict[str, Any], code: str, attr: str | None, detail: str | None
) -> None:
    answer = shared_api.post(
        "/releases", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    told = shared_api.refused(answer, 400, code, attr)
    assert answer.json()["type"] == "validation_error"
    assert detail in (None, told)


def test_a_hash_of_128_characters_is_taken(shared_api: Api) -> None:
    assert shared_api.post("/releases", FULL | {"hash_id": "é" * 128}).status_code == 201


def test_of_two_racing_requests_one_makes_the_release(any_api: Api) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: any_api.post("/releases", FULL), range(4)))
    assert sorted(answer.status_code for answer in made) == [201, 400, 400, 400]
    refused = next(answer for answer in made if answer.status_code == 400)
    detail = any_api.refused(refused, 400, "release_hash_in_use")
    assert detail == "Hash id h.1-x already in use"


def test_metadata_keeps_what_no_database_text_can_hold(any_api: Api) -> None:
    metadata = {"branch": "a\0\ud800", "Ω": [None, True, 1.5]}
    body = json.dumps({"version": "1", "project": "p", "hash_id": "odd", "metadata": metadata})
    headers = {"Content-Type": "application/json"}
    assert any_api.post("/releases", content=body, headers=headers).status_code == 201
    found = json.loads(any_api.get("/releases/hash/odd").content)
    assert found["metadata"] == metadata


def change(api: Api, release_id: str, body: Any, method: str = "PATCH") -> httpx.Response:
    address = f"/api/projects/1/error_tracking/releases/{release_id}"
    return api.http.request(method, address, json=body)


def test_releases_are_listed_and_retrieved(api: Api) -> None:
    made = [api.post("/releases", {"version": str(n), "project": "p"}).json() for n in range(5)]
    api.symbolicator.create_release(2, version="1", project="p")
    page = api.get("/releases/?limit=2&offset=1").json()
    assert (page["count"], page["results"]) == (5, [made[3], made[2]])
    assert "offset=3" in page["next"]
    assert "limit=2" in page["previous"]
    assert "offset" not in page["previous"]
    assert api.get(f"/releases/{made[0]['id']}").json() == made[0]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_release_is_changed_by_what_is_truthy(any_api: Api, method: str) -> None:
    made = any_api.post("/releases", FULL).json()
    taken = any_api.post("/releases", FULL | {"hash_id": "taken"}).json()
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({"version": "2"}, {"version": "2"}),
        ({"metadata": None, "version": "", "project": 0}, {}),
        ({"metadata": {}}, {}),
        ({"hash_id": FULL["hash_id"]}, {}),
        ({"metadata": {"b": 2}}, {"metadata": {"b": 2}}),
    ]
    for body, changed in steps:
        answer = change(any_api, made["id"], body, method)
        assert (answer.status_code, answer.content) == (204, b"")
        made |= changed
        assert any_api.get(f"/releases/{made['id']}").json() == made
    refused = change(any_api, made["id"], {"hash_id": "taken"}, method)
    detail = any_api.refused(refused, 400, "release_hash_in_use")
    assert detail == "Hash id taken already in use"
    assert any_api.get("/releases/hash/taken").json() == taken


def test_a_release_is_changed_by_a_form_too(api: Api) -> None:
    made = api.post("/releases", data={"version": "string", "project": "string"}).json()
    address = f"/api/environments/1/error_tracking/releases/{made['id']}/"
    assert api.http.patch(address, data={"version": "2"}).status_code == 204
    assert api.get(f"/releases/{made['id']}").json() == made | {"version": "2"}


def test_a_deleted_release_takes_its_sets_along(any_api: Api) -> None:
    made = any_api.post("/releases", FULL).json()
    body = {"chunk_ids": ["c"], "release_id": made["id"]}
    assert any_api.post("/symbol_sets/bulk_start_upload", body).status_code == 201
    address = f"/api/projects/1/error_tracking/releases/{made['id']}"
    answer = any_api.http.delete(address)
    assert (answer.status_code, answer.content) == (204, b"")
    any_api.refused(any_api.http.delete(address), 404, "not_found")
    any_api.refused(any_api.get("/releases/hash/h.1-x"), 404, "not_found")
    assert any_api.get("/symbol_sets").json()["count"] == 0


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_another_teams_release_is_as_good_as_none(api: Api, method: str) -> None:
    """S18."""
    theirs = api.symbolicator.create_release(2, version="1", project="p")
    for release_id in (str(theirs.id), str(uuid.UUID(int=7)), "x", "%00", "hash"):
        answer = change(api, release_id, {"version": "2"}, method)
        assert api.refused(answer, 404, "not_found") == "Not found."
    assert api.symbolicator.releases.one(2, theirs.id) == theirs


def test_a_hash_that_is_too_long_is_refused_before_the_release_is_looked_for(
    shared_api: Api,
) -> None:
    answer = change(shared_api, str(uuid.UUID(int=7)), {"hash_id": "h" * 129})
    detail = shared_api.refused(answer, 400, "invalid_input")
    assert detail == "Hash id length cannot exceed 128 bytes"


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_changes_need_the_write_scope(shared_api: Api, method: str) -> None:
    read = shared_api.with_key(1, "error_tracking:read")
    address = f"/api/projects/1/error_tracking/releases/{uuid.UUID(int=7)}"
    answer = shared_api.anonymous.request(method, address, headers=read)
    detail = shared_api.refused(answer, 403, "permission_denied")
    assert detail == "API key missing required scope 'error_tracking:write'"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("hash_id", ["1.2.3", ".", "..", "a..b", "v1.0+4", "a b", "ü~", "hash"])
def test_a_hash_may_be_any_segment(shared_api: Api, hash_id: str, slash: str) -> None:
    key = f"{hash_id}{'s' if slash else ''}"
    made = shared_api.post("/releases", FULL | {"hash_id": key}).json()
    path = f"/api/projects/1/error_tracking/releases/hash/{quote(key)}{slash}"
    server = shared_api.http.base_url
    connection = HTTPConnection(server.host, server.port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {shared_api.key}"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert (answer.status, body) == (200, made)
