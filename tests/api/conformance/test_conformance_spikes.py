"""Rows 22–24 of the conformance table, and of row 43 the spike detector."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from symbolicate.database.tables import issue, spike_event

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

CONFIG = "/spike_detection_config"
UPDATE = "/spike_detection_config/update_config"
EVENTS = "/spike_events"
USUAL = {"snooze_duration_minutes": 10, "multiplier": 10, "threshold": 500}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def store(row: Row, issue_id: uuid.UUID, *minutes: int, team: int = 1) -> list[str]:
    """Stores a spike of an issue so many minutes after noon each, and gives their ids."""
    rows = [
        {
            "id": uuid.uuid4(),
            "team_id": team,
            "issue_id": issue_id,
            "detected_at": NOON + timedelta(minutes=number),
            "computed_baseline": 100.0 - number,
            "current_bucket_value": 500 + number,
        }
        for number in minutes
    ]
    row.write(insert(spike_event), rows)
    return [str(one["id"]) for one in rows]


def send(row: Row, count: int, fingerprint: str, team: int = 1) -> None:
    """Sends events of one issue, all of which pass."""
    events = []
    for _ in range(count):
        event = row.api.event(uuid=str(uuid.uuid4()))
        event["properties"]["$exception_fingerprint"] = fingerprint
        events.append(event)
    assert {outcome["status"] for outcome in row.outcomes(*events, team=team)} == {"ok"}


def into_the_next_bucket(row: Row) -> None:
    """Puts the clock into the first seconds of the next five minutes."""
    into = row.clock().timestamp() % 300
    row.clock.forward(seconds=301 - into)


def ids(row: Row, **params: Any) -> list[str]:
    found = row.got(EVENTS, params=params)
    assert found["count"] == len(found["results"])
    return [one["id"] for one in found["results"]]


def test_row_22_what_a_spike_is_can_be_changed_in_part(row: Row) -> None:
    for answer in row.each("GET", CONFIG):
        assert (answer.status_code, answer.json()) == (200, USUAL)
    changed = USUAL | {"threshold": 50}
    for answer in row.each("PATCH", UPDATE, json={"threshold": 50}):
        assert (answer.status_code, answer.json()) == (200, changed)
    for name in USUAL:
        for value, code in (
            (None, "null"),
            (0, "min_value"),
            (-1, "min_value"),
            ("x", "invalid_input"),
            (2**31, "max_value"),
        ):
            row.api.refused(row.patch(UPDATE, {name: value}), 400, code, name)
    answer = row.patch(UPDATE, {"unknown": 1})
    assert (answer.status_code, answer.json()) == (200, changed)
    assert row.got(CONFIG) == changed
    assert row.got(CONFIG, team=2) == USUAL


def test_row_23_only_a_writing_key_changes_what_a_spike_is(row: Row) -> None:
    body = {"threshold": 50}
    for answer in row.each("PATCH", UPDATE, json=body, headers=row.key("error_tracking:read")):
        sentence = row.api.refused(answer, 403, "permission_denied")
        assert sentence == "API key missing required scope 'error_tracking:write'"
    assert row.got(CONFIG) == USUAL
    for answer in row.each("PATCH", UPDATE, json=body, headers=row.key("error_tracking:write")):
        assert (answer.status_code, answer.json()) == (200, USUAL | body)


def test_row_24_spikes_are_listed_the_newest_first_and_filtered(row: Row) -> None:
    known, gone = uuid.uuid4(), uuid.uuid4()
    named = {"id": known, "team_id": 1, "name": "TypeError", "description": "no"}
    row.write(insert(issue), [named | {"status": "active", "created_at": NOON}])
    first, third = store(row, known, 1, 3)
    (second,) = store(row, gone, 2)
    (theirs,) = store(row, known, 4, team=2)
    for answer in row.each("GET", EVENTS):
        assert answer.status_code == 200
        assert [one["id"] for one in answer.json()["results"]] == [third, second, first]
    assert row.got(EVENTS)["results"][0] == {
        "id": third,
        "issue": {"id": str(known), "name": "TypeError", "description": "no"},
        "detected_at": "2026-01-01T12:03:00Z",
        "computed_baseline": 97.0,
        "current_bucket_value": 503,
    }
    around = {"date_from": "2026-01-01T12:02:00Z", "date_to": "2026-01-01T12:02:00Z"}
    assert ids(row, **around) == [second]
    assert ids(row, date_from="2026-01-02") == []
    assert ids(row, date_from="", date_to=" ") == [third, second, first]
    assert ids(row, issue_ids=str(known)) == [third, first]
    assert ids(row, issue_ids=f"{known}, ") == [third, first]
    assert ids(row, issue_ids=f"{known},{gone}") == [third, second, first]
    assert ids(row, order_by="detected_at") == [first, second, third]
    assert ids(row, order_by="-computed_baseline") == [first, second, third]
    assert ids(row, order_by="-current_bucket_value") == [third, second, first]
    for params, code, attr in (
        ({"date_to": "'"}, "invalid_input", "date_to"),
        ({"date_from": "-7d"}, "invalid_input", "date_from"),
        ({"issue_ids": f"{known},nope"}, "invalid_input", "issue_ids"),
        ({"order_by": "x"}, "invalid_choice", "order_by"),
    ):
        row.api.refused(row.get(EVENTS, params=params), 400, code, attr)
    assert [one["id"] for one in row.got(EVENTS, team=2)["results"]] == [theirs]


def test_row_43_a_spike_against_the_issues_own_past_is_stored_once_in_its_snooze(
    row: Row,
) -> None:
    """History [10], now 50: no; now 600: a spike over a baseline of 10."""
    into_the_next_bucket(row)
    send(row, 10, "one")
    row.clock.forward(minutes=5)
    send(row, 50, "one")
    assert row.got(EVENTS)["count"] == 0
    send(row, 550, "one")
    (spike,) = row.got(EVENTS)["results"]
    assert (spike["computed_baseline"], spike["current_bucket_value"]) == (10.0, 600)
    assert spike["issue"]["name"] == "ValueError"
    assert row.moment(spike["detected_at"]) <= row.clock()
    send(row, 10, "one")
    assert row.got(EVENTS)["count"] == 1, "a spike within the snooze leaves no row"
    assert row.got(EVENTS, team=2)["count"] == 0


def test_row_43_an_issue_without_a_past_is_held_against_the_team(row: Row) -> None:
    """No history, the team's buckets 15/3 and 12/4: a spike over (5 + 3) / 2 = 4.0."""
    into_the_next_bucket(row)
    for issues, each in ((3, 5), (4, 3)):
        for number in range(issues):
            send(row, each, f"{issues} {number}")
        row.clock.forward(minutes=5)
    send(row, 600, "new")
    (spike,) = row.got(EVENTS)["results"]
    assert (spike["computed_baseline"], spike["current_bucket_value"]) == (4.0, 600)
    for answer in row.each("GET", EVENTS, params={"issue_ids": spike["issue"]["id"]}):
        assert answer.json()["results"] == [spike]
