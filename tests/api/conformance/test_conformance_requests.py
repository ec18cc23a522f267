"""Rows 40–42 of the conformance table: who may ask, for which page, and in which words."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

ROWS = {*map(str, range(1, 44)), "36b", "36c", "40b"}
RELEASE = {"version": "1", "project": "shop"}
PAGED = ("/stack_frames", "/releases", "/spike_events", "/symbol_sets", "/recommendations")
LIST = "/stack_frames"


def test_every_row_of_the_table_has_a_test() -> None:
    folder = Path(__file__).parent
    texts = [path.read_text("utf-8") for path in folder.glob("test_conformance_*.py")]
    found = {row for text in texts for row in re.findall(r"def test_row_(\d+[bc]?)_", text)}
    assert found == ROWS


def operations(row: Row) -> list[tuple[str, str, bool]]:
    """Gives every operation of a team: method, path after the prefix, whether it takes JSON."""
    prefix = "/api/projects/{project_id}/error_tracking"
    paths = row.api.http.get("/openapi.json").json()["paths"]
    return [
        (
            method.upper(),
            path.removeprefix(prefix),
            "application/json" in operation.get("requestBody", {}).get("content", {}),
        )
        for path, methods in paths.items()
        if path.startswith(prefix)
        for method, operation in methods.items()
    ]


def test_row_40_a_key_opens_its_team_as_far_as_its_scopes_go(row: Row) -> None:
    absent = "Authentication credentials were not provided."
    bad = "Personal API key found in request Authorization header is invalid."
    for headers, code, sentence in (
        ({}, "not_authenticated", absent),
        ({"Authorization": "Bearer phx_bad"}, "authentication_failed", bad),
        (row.key("*") | {"Authorization": "Token x"}, "not_authenticated", absent),
    ):
        for answer in row.each("GET", LIST, headers=headers):
            assert row.api.refused(answer, 401, code) == sentence
            assert answer.json()["type"] == "authentication_error"
            assert answer.headers["www-authenticate"] == "Bearer"
    reading = row.key("error_tracking:read")
    for answer in row.each("POST", "/releases", json=RELEASE, headers=reading):
        sentence = row.api.refused(answer, 403, "permission_denied")
        assert sentence == "API key missing required scope 'error_tracking:write'"
        assert answer.json()["type"] == "authentication_error"
    for headers in (row.key("*"), row.key("error_tracking:write")):
        for answer in row.each("POST", "/releases", json=RELEASE, headers=headers):
            assert answer.status_code == 201
        assert row.get(LIST, headers=headers).status_code == 200
    foreign = row.key("*", team=2)
    for team, headers in ((1, foreign), (2, row.key("*")), (987_654, row.key("*"))):
        for answer in row.each("GET", LIST, team=team, headers=headers):
            sentence = row.api.refused(answer, 403, "permission_denied")
            assert sentence == (
                f"API key does not have access to the requested project: ID {team}."
            )
    for answer in row.each("GET", LIST, team="abc", headers=row.key("*")):
        assert row.api.refused(answer, 404, "not_found") == "Project not found."
    for answer in row.each("GET", "/releases", team="@current", headers=foreign):
        assert (answer.status_code, answer.json()["count"]) == (200, 0)


def test_row_41_what_is_no_limit_and_no_offset_is_the_usual_one(row: Row) -> None:
    row.process(*(row.api.frame(number) for number in range(1001)))
    for params, results in (
        ({"limit": "0"}, 100),
        ({"limit": "-1"}, 100),
        ({"limit": "abc"}, 100),
        ({"offset": "-5"}, 100),
        ({"offset": "abc"}, 100),
        ({"offset": "5000"}, 0),
        ({"limit": "5000"}, 1000),
    ):
        for answer in row.each("GET", LIST, params=params):
            assert answer.status_code == 200
            body = answer.json()
            assert (body["count"], len(body["results"])) == (1001, results), params
            assert (body["previous"] is None) is (params != {"offset": "5000"})
    first = row.got(LIST)["results"][0]["id"]
    for params in ({"offset": "-5"}, {"offset": "abc"}):
        assert row.got(LIST, params=params)["results"][0]["id"] == first
    link = row.got(LIST, params={"limit": 5000, "a": "b c"})["next"]
    assert set(link.partition("?")[2].split("&")) == {"limit=1000", "offset=1000", "a=b+c"}


def test_row_41_every_list_has_the_same_pages(row: Row) -> None:
    for number in range(2):
        row.release(version=str(number))
        row.start(f"set-{number}")
    for path in PAGED:
        for params in ({"limit": "0"}, {"limit": "x", "offset": "-1"}, {"limit": "5000"}):
            for answer in row.each("GET", path, params=params):
                body = answer.json()
                assert list(body) == ["count", "next", "previous", "results"]
                assert len(body["results"]) == body["count"], path
                assert (body["next"], body["previous"]) == (None, None)
        beyond = row.got(path, params={"offset": 5000})
        assert (beyond["count"], beyond["results"]) == (body["count"], [])
    chunk_ids = [f"set-{number}" for number in range(101)]
    start = {"chunk_ids": chunk_ids}
    assert row.post("/symbol_sets/bulk_start_upload", start).status_code == 201
    sets = row.got("/symbol_sets", params={"limit": 5000})
    assert (sets["count"], len(sets["results"])) == (101, 100)
    assert "limit=100&offset=100" in sets["next"]


def test_row_42_a_malformed_id_in_any_path_is_not_found(row: Row) -> None:
    asked = 0
    for method, path, _ in operations(row):
        named = [name for name in re.findall(r"{(\w+)}", path) if name != "hash_id"]
        if not named or (method, path.partition("/{")[0]) == ("DELETE", "/stack_frames"):
            continue
        for bad in ("nonsense", "123", "%00", str(uuid.uuid4())[:-1], f"{uuid.uuid4()}0"):
            answer = row.ask(method, re.sub(r"{\w+}", bad, path), json={})
            assert row.api.refused(answer, 404, "not_found") == "Not found.", (method, path)
            asked += 1
    assert asked >= 5 * 14


def test_row_42_a_wrong_method_is_refused_on_every_path(row: Row) -> None:
    known: dict[str, set[str]] = {}
    some_id = str(uuid.uuid4())
    for method, path, _ in operations(row):
        known.setdefault(re.sub(r"{\w+}", some_id, path), set()).add(method)
    assert len(known) >= 20
    for path, methods in known.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = row.ask(method, path)
            sentence = row.api.refused(answer, 405, "method_not_allowed")
            assert sentence == f'Method "{method}" not allowed.'
            allowed = set(answer.headers["allow"].split(", "))
            assert methods - {"DELETE"} <= allowed
            assert method not in allowed


def test_row_42_a_body_that_cannot_be_read_is_refused_by_every_route(row: Row) -> None:
    existing = row.release()["id"]
    asked = 0
    for method, path, takes_json in operations(row):
        if not takes_json:
            continue
        asked += 1
        filled = re.sub(r"{\w+}", existing, path)
        refuse(row, method, filled, (b'{"a":', "application/json", 400, "parse_error"))
        refuse(row, method, filled, (b"[1]", "application/json", 400, "invalid_input"))
        refuse(row, method, filled, (b"<a/>", "text/xml", 415, "unsupported_media_type"))
    assert asked >= 10


def refuse(row: Row, method: str, path: str, case: tuple[bytes, str, int, str]) -> None:
    """Sends a body and checks how it is refused."""
    content, media_type, status, code = case
    headers = row.key("*") | {"Content-Type": media_type}
    answer = row.ask(method, path, content=content, headers=headers)
    sentence: Any = row.api.refused(answer, status, code)
    assert code != "parse_error" or sentence.startswith("JSON parse error - ")
