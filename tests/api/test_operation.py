"""An operation's names follow from its path, its scope from its endpoint, its errors from both."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate_api.auth import AnyKey, Reader, Writer
from symbolicate_api.operation import (
    Place,
    Scope,
    add_errors,
    add_path_parameters,
    add_scope,
    add_summary,
    operation_id,
    place_of,
    scope_of,
)

BASE = "/api/projects/{project_id}/error_tracking"
ITEM = "/things/{thing_id}"
IDS = {
    "a page": ("get", "/things", True, "things_list"),
    "one thing without an id": ("get", "/things", False, "things_retrieve"),
    "made": ("post", "/things", False, "things_create"),
    "read": ("get", ITEM, False, "things_retrieve"),
    "replaced": ("put", ITEM, False, "things_update"),
    "changed": ("patch", ITEM, False, "things_partial_update"),
    "deleted": ("delete", ITEM, False, "things_delete"),
    "an action on all": ("post", "/things/bulk_delete", False, "things_bulk_delete"),
    "an action on one": ("post", f"{ITEM}/refresh", False, "things_refresh"),
    "found by another name": ("get", "/things/hash/{hash_id}", False, "things_hash_retrieve"),
}


@pytest.mark.parametrize("case", IDS.values(), ids=IDS.keys())
def test_the_id_says_resource_and_action(case: tuple[str, str, bool, str]) -> None:
    method, path, paged, expected = case
    place = place_of(BASE + path)
    assert place is not None
    assert operation_id(place, method, paged) == expected


def test_only_routes_of_a_team_have_a_place() -> None:
    assert place_of(f"{BASE}{ITEM}/download") == Place("things", "/{thing_id}/download")
    assert place_of("/process") is None
    assert place_of("/api/projects/{project_id}/") is None


def test_the_scope_is_read_from_the_endpoint() -> None:
    def reads(team_id: Reader) -> None: ...
    def writes(other: int, team_id: Writer) -> None: ...
    def opens(key: AnyKey) -> None: ...
    def asks_nobody(team_id: int) -> None: ...

    assert scope_of(reads) == Scope(True, "error_tracking:read")
    assert scope_of(writes) == Scope(True, "error_tracking:write")
    assert scope_of(opens) == Scope(True, None)
    assert scope_of(asks_nobody) == Scope(False, None)


def test_the_first_clause_is_the_summary() -> None:
    cases = {"Lists all, the newest first.": "Lists all", "Deletes nothing: so": "Deletes nothing"}
    for description, expected in cases.items():
        operation: dict[str, Any] = {"description": description}
        add_summary(operation)
        assert operation["summary"] == expected


def test_the_scope_is_said_in_words_and_for_machines() -> None:
    operation: dict[str, Any] = {"description": "Lists."}
    add_scope(operation, "error_tracking:read")
    assert operation == {
        "description": "Lists.\n\nNeeds the scope `error_tracking:read`.",
        "security": [{"key": ["error_tracking:read"]}],
        "x-required-scope": "error_tracking:read",
    }


def test_path_parameters_come_first_and_none_is_added_twice() -> None:
    limit = {"name": "limit", "in": "query"}
    operation: dict[str, Any] = {"parameters": [limit]}
    add_path_parameters(BASE + ITEM, operation)
    add_path_parameters(BASE + ITEM, operation)
    named = [(one["in"], one["name"]) for one in operation["parameters"]]
    assert named == [("path", "project_id"), ("path", "thing_id"), ("query", "limit")]
    assert operation["parameters"][1]["description"] == "The id of the thing."


def body(kind: str) -> dict[str, Any]:
    return {"requestBody": {"content": {kind: {}}}}


def query(name: str) -> dict[str, Any]:
    return {"parameters": [{"in": "query", "name": name}]}


TEAM = {"parameters": [{"in": "path", "name": "project_id"}]}
WITH_KEY = {"401", "429", "503"}
ERRORS: dict[str, tuple[dict[str, Any], str | None, set[str]]] = {
    "a key alone": ({}, None, set()),
    "a scope": ({}, "error_tracking:read", {"403"}),
    "a team without a scope": (TEAM, None, {"403", "404"}),
    "a page": (query("limit"), None, set()),
    "a filter": (query("status"), None, {"400"}),
    "a body": (body("application/json"), None, {"400", "413", "415"}),
    "a file": (body("application/octet-stream"), None, {"400", "413"}),
}


@pytest.mark.parametrize("case", ERRORS.values(), ids=ERRORS.keys())
def test_refusals_follow_from_what_is_asked_for(
    case: tuple[dict[str, Any], str | None, set[str]],
) -> None:
    given, scope, expected = case
    operation: dict[str, Any] = {"responses": {"200": {}}} | given
    add_errors(operation, scope)
    assert set(operation["responses"]) == WITH_KEY | expected | {"200"}
    assert list(operation["responses"]) == sorted(operation["responses"])


def test_what_is_refused_in_any_case_is_refused_before_its_scope_and_team() -> None:
    refused = {"description": "Not done"}
    operation: dict[str, Any] = {"responses": {"405": refused}, **TEAM}
    add_errors(operation, None)
    assert set(operation["responses"]) == WITH_KEY | {"405"}
    assert operation["responses"]["405"] == refused
