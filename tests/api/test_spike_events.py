"""`spike_events`: the list of spikes, over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from symbolicate.database.tables import issue, spike_event

if TYPE_CHECKING:
    from tests.api.conftest import Api

PATH = "/spike_events"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)


@pytest.fixture
def any_api(any_stores: dict[str, str], open_api: Callable[..., Api]) -> Api:
    """Serves each pair of stores; spikes are kept for ever."""
    return open_api(retention_days=0, **any_stores)


def store(api: Api, *numbers: int, team_id: int = 1) -> None:
    """Stores a spike so many minutes after noon each; odd ones are of issue A, even ones of B."""
    rows = [
        {
            "id": uuid.UUID(int=number),
            "team_id": team_id,
            "issue_id": A if number % 2 else B,
            "detected_at": NOON + timedelta(minutes=number),
            "computed_baseline": 10.0 * number,
            "current_bucket_value": 500 - number,
        }
        for number in numbers
    ]
    named = {"id": A, "team_id": 1, "name": "TypeError", "description": "x", "status": "active"}
    with api.symbolicator._database.write() as connection:
        if team_id == 1:
            connection.execute(insert(issue).values(**named, created_at=NOON))
        connection.execute(insert(spike_event), rows)


def listed(api: Api, **params: Any) -> list[int]:
    answer = api.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["count"] == len(body["results"])
    return [uuid.UUID(item["id"]).int for item in body["results"]]


def test_an_empty_list_is_a_page(any_api: Api) -> None:
    body = any_api.get(PATH).json()
    assert body == {"count": 0, "next": None, "previous": None, "results": []}


def test_an_item_has_its_issue_within(any_api: Api) -> None:
    store(any_api, 1, 2)
    answer = any_api.get(f"{PATH}/")
    two, one = answer.json()["results"]
    assert one == {
        "id": str(uuid.UUID(int=1)),
        "issue": {"id": str(A), "name": "TypeError", "description": "x"},
        "detected_at": "2026-01-01T12:01:00Z",
        "computed_baseline": 10.0,
        "current_bucket_value": 499,
    }
    assert two["issue"] == {"id": str(B), "name": None, "description": None}
    assert b'"computed_baseline":10.0,' in answer.content


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"date_from": "2026-01-01T00:00:00Z", "date_to": "2026-01-02"}, [3, 2, 1]),
        ({"date_from": "2026-01-02"}, []),
        ({"date_from": "2026-01-01T14:02:00+02:00"}, [3, 2]),
        ({"date_to": "2026-01-01T12:02:00"}, [2, 1]),
        ({"date_to": ""}, [3, 2, 1]),
        ({"issue_ids": str(A)}, [3, 1]),
        ({"issue_ids": f"{A}, "}, [3, 1]),
        ({"issue_ids": ""}, [3, 2, 1]),
        ({"issue_ids": str(uuid.UUID(int=7))}, []),
        ({"order_by": "detected_at"}, [1, 2, 3]),
        ({"order_by": "-computed_baseline"}, [3, 2, 1]),
        ({"order_by": "current_bucket_value"}, [3, 2, 1]),
        ({"order_by": "-current_bucket_value", "issue_ids": str(A)}, [1, 3]),
    ],
)
def test_filters_and_order(api: Api, params: dict[str, str], expected: list[int]) -> None:
    store(api, 1, 2, 3)
    assert listed(api, **params) == expected


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("issue_ids", f"{A},nope", "invalid_input"),
        ("date_from", "\0", "invalid_input"),
        ("date_from", "-7d", "invalid_input"),
        ("date_to", "'", "invalid_input"),
        ("order_by", "x", "invalid_choice"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    shared_api: Api, name: str, text: str, code: str
) -> None:
    answer = shared_api.get(PATH, params={name: text})
    shared_api.refused(answer, 400, code, name)
    assert answer.json()["type"] == "validation_error"


def test_links_keep_the_filters(api: Api) -> None:
    store(api, 1, 2, 3, 4, 5)
    params: dict[str, str | int] = {"issue_ids": str(A), "limit": 1, "offset": 1}
    body = api.get(PATH, params=params).json()
    assert (body["count"], len(body["results"])) == (3, 1)
    for link, ids in ((body["next"], [1]), (body["previous"], [5])):
        page = api.http.get(link).json()
        assert (page["count"], [uuid.UUID(one["id"]).int for one in page["results"]]) == (3, ids)


def test_other_teams_spikes_are_not_seen(any_api: Api) -> None:
    store(any_api, 1)
    store(any_api, 2, 3, team_id=2)
    assert listed(any_api) == [1]
    assert listed(any_api, issue_ids=str(B)) == []
    path = "/api/projects/2/error_tracking/spike_events"
    theirs = any_api.http.get(path, headers=any_api.with_key(2)).json()
    assert [one["issue"]["name"] for one in theirs["results"]] == [None, None]
    any_api.refused(any_api.http.get(path), 403, "permission_denied")


def test_there_is_nothing_but_the_list(shared_api: Api) -> None:
    path = f"/api/projects/1/error_tracking{PATH}"
    for verb in ("POST", "PUT", "DELETE"):
        shared_api.refused(shared_api.http.request(verb, path), 405, "method_not_allowed")
    shared_api.refused(shared_api.get(f"{PATH}/{A}"), 404, "not_found")
    stranger = shared_api.with_key(1, "insight:read")
    shared_api.refused(shared_api.get(PATH, headers=stranger), 403, "permission_denied")
