"""`recommendations` over HTTP: listed, polled, refreshed, dismissed, restored."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.services import recommendations as service_module
from symbolicate.services.recommendation_kinds import KINDS

if TYPE_CHECKING:
    from tests.api.conftest import Api

PATH = "/recommendations"
TYPES = ["alerts", "long_running_issues", "rate_limits", "source_maps"]
KEYS = ["id", "type", "meta", "completed", "status", "computed_at", "dismissed_at"]
STAMPS = ["created_at", "updated_at"]
COMPUTED = "symbolicate_recommendations_computed_total"


def listed(api: Api, **params: str | int) -> dict[str, dict[str, Any]]:
    answer = api.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    return {item["type"]: item for item in answer.json()["results"]}


def ready(api: Api) -> dict[str, dict[str, Any]]:
    """Lists, waits, and gives what a poll shows then."""
    listed(api)
    api.symbolicator.recommendations.join()
    return listed(api, poll="true")


def act(api: Api, item: dict[str, Any], action: str, query: str = "") -> dict[str, Any]:
    answer = api.post(f"{PATH}/{item['id']}/{action}{query}")
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def computations(api: Api, name: str, result: str = "computed") -> float:
    return api.metric(f'{COMPUTED}{{result="{result}",type="{name}"}}')


def test_row_25_the_first_list_computes_each_type_once(any_api: Api) -> None:
    found = ready(any_api)
    assert list(found) == TYPES
    for name, item in found.items():
        assert list(item) == KEYS + STAMPS
        assert item["status"] == "ready"
        assert item["computed_at"].endswith("Z")
        assert item["dismissed_at"] is None
        assert computations(any_api, name) == 1
    assert {name for name, item in found.items() if item["completed"]} == {
        "long_running_issues",
        "source_maps",
    }


@pytest.mark.parametrize("text", ["true", "TRUE", "True"])
def test_a_poll_in_any_case_computes_nothing(api: Api, text: str) -> None:
    assert listed(api, poll=text) == {}
    api.symbolicator.recommendations.join()
    assert listed(api, poll="true") == {}


@pytest.mark.parametrize("text", ["", "1", "false", "yes"])
def test_what_is_no_poll_computes(api: Api, text: str) -> None:
    assert list(listed(api, poll=text)) == TYPES


def test_types_are_paginated(api: Api) -> None:
    ready(api)
    body = api.get(PATH, params={"limit": 2, "offset": 1, "poll": "true"}).json()
    assert (body["count"], [item["type"] for item in body["results"]]) == (4, TYPES[1:3])
    rest = api.http.get(body["next"]).json()["results"]
    assert [item["type"] for item in rest] == TYPES[3:]


def test_row_27_a_dismissal_is_shown_and_taken_back(any_api: Api) -> None:
    item = ready(any_api)["alerts"]
    dismissed = act(any_api, item, "dismiss")
    assert dismissed["dismissed_at"] == dismissed["updated_at"] > item["updated_at"]
    assert ready(any_api)["alerts"]["dismissed_at"] == dismissed["dismissed_at"]
    restored = act(any_api, item, "restore")
    assert restored["dismissed_at"] is None
    assert restored["updated_at"] > dismissed["updated_at"]
    assert {key: restored[key] for key in KEYS[:4]} == {key: item[key] for key in KEYS[:4]}


@pytest.mark.parametrize("query", ["?force=false", "?force=False"])
def test_row_28_a_refresh_without_force_computes_nothing(api: Api, query: str) -> None:
    item = ready(api)["source_maps"]
    assert act(api, item, "refresh", query) == item
    api.symbolicator.recommendations.join()
    assert computations(api, "source_maps") == 1


@pytest.mark.parametrize("query", ["", "?force=true", "?force="])
def test_row_28_a_refresh_computes_once(api: Api, query: str) -> None:
    item = ready(api)["source_maps"]
    assert act(api, item, "refresh", query)["status"] == "computing"
    api.symbolicator.recommendations.join()
    again = listed(api, poll="true")["source_maps"]
    assert again["computed_at"] > item["computed_at"]
    assert again == item | {"computed_at": again["computed_at"]}
    assert computations(api, "source_maps") == 2


def test_a_failure_is_counted_and_the_list_goes_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_connection: Any, _asked: Any) -> dict[str, Any]:
        raise RuntimeError("a query failed")

    monkeypatch.setitem(KINDS, "alerts", KINDS["alerts"]._replace(compute=broken))
    found = ready(api)
    assert list(found) == TYPES
    assert (found["alerts"]["meta"], found["alerts"]["computed_at"]) == ({}, None)
    assert computations(api, "alerts", "failed") == 1
    assert computations(api, "rate_limits") == 1


def test_a_full_queue_is_told_to_who_refreshes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    item = ready(api)["alerts"]
    monkeypatch.setattr(service_module, "MAX_WAITING", 0)
    answer = api.post(f"{PATH}/{item['id']}/refresh")
    api.refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    assert listed(api, poll="true")["alerts"] == item


@pytest.mark.parametrize("action", ["refresh", "dismiss", "restore"])
@pytest.mark.parametrize("name", [str(uuid.UUID(int=7)), "nope"])
def test_what_is_not_there_cannot_be_changed(shared_api: Api, action: str, name: str) -> None:
    shared_api.refused(shared_api.post(f"{PATH}/{name}/{action}"), 404, "not_found")


@pytest.mark.parametrize("action", ["refresh", "dismiss", "restore"])
def test_only_a_writing_key_changes_what_is_listed(shared_api: Api, action: str) -> None:
    item = ready(shared_api)["alerts"]
    path = f"{PATH}/{item['id']}/{action}"
    reader = shared_api.with_key(1, "error_tracking:read")
    shared_api.refused(shared_api.post(path, headers=reader), 403, "permission_denied")
    assert shared_api.get(PATH, headers=reader).status_code == 200
    assert shared_api.get(path).status_code == 405


def test_a_body_is_ignored(shared_api: Api) -> None:
    path = f"/api/projects/1/error_tracking{PATH}/{ready(shared_api)['alerts']['id']}/restore/"
    assert shared_api.http.post(path, content=b"{not json").status_code == 200


def test_another_teams_rows_are_not_found(api: Api) -> None:
    item = ready(api)["alerts"]
    path = f"/api/projects/2/error_tracking{PATH}"
    key = api.with_key(2)
    for action in ("refresh", "dismiss", "restore"):
        answer = api.http.post(f"{path}/{item['id']}/{action}", headers=key)
        api.refused(answer, 404, "not_found")
    assert api.http.get(f"{path}?poll=true", headers=key).json()["count"] == 0
    assert listed(api, poll="true")["alerts"] == item


def test_rows_are_neither_made_nor_read_nor_deleted_one_by_one(shared_api: Api) -> None:
    item = ready(shared_api)["alerts"]
    path = f"/api/projects/1/error_tracking{PATH}"
    shared_api.refused(shared_api.get(f"{PATH}/{item['id']}"), 404, "not_found")
    for verb in ("POST", "PUT", "DELETE"):
        answer = shared_api.http.request(verb, path)
        shared_api.refused(answer, 405, "method_not_allowed")
