"""`settings`: the rate limits of a team, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api

READ = "/settings/retrieve_settings"
UPDATE = "/settings/update_settings"
FIELDS = [
    "project_rate_limit_value",
    "project_rate_limit_bucket_size_minutes",
    "per_issue_rate_limit_value",
    "per_issue_rate_limit_bucket_size_minutes",
]
PROJECT, WINDOW, PER_ISSUE, _ = FIELDS
NULLS: dict[str, int | None] = dict.fromkeys(FIELDS)
OTHER = "/api/environments/@current/error_tracking"


def read(api: Api, **given: Any) -> dict[str, int | None]:
    answer = api.get(READ, **given)
    assert answer.status_code == 200, answer.text
    found: dict[str, int | None] = answer.json()
    return found


def update(api: Api, body: dict[str, Any]) -> dict[str, int | None]:
    answer = api.http.patch(f"/api/projects/1/error_tracking{UPDATE}", json=body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, int | None] = answer.json()
    return changed


def test_at_first_all_are_null_in_their_order(any_api: Api) -> None:
    assert list(read(any_api)) == FIELDS
    assert read(any_api) == NULLS


def test_what_is_set_stays_and_null_clears(any_api: Api) -> None:
    made = update(any_api, {PROJECT: 2000, PER_ISSUE: 50})
    assert made == read(any_api) == NULLS | {PROJECT: 2000, PER_ISSUE: 50}
    assert update(any_api, {PER_ISSUE: 75}) == NULLS | {PROJECT: 2000, PER_ISSUE: 75}
    assert update(any_api, {PER_ISSUE: None}) == NULLS | {PROJECT: 2000}
    assert update(any_api, {WINDOW: 5}) == read(any_api) == NULLS | {PROJECT: 2000, WINDOW: 5}


@pytest.mark.parametrize("body", [{}, {"unknown": 1}])
def test_nothing_named_changes_nothing(api: Api, body: dict[str, Any]) -> None:
    update(api, {PROJECT: 9})
    assert update(api, body) == NULLS | {PROJECT: 9}


def test_an_absent_body_and_a_form_are_taken(api: Api) -> None:
    for prefix in ("/api/projects/1/error_tracking", OTHER):
        assert api.http.patch(f"{prefix}{UPDATE}/").json() == read(api)
    form = {PROJECT: "5000", WINDOW: "60"}
    answer = api.http.patch(f"{OTHER}{UPDATE}", data=form)
    assert (answer.status_code, answer.json()) == (200, NULLS | {PROJECT: 5000, WINDOW: 60})
    assert api.http.get(f"{OTHER}{READ}/").json() == answer.json()


@pytest.mark.parametrize(
    ("value", "expected"), [("5", 5), (5.0, 5), (1, 1), (2_147_483_647, 2_147_483_647)]
)
@pytest.mark.parametrize("field", FIELDS)
def test_whole_numbers_are_taken(shared_api: Api, field: str, value: Any, expected: int) -> None:
    assert update(shared_api, {field: value})[field] == expected


@pytest.mark.parametrize(
    ("value", "code", "detail"),
    [
        (0, "min_value", "Ensure this value is greater than or equal to 1."),
        (-1, "min_value", "Ensure this value is greater than or equal to 1."),
        (2**31, "max_value", "Ensure this value is less than or equal to 2147483647."),
        ("x", "invalid_input", "A valid integer is required."),
        (1.5, "invalid_input", "A valid integer is required."),
        (True, "invalid_input", "A valid integer is required."),
        ([1], "invalid_input", "A valid integer is required."),
    ],
)
@pytest.mark.parametrize("field", FIELDS)
def test_other_values_are_refused_by_field(
    shared_api: Api, field: str, value: Any, code: str, detail: str
) -> None:
    before = read(shared_api)
    body = dict.fromkeys(FIELDS, 7) | {field: value}
    answer = shared_api.http.patch(f"/api/projects/1/error_tracking{UPDATE}", json=body)
    assert shared_api.refused(answer, 400, code, field) == detail
    assert answer.json()["type"] == "validation_error"
    assert read(shared_api) == before


def test_a_teams_limits_are_its_own(any_api: Api) -> None:
    update(any_api, {PROJECT: 1})
    theirs = any_api.with_key(2)
    path = "/api/projects/2/error_tracking"
    assert any_api.http.get(path + READ, headers=theirs).json() == NULLS
    any_api.http.patch(path + UPDATE, json={PROJECT: 2}, headers=theirs)
    assert read(any_api)[PROJECT] == 1
    any_api.refused(any_api.http.get(path + READ), 403, "permission_denied")
    refused = any_api.http.patch(path + UPDATE, json={PROJECT: 3})
    any_api.refused(refused, 403, "permission_denied")
    assert any_api.http.get(path + READ, headers=theirs).json()[PROJECT] == 2


def test_scopes_tell_readers_from_writers(api: Api) -> None:
    reader = api.with_key(1, "error_tracking:read")
    writer = api.with_key(1, "error_tracking:write")
    stranger = api.with_key(1, "feature_flag:write")
    assert read(api, headers=reader) == read(api, headers=writer) == NULLS
    api.refused(api.get(READ, headers=stranger), 403, "permission_denied")
    path = f"/api/projects/1/error_tracking{UPDATE}"
    for headers in (reader, stranger):
        answer = api.http.patch(path, json={PROJECT: 5}, headers=headers)
        told = api.refused(answer, 403, "permission_denied")
        assert told == "API key missing required scope 'error_tracking:write'"
    assert api.http.patch(path, json={PROJECT: 5}, headers=writer).json()[PROJECT] == 5


@pytest.mark.parametrize(("verb", "path"), [("PATCH", READ), ("GET", UPDATE), ("POST", UPDATE)])
def test_other_methods_are_refused(shared_api: Api, verb: str, path: str) -> None:
    answer = shared_api.http.request(verb, f"/api/projects/1/error_tracking{path}")
    shared_api.refused(answer, 405, "method_not_allowed")


def test_changes_of_different_fields_at_once_all_survive(any_api: Api) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: read(any_api), range(4))) == [NULLS] * 4
        for value in range(1, 6):
            changes = [{field: value} for field in FIELDS]
            list(threads.map(partial(update, any_api), changes))
            assert read(any_api) == dict.fromkeys(FIELDS, value)
