"""Recommendations as people see them: what they tell, and how they are dismissed and restored."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, update

from symbolicate.database import tables
from symbolicate.errors import NotFound, Refused
from symbolicate.metrics import NullMetrics
from symbolicate.services.recommendations import Recommendations

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

TYPES = ["alerts", "long_running_issues", "rate_limits", "source_maps"]
DAY = 86_400
SOON = 10.0
ISSUE = uuid.UUID(int=0xA)


@pytest.fixture
def bench(light_bench: Bench) -> Bench:
    return light_bench


def add_issue(bench: Bench, age_days: float, day: int, status: str = "active") -> None:
    """Stores an issue so old that had three events, so many days from the clock's present."""
    created = bench.clock.now - timedelta(days=age_days)
    today = int(bench.clock.now.timestamp()) // DAY
    row = {"id": ISSUE, "team_id": 1, "status": status, "created_at": created}
    count = {"team_id": 1, "issue_id": ISSUE, "day": today + day, "events": 3}
    with bench.database.write() as connection:
        connection.execute(insert(tables.issue).values(**row))
        connection.execute(insert(tables.issue_day).values(**count))


def test_a_row_that_was_never_computed_is_not_completed(bench: Bench) -> None:
    service = bench.symbolicator.recommendations
    count, found = service.page(1, limit=100, offset=0)
    assert count == 4
    assert [(one.meta, one.completed) for one in found] == [({}, False)] * 4
    assert [one.row.status for one in found] == ["computing"] * 4


def test_only_a_dismissal_changes_when_a_row_was_updated(bench: Bench) -> None:
    service = bench.symbolicator.recommendations
    start, row = bench.clock.now, bench.recommended()["alerts"].row
    bench.clock.forward(DAY)
    assert bench.recommended()["alerts"].row.updated_at == start
    service.refresh(1, row.id)
    service.join(SOON)
    assert bench.recommendations()["alerts"].row.updated_at == start
    assert service.dismiss(1, row.id).row.updated_at == bench.clock.now


def test_row_27_a_dismissed_row_stays_listed_until_it_is_restored(bench: Bench) -> None:
    service, clock = bench.symbolicator.recommendations, bench.clock
    row = bench.recommended()["alerts"].row
    clock.forward(5)
    assert service.dismiss(1, row.id).row.dismissed_at == clock.now
    clock.forward(5)
    again = clock.now
    assert service.dismiss(1, row.id).row.dismissed_at == again
    clock.forward(5)
    found = bench.recommended()["alerts"].row
    assert (found.dismissed_at, found.computed_at) == (again, clock.now)
    assert service.restore(1, row.id).row.dismissed_at is None
    assert bench.recommendations()["alerts"].row.dismissed_at is None


def test_a_type_that_is_not_computed_any_more_is_listed_and_not_refreshed(bench: Bench) -> None:
    service = bench.symbolicator.recommendations
    row = bench.recommended()["alerts"].row
    with bench.database.write() as connection:
        connection.execute(
            update(tables.recommendation)
            .where(tables.recommendation.c.id == row.id)
            .values(type="quiet_issues")
        )
    found = bench.recommended()
    assert sorted(found) == sorted([*TYPES, "quiet_issues"])
    assert not found["quiet_issues"].completed
    with pytest.raises(Refused) as refused:
        service.refresh(1, row.id)
    assert (refused.value.code, refused.value.detail) == (
        "invalid_input",
        "Unknown recommendation type.",
    )


def test_another_teams_recommendation_is_as_good_as_none(bench: Bench) -> None:
    service = bench.symbolicator.recommendations
    row = bench.recommended(team=2)["alerts"].row
    for call in (service.refresh, service.dismiss, service.restore):
        for team, name in ((1, row.id), (2, uuid.uuid4())):
            with pytest.raises(NotFound):
                call(team, name)
    assert bench.recommendations(team=1) == {}
    assert bench.recommendations(team=2)["alerts"].row == row


def test_row_29_frames_of_javascript_of_the_last_day_are_counted(
    bench: Bench, make_web: Callable[..., dict[str, Any]]
) -> None:
    bench.upload("old", "old")
    bench.store([make_web("none", column) for column in range(1, 5)])
    bench.clock.forward(DAY + 1)
    bench.upload("app", "app")
    bench.store([make_web("app", column) for column in range(1, 9)])
    bench.store([make_web("none", column) for column in range(10, 12)])
    bench.store([{"platform": "python", "function": "f", "filename": "a.py", "lineno": 1}])
    bench.store([make_web("none", column) for column in range(1, 5)], team=2)
    found = bench.recommended()["source_maps"]
    assert {key: found.meta[key] for key in list(found.meta)[:3]} == {
        "total_frames": 10,
        "unresolved_frames": 2,
        "unresolved_pct": 0.2,
    }
    assert found.completed


def test_row_30_limits_of_the_team_are_told(bench: Bench) -> None:
    settings = bench.symbolicator.team_settings
    settings.update(2, {"project_rate_limit_value": 7, "per_issue_rate_limit_value": 7})

    def enabled() -> list[bool]:
        return [item["enabled"] for item in bench.recommended()["rate_limits"].meta["rate_limits"]]

    assert enabled() == [False, False]
    settings.update(1, {"project_rate_limit_value": 1000})
    assert enabled() == [True, False]
    settings.update(1, {"per_issue_rate_limit_value": 5})
    assert enabled() == [True, True]
    assert bench.recommended()["rate_limits"].completed


def test_row_30_the_deployments_limit_per_issue_counts(bench: Bench) -> None:
    service = Recommendations(
        bench.database, per_issue_default=50, clock=bench.clock, metrics=NullMetrics()
    )
    service.page(1, limit=9, offset=0)
    service.join(SOON)
    service.close()
    limits = bench.recommendations()["rate_limits"].meta["rate_limits"]
    assert [item["enabled"] for item in limits] == [False, True]


@pytest.mark.parametrize(
    ("age_days", "day", "status", "found"),
    [
        pytest.param(7.1, -7, "active", True, id="seen seven days ago"),
        pytest.param(7.1, 0, "active", True, id="seen today"),
        pytest.param(7.1, -8, "active", False, id="seen eight days ago"),
        pytest.param(6.9, 0, "active", False, id="too young"),
        pytest.param(7.1, 0, "resolved", False, id="resolved"),
    ],
)
def test_issues_that_go_on_for_a_week_are_listed(
    bench: Bench, age_days: float, day: int, status: str, found: bool
) -> None:
    bench.clock.forward(DAY / 2)
    add_issue(bench, age_days, day, status)
    one = bench.recommended()["long_running_issues"]
    assert len(one.meta["issues"]) == found
    assert one.completed is not found
    if found:
        assert one.meta["issues"][0]["occurrences"] == 3


def test_a_listed_issue_shows_the_status_of_now(bench: Bench) -> None:
    add_issue(bench, 8, 0)
    row = bench.recommended()["long_running_issues"].row
    with bench.database.write() as connection:
        connection.execute(update(tables.issue).values(status="resolved"))
    for one in (
        bench.recommendations()["long_running_issues"],
        bench.symbolicator.recommendations.dismiss(1, row.id),
        bench.symbolicator.recommendations.refresh(1, row.id, force=False),
    ):
        assert [item["status"] for item in one.meta["issues"]] == ["resolved"]
        assert not one.completed


def test_pages_are_cut_from_the_types_in_order(bench: Bench) -> None:
    bench.recommended()
    service = bench.symbolicator.recommendations
    count, found = service.page(1, poll=True, limit=2, offset=1)
    assert (count, [one.row.type for one in found]) == (4, TYPES[1:3])
