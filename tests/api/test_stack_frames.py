"""Stored frames, listed and retrieved."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api

KEYS = ["id", "raw_id", "created_at", "contents", "resolved", "context"]
LIVE_KEYS = ["symbol_set_ref", "release"]


def store(api: Api, count: int, team_id: int = 1) -> list[str]:
    return api.stored(*[api.frame(number) for number in range(count)], team_id=team_id)


def test_a_page_holds_the_teams_own_frames(any_api: Api) -> None:
    raw_ids = store(any_api, 2)
    store(any_api, 3, team_id=2)
    body = any_api.get("/stack_frames").json()
    assert list(body) == ["count", "next", "previous", "results"]
    assert (body["count"], body["next"], body["previous"]) == (2, None, None)
    assert {frame["raw_id"] for frame in body["results"]} == set(raw_ids)
    assert all(list(frame) == KEYS + LIVE_KEYS for frame in body["results"])


@pytest.mark.parametrize(
    ("query", "results", "following", "previous"),
    [
        ("limit=2&offset=1", 2, "limit=2&offset=3", "limit=2"),
        ("limit=2&offset=3", 2, None, "limit=2&offset=1"),
        ("limit=2", 2, "limit=2&offset=2", None),
        ("limit=2&offset=99", 0, None, "limit=2&offset=97"),
        ("a=b+c&limit=3&offset=1&a=d", 3, "a=b+c&a=d&limit=3&offset=4", "a=b+c&a=d&limit=3"),
        ("limit=5", 5, None, None),
    ],
)
def test_pages_link_to_their_neighbours(
    api: Api, query: str, results: int, following: str | None, previous: str | None
) -> None:
    store(api, 5)
    path = f"{api.address}/api/projects/@current/error_tracking/stack_frames/"
    body = api.http.get(f"{path}?{query}").json()
    assert (body["count"], len(body["results"])) == (5, results)
    assert body["next"] == (following and f"{path}?{following}")
    assert body["previous"] == (previous and f"{path}?{previous}")


@pytest.mark.parametrize("offset", ["", "0", "-5", "abc", "1.5"])
@pytest.mark.parametrize("limit", ["", "0", "-1", "abc", "100", "5000", "9" * 30])
def test_no_limit_and_no_offset_is_an_error(shared_api: Api, limit: str, offset: str) -> None:
    store(shared_api, 2)
    answer = shared_api.get("/stack_frames", params={"limit": limit, "offset": offset})
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == answer.json()["count"] > 1


def test_an_offset_beyond_every_integer_is_an_empty_page(api: Api) -> None:
    store(api, 1)
    body = api.get("/stack_frames", params={"offset": "9" * 60}).json()
    assert (body["count"], body["results"]) == (1, [])


def test_links_show_the_public_address(open_api: Any) -> None:
    api = open_api(public_url="https://symbols.example/")
    store(api, 2)
    link = api.get("/stack_frames?limit=1").json()["next"]
    path = "/api/projects/1/error_tracking/stack_frames?limit=1&offset=1"
    assert link == f"https://symbols.example{path}"


def test_a_frame_is_retrieved_by_its_id(any_api: Api) -> None:
    store(any_api, 2)
    for listed in any_api.get("/stack_frames").json()["results"]:
        answer = any_api.get(f"/stack_frames/{listed['id']}/")
        assert (answer.status_code, answer.json()) == (200, listed)
        head = any_api.http.head(f"/api/projects/1/error_tracking/stack_frames/{listed['id']}")
        assert (head.status_code, head.content) == (200, b"")


def test_a_foreign_an_unknown_and_a_malformed_id_are_not_found(api: Api) -> None:
    store(api, 1, team_id=2)
    foreign = api.http.get(
        "/api/projects/2/error_tracking/stack_frames", headers=api.with_key(2)
    ).json()["results"][0]["id"]
    for frame_id in (foreign, str(uuid.uuid4()), "x", "0" * 31, "%00"):
        answer = api.get(f"/stack_frames/{frame_id}")
        assert api.refused(answer, 404, "not_found") == "Not found."


@pytest.mark.parametrize("frame_id", ["", "nope"])
def test_deletion_is_refused_to_every_key_with_an_empty_body(api: Api, frame_id: str) -> None:
    store(api, 1)
    stored = api.get("/stack_frames").json()["results"][0]["id"]
    headers = api.with_key(2, "feature_flag:read")
    for slash in ("", "/"):
        path = f"/api/projects/1/error_tracking/stack_frames/{frame_id or stored}{slash}"
        answer = api.http.delete(path, headers=headers)
        assert (answer.status_code, answer.content) == (405, b"")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert api.get("/stack_frames").json()["count"] == 1
    api.refused(api.anonymous.delete(path), 401, "not_authenticated")
