"""Rows 18–21 of the conformance table, and of row 43 the rate limiter: settings of a team."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

RETRIEVE = "/settings/retrieve_settings"
UPDATE = "/settings/update_settings"
PROJECT = "project_rate_limit_value"
PROJECT_MINUTES = "project_rate_limit_bucket_size_minutes"
ISSUE = "per_issue_rate_limit_value"
ISSUE_MINUTES = "per_issue_rate_limit_bucket_size_minutes"
NOTHING: dict[str, Any] = dict.fromkeys((PROJECT, PROJECT_MINUTES, ISSUE, ISSUE_MINUTES))


def update(row: Row, body: dict[str, Any]) -> dict[str, Any]:
    answer = row.patch(UPDATE, body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def send(row: Row, count: int, fingerprint: str = "one") -> list[str]:
    """Sends events of one issue and tells what became of each."""
    events = []
    for _ in range(count):
        event = row.api.event(uuid=str(uuid.uuid4()))
        event["properties"]["$exception_fingerprint"] = fingerprint
        events.append(event)
    return [outcome.get("reason") or outcome["status"] for outcome in row.outcomes(*events)]


def test_row_18_settings_are_null_at_first_and_read_by_both_scopes(row: Row) -> None:
    for scope in ("error_tracking:read", "error_tracking:write"):
        for answer in row.each("GET", RETRIEVE, headers=row.key(scope)):
            assert (answer.status_code, answer.json()) == (200, NOTHING)
    for answer in row.each("GET", RETRIEVE, headers=row.key("insight:read", "insight:write")):
        sentence = row.api.refused(answer, 403, "permission_denied")
        assert sentence == "API key missing required scope 'error_tracking:read'"


def test_row_19_only_a_writing_key_changes_settings(row: Row) -> None:
    body = {PROJECT: 5000, PROJECT_MINUTES: 60}
    for answer in row.each("PATCH", UPDATE, json=body, headers=row.key("error_tracking:read")):
        sentence = row.api.refused(answer, 403, "permission_denied")
        assert sentence == "API key missing required scope 'error_tracking:write'"
    assert row.got(RETRIEVE) == NOTHING
    for answer in row.each("PATCH", UPDATE, json=body, headers=row.key("error_tracking:write")):
        assert (answer.status_code, answer.json()) == (200, NOTHING | body)
    assert row.got(RETRIEVE) == NOTHING | body
    assert row.got(RETRIEVE, team=2) == NOTHING


def test_row_20_only_what_is_named_changes_and_null_clears(row: Row) -> None:
    update(row, {PROJECT: 2000, ISSUE: 50})
    assert update(row, {ISSUE: 75}) == NOTHING | {PROJECT: 2000, ISSUE: 75}
    assert update(row, {}) == NOTHING | {PROJECT: 2000, ISSUE: 75}
    assert update(row, {ISSUE: None, "unknown": 1}) == NOTHING | {PROJECT: 2000}
    assert row.got(RETRIEVE) == NOTHING | {PROJECT: 2000}
    assert update(row, {PROJECT: None}) == NOTHING


@pytest.mark.parametrize("field", NOTHING)
def test_row_21_a_limit_is_a_positive_integer(row: Row, field: str) -> None:
    update(row, {field: 7})
    for value, code in (
        (0, "min_value"),
        (-1, "min_value"),
        ("x", "invalid_input"),
        (1.5, "invalid_input"),
        (True, "invalid_input"),
        (2**31, "max_value"),
    ):
        answer = row.patch(UPDATE, {field: value})
        sentence = row.api.refused(answer, 400, code, field)
        assert answer.json()["type"] == "validation_error"
        if code == "min_value":
            assert sentence == "Ensure this value is greater than or equal to 1."
    assert row.got(RETRIEVE) == NOTHING | {field: 7}
    for value, stored in (("5", 5), (5.0, 5), (2**31 - 1, 2**31 - 1)):
        assert update(row, {field: value}) == NOTHING | {field: stored}


def test_row_43_the_limit_per_issue_drops_what_is_over_it(row: Row) -> None:
    """Value 120, window 2 min: a full bucket of 120, refilled with 1 per s."""
    assert update(row, {ISSUE: 120, ISSUE_MINUTES: 2})[ISSUE] == 120
    began = row.clock()
    assert send(row, 130) == ["ok"] * 120 + ["rate_limited"] * 10
    assert send(row, 5, "another issue") == ["ok"] * 5
    row.clock.forward(seconds=3)
    admitted = send(row, 30).count("ok")
    elapsed = (row.clock() - began).total_seconds()
    assert 3 <= admitted <= elapsed + 1
    for answer in row.each("PATCH", UPDATE, json={ISSUE: None}):
        assert answer.json()[ISSUE] is None
    assert send(row, 130) == ["ok"] * 130


def test_row_43_the_limit_of_the_project_is_charged_with_the_survivors_of_the_issue(
    row: Row,
) -> None:
    """Issue 5 + project 3, want 10: 3 pass; then another issue of the team: none."""
    update(row, {PROJECT: 3, ISSUE: 5, PROJECT_MINUTES: 10_000, ISSUE_MINUTES: 10_000})
    assert send(row, 10) == ["ok"] * 3 + ["rate_limited"] * 7
    assert send(row, 10, "another issue") == ["rate_limited"] * 10
    name = "symbolicate_rate_limited_events_total"
    for limit, result, count in (
        ("per_issue", "allowed", 10),
        ("per_issue", "rate_limited", 10),
        ("project", "allowed", 3),
        ("project", "rate_limited", 7),
    ):
        line = f'{name}{{limit="{limit}",result="{result}",team="1"}}'
        assert row.api.metric(line) == count, line
    for answer in row.each("GET", RETRIEVE):
        assert answer.json()[PROJECT] == 3
