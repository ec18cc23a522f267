"""Releases, made and found."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
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
