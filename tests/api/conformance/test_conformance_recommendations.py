"""Rows 25–31 of the conformance table: recommendations."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, update

from symbolicate.database.tables import issue, issue_day, recommendation

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

PATH = "/recommendations"
TYPES = ["alerts", "long_running_issues", "rate_limits", "source_maps"]
KEYS = [
    "id",
    "type",
    "meta",
    "completed",
    "status",
    "computed_at",
    "dismissed_at",
    "created_at",
    "updated_at",
]
METRIC = "symbolicate_recommendations_computed_total"
ALERTS = [f"error-tracking-issue-{what}" for what in ("created", "reopened", "spiking")]


def polled(row: Row, team: int = 1) -> dict[str, dict[str, Any]]:
    """Reads the rows by type without computing any."""
    page = row.got(PATH, team=team, params={"poll": "true"})
    return {one["type"]: one for one in page["results"]}


def ready(row: Row, team: int = 1) -> dict[str, dict[str, Any]]:
    """Waits until nothing is being computed."""

    def is_ready() -> bool:
        return all(one["status"] == "ready" for one in polled(row, team).values())

    row.until(is_ready, "a recommendation is still being computed")
    # In every spelling, however few questions it took.
    return [polled(row, team) for _ in range(4)][-1]


def listed(row: Row, team: int = 1) -> dict[str, dict[str, Any]]:
    """Lists, waits for what that sets going, and gives the rows by type."""
    row.got(PATH, team=team)
    return ready(row, team)


def computed(row: Row, kind: str) -> int:
    """Tells how often a type was computed."""
    page = row.api.http.get("/metrics").text.splitlines()
    lines = [line for line in page if line.startswith(METRIC + "{") and f'type="{kind}"' in line]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


def set_meta(row: Row, kind: str, meta: dict[str, Any], **columns: Any) -> None:
    """Writes what a computation could have found."""
    here = (recommendation.c.team_id == 1) & (recommendation.c.type == kind)
    row.write(update(recommendation).where(here).values(meta=json.dumps(meta), **columns))


def store_frames(row: Row, good: int, bad: int, team: int) -> None:
    """Stores that many resolved and unresolved browser frames."""
    row.upload("map", team=team)
    frames = [row.web("map", column + 1) for column in range(good)]
    frames += [row.web("map", column + 1, lineno=2) for column in range(bad)]
    row.process(*frames, team=team)


def test_row_25_the_first_list_makes_and_computes_a_row_per_type(row: Row) -> None:
    page = row.got(PATH)
    assert (page["count"], page["next"], page["previous"]) == (4, None, None)
    assert [one["type"] for one in page["results"]] == TYPES
    assert all(set(one) == set(KEYS) for one in page["results"])
    found = ready(row)
    assert list(found) == TYPES
    for kind, one in found.items():
        assert (one["status"], one["dismissed_at"]) == ("ready", None)
        assert row.moment(one["created_at"]) <= row.moment(one["computed_at"]) <= row.clock()
        assert computed(row, kind) == 1
    assert found["alerts"]["meta"] == {"alerts": [{"key": key, "enabled": False} for key in ALERTS]}
    assert (found["alerts"]["completed"], found["long_running_issues"]["completed"]) == (
        False,
        True,
    )


def test_row_25_long_running_issues_are_the_oldest_that_go_on(row: Row) -> None:
    now = row.clock()
    today = (now - datetime(1970, 1, 1, tzinfo=UTC)).days
    ids = [uuid.UUID(int=number + 1) for number in range(9)]
    rows = [
        {
            "id": one,
            "team_id": 1,
            "name": None if number == 0 else f"issue {number}",
            "description": "no",
            "status": "resolved" if number == 6 else "active",
            "created_at": now - timedelta(days=6 if number == 7 else 30 - number),
        }
        for number, one in enumerate(ids)
    ]
    row.write(insert(issue), rows)
    days = [
        {"team_id": 1, "issue_id": one, "day": today - (20 if number == 8 else ago), "events": 3}
        for number, one in enumerate(ids)
        for ago in ((1, 2) if number == 0 else (1,))
    ]
    row.write(insert(issue_day), days)
    one = listed(row)["long_running_issues"]
    assert one["completed"] is False
    issues = one["meta"]["issues"]
    assert [found["id"] for found in issues] == [str(one) for one in ids[:5]]
    assert (
        issues[0].items()
        >= {
            "name": "Untitled issue",
            "description": "no",
            "occurrences": 6,
            "status": "active",
        }.items()
    )
    assert row.moment(issues[0]["created_at"]) == now - timedelta(days=30)
    row.write(update(issue).where(issue.c.id == ids[0]).values(status="resolved"))
    assert polled(row)["long_running_issues"]["meta"]["issues"][0]["status"] == "resolved"


def test_row_26_a_row_is_computed_again_once_it_is_stale(row: Row) -> None:
    assert row.got(PATH, params={"poll": "TRUE"})["count"] == 0
    listed(row)
    listed(row)
    assert [computed(row, kind) for kind in TYPES] == [2, 1, 2, 1]
    for answer in row.each("GET", PATH, params={"poll": "true"}):
        assert answer.json()["count"] == 4
    row.clock.forward(hours=5)
    listed(row)
    assert [computed(row, kind) for kind in TYPES] == [3, 1, 3, 1]
    row.clock.forward(hours=2)
    polled(row)
    before = listed(row)
    assert [computed(row, kind) for kind in TYPES] == [4, 2, 4, 2]
    for minutes, times in ((4, 2), (10, 3)):
        claimed_at = row.clock() - timedelta(minutes=minutes)
        stuck = {"status": "computing", "claimed_at": claimed_at, "computed_at": None}
        set_meta(row, "source_maps", before["source_maps"]["meta"], **stuck)
        row.got(PATH)
        if times == 2:
            assert polled(row)["source_maps"]["status"] == "computing"
        else:
            assert ready(row)["source_maps"]["status"] == "ready"
        assert computed(row, "source_maps") == times


def test_row_27_a_dismissed_row_is_still_listed_until_it_is_restored(row: Row) -> None:
    before = listed(row)["alerts"]
    path = f"{PATH}/{before['id']}"
    dismissals = []
    for answer in row.each("POST", f"{path}/dismiss", json={"ignored": 1}):
        assert answer.status_code == 200
        assert set(answer.json()) == set(KEYS)
        dismissals.append(answer.json()["dismissed_at"])
    times = [row.moment(text) for text in dismissals]
    assert times == sorted(set(times)), "every dismissal is a new time"
    found = listed(row)["alerts"]
    assert found["dismissed_at"] == dismissals[-1]
    assert found["updated_at"] > before["updated_at"]
    for answer in row.each("POST", f"{path}/restore"):
        assert (answer.status_code, answer.json()["dismissed_at"]) == (200, None)
    assert listed(row)["alerts"]["dismissed_at"] is None
    for action in ("dismiss", "restore", "refresh"):
        missing = row.post(f"{PATH}/{uuid.uuid4()}/{action}")
        assert row.api.refused(missing, 404, "not_found") == "Not found."


def test_row_28_a_refresh_computes_once_unless_told_not_to(row: Row) -> None:
    before = listed(row)["source_maps"]
    path = f"{PATH}/{before['id']}/refresh"
    for answer in row.each("POST", path, params={"force": "false"}):
        assert (answer.status_code, answer.json()) == (200, before)
    assert computed(row, "source_maps") == 1
    for times in range(2, 6):
        answer = row.post(path)
        assert (answer.status_code, answer.json()["id"]) == (200, before["id"])
        after = ready(row)["source_maps"]
        assert computed(row, "source_maps") == times
        assert row.moment(after["computed_at"]) > row.moment(before["computed_at"])
        assert after["updated_at"] == before["updated_at"]
    claimed = {"status": "computing", "claimed_at": row.clock() - timedelta(minutes=4)}
    set_meta(row, "source_maps", before["meta"], **claimed)
    assert row.post(path).json()["status"] == "computing"
    assert computed(row, "source_maps") == 5


def test_row_29_source_maps_count_the_browser_frames_of_a_day(row: Row) -> None:
    row.clock.forward(hours=-25)
    row.process(*(row.web("old", column) for column in range(1, 6)))
    row.clock.forward(hours=25)
    store_frames(row, 8, 2, team=1)
    row.process(row.api.frame(), {"platform": "ruby", "function": "f", "filename": "a.rb"})
    for team, good, bad in ((3, 95, 5), (4, 55, 45), (5, 0, 5)):
        store_frames(row, good, bad, team)
    for team, total, unresolved, share, done in (
        (1, 10, 2, 0.2, True),
        (2, 0, 0, 0.0, True),
        (3, 100, 5, 0.05, True),
        (4, 100, 45, 0.45, False),
        (5, 5, 5, 1.0, True),
    ):
        one = listed(row, team)["source_maps"]
        assert one["meta"] == {
            "total_frames": total,
            "unresolved_frames": unresolved,
            "unresolved_pct": share,
            "threshold_pct": 0.3,
            "min_sample_frames": 20,
            "lookback_hours": 24,
        }
        assert one["completed"] is done, f"team {team}"


def test_row_30_rate_limits_are_the_teams_own(row: Row) -> None:
    def enabled() -> tuple[list[bool], bool]:
        one = listed(row)["rate_limits"]
        limits = one["meta"]["rate_limits"]
        assert [limit["key"] for limit in limits] == ["project", "per_issue"]
        return [limit["enabled"] for limit in limits], one["completed"]

    settings = "/settings/update_settings"
    both = {"project_rate_limit_value": 1, "per_issue_rate_limit_value": 1}
    assert row.patch(settings, both, team=2).status_code == 200
    assert enabled() == ([False, False], False)
    assert row.patch(settings, {"project_rate_limit_value": 1000}).status_code == 200
    assert enabled() == ([True, False], False)
    assert row.patch(settings, {"per_issue_rate_limit_value": 5}).status_code == 200
    assert enabled() == ([True, True], True)
    set_meta(row, "rate_limits", {"rate_limits": []})
    for answer in row.each("GET", PATH, params={"poll": "true"}):
        completed = {one["type"]: one["completed"] for one in answer.json()["results"]}
        assert completed["rate_limits"] is False


def test_row_31_alerts_are_completed_by_all_three(row: Row) -> None:
    first = {one["type"]: one for one in row.got(PATH)["results"]}["alerts"]
    assert first["completed"] is False
    ready(row)
    for enabled, done in (
        ((True, True, True), True),
        ((True, True, False), False),
        ((False, False, False), False),
        ((), False),
    ):
        alerts = [{"key": key, "enabled": each} for key, each in zip(ALERTS, enabled, strict=False)]
        set_meta(row, "alerts", {"alerts": alerts})
        for answer in row.each("GET", PATH, params={"poll": "true"}):
            shown = answer.json()["results"][0]
            assert (shown["meta"], shown["completed"]) == ({"alerts": alerts}, done)
    set_meta(row, "alerts", {}, computed_at=None)
    assert polled(row)["alerts"]["completed"] is False
