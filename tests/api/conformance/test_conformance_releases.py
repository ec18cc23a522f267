"""Rows 12–17 and 40b of the conformance table: releases."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from symbolicate.database.tables import release, stack_frame, symbol_set

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

FULL: dict[str, Any] = {"version": "1.2.3", "project": "shop"}


def queries(page: dict[str, Any]) -> list[set[str]]:
    """Gives the query parameters of the two links, each `name=value`."""
    return [set(page[name].partition("?")[2].split("&")) for name in ("next", "previous")]


def test_row_12_a_page_has_the_count_and_both_links(row: Row) -> None:
    made = []
    for number in range(5):
        made.append(row.release(version=str(number))["id"])
        row.clock.forward(seconds=1)
    row.release(team=2)
    for answer in row.each("GET", "/releases", params={"limit": 2, "offset": 1}):
        assert answer.status_code == 200
        page = answer.json()
        assert page["count"] == 5
        assert [one["id"] for one in page["results"]] == [made[3], made[2]]
        assert queries(page) == [{"limit=2", "offset=3"}, {"limit=2"}]
        for name, expected in (("next", [made[1], made[0]]), ("previous", [made[4], made[3]])):
            assert page[name].startswith(row.api.address)
            linked = row.api.http.get(page[name]).json()
            assert [one["id"] for one in linked["results"]] == expected


def test_row_13_a_release_is_found_by_its_hash_in_its_team(row: Row) -> None:
    made = row.release(hash_id="test-hash-123", metadata={"a": 1})
    row.release(hash_id="theirs", team=2)
    for answer in row.each("GET", "/releases/hash/test-hash-123"):
        assert (answer.status_code, answer.json()) == (200, made)
    for absent in ("nonexistent", "theirs", "TEST-HASH-123"):
        for answer in row.each("GET", f"/releases/hash/{absent}"):
            assert row.api.refused(answer, 404, "not_found") == "Not found."


def test_row_14_a_release_needs_a_version_and_a_project(row: Row) -> None:
    for body, sentence in (
        ({}, "Version is required"),
        ({"version": "1"}, "Project is required"),
    ):
        for answer in row.each("POST", "/releases", json=body):
            assert row.api.refused(answer, 400, "invalid_input") == sentence
            assert answer.json()["type"] == "validation_error"
    assert row.rows(release) == []
    for given in ({}, {"hash_id": None}, {"hash_id": ""}, {"hash_id": "own", "metadata": {}}):
        made = row.release(**FULL, **given)
        assert list(made) == [
            "id",
            "hash_id",
            "team_id",
            "created_at",
            "metadata",
            "version",
            "project",
        ]
        assert made["hash_id"] == (given.get("hash_id") or made["id"])
        assert made.items() >= {**FULL, "team_id": 1, "metadata": given.get("metadata")}.items()
        assert row.got(f"/releases/{made['id']}") == made


def test_row_15_a_hash_is_new_in_its_team_and_of_128_characters_at_most(row: Row) -> None:
    row.release(hash_id="taken")
    for answer in row.each("POST", "/releases", json=FULL | {"hash_id": "taken"}):
        sentence = row.api.refused(answer, 400, "release_hash_in_use")
        assert sentence == "Hash id taken already in use"
    row.release(hash_id="taken", team=2)
    answer = row.post("/releases", FULL | {"hash_id": "x" * 129})
    sentence = row.api.refused(answer, 400, "invalid_input")
    assert sentence == "Hash id length cannot exceed 128 bytes"
    row.release(hash_id="x" * 128)
    assert len(row.rows(release)) == 2


def test_row_16_an_update_applies_what_is_truthy(row: Row) -> None:
    made = row.release(hash_id="own", metadata={"a": 1, "b": 2})
    row.release(hash_id="taken")
    path = f"/releases/{made['id']}"
    for method in ("PATCH", "PUT"):
        for body, changed in (
            ({"version": f"2 {method}"}, {"version": f"2 {method}"}),
            ({"metadata": None}, {}),
            ({"metadata": {}}, {}),
            ({"version": ""}, {}),
            ({"hash_id": "own"}, {}),
            ({}, {}),
            ({"metadata": {method: 1}}, {"metadata": {method: 1}}),
        ):
            answer = row.ask(method, path, json=body)
            assert (answer.status_code, answer.content) == (204, b"")
            made |= changed
            assert row.got(path) == made
        answer = row.ask(method, path, json={"hash_id": "taken", "version": "9"})
        row.api.refused(answer, 400, "release_hash_in_use")
        assert row.got(path) == made
        missing = f"/releases/{uuid.uuid4()}"
        row.api.refused(row.ask(method, missing, json={"hash_id": "x" * 129}), 400, "invalid_input")
        row.api.refused(row.ask(method, missing, json={"version": "1"}), 404, "not_found")


def test_row_17_a_release_goes_with_its_sets_and_their_failures(row: Row) -> None:
    made = row.release()
    row.upload("bound", item={"release_id": made["id"]})
    row.upload("free", "other")
    kept = row.objects()
    resolved, failed = row.process(row.web("bound"), row.web("bound", lineno=2))
    elsewhere = row.process(row.web("free", lineno=2))
    assert [frame["resolved"] for frame in row.batch([resolved, failed])] == [True, False]
    bound_key = next(one["storage_key"] for one in row.rows(symbol_set) if one["ref"] == "bound")
    answer = row.delete(f"/releases/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    row.api.refused(row.delete(f"/releases/{made['id']}"), 404, "not_found")
    assert row.rows(release) == []
    assert [one["ref"] for one in row.rows(symbol_set)] == ["free"]
    assert bound_key in kept
    assert bound_key not in row.objects()
    assert {one["raw_id"].hex() for one in row.rows(stack_frame)} == {
        raw_id[:64] for raw_id in (resolved, *elsewhere)
    }
    (left,) = row.batch([resolved])
    assert (left["resolved"], left["symbol_set_ref"], left["release"]) == (True, None, None)
    assert row.post("/stack_frames/batch_get", {"raw_ids": [failed]}).json()["missing"] == [failed]


def test_row_40b_the_curl_examples_of_the_seed_page_are_taken(row: Row) -> None:
    """`curl -d` sends a form."""
    for answer in row.each("POST", "/releases", data={"version": "string", "project": "string"}):
        assert answer.request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert answer.status_code == 201
        made = answer.json()
        assert (made["version"], made["project"]) == ("string", "string")
        assert row.got(f"/releases/{made['id']}") == made
        form = {"version": "next"}
        assert row.ask("PATCH", f"/releases/{made['id']}", data=form).status_code == 204
        assert row.got(f"/releases/{made['id']}")["version"] == "next"
    limits = {"project_rate_limit_value": "5000"}
    answer = row.ask("PATCH", "/settings/update_settings", data=limits)
    assert (answer.status_code, answer.json()["project_rate_limit_value"]) == (200, 5000)
    answer = row.ask("PATCH", "/spike_detection_config/update_config", data={"threshold": "50"})
    assert (answer.status_code, answer.json()["threshold"]) == (200, 50)
    answer = row.ask("POST", "/stack_frames/batch_get", data={"raw_ids": ["a", "b"]})
    assert (answer.status_code, answer.json()) == (200, {"results": [], "missing": ["a", "b"]})
