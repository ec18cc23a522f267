"""What each kind of recommendation says, and when there is nothing left to do."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.database.recommendation_facts import FrameCounts, LongRunningIssue
from symbolicate.database.team_settings import RateLimits
from symbolicate.services.recommendation_kinds import (
    KINDS,
    enriched,
    listed_issues,
    long_running_issues,
    rate_limits,
    source_maps,
)

A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
ALERTS = [
    "error-tracking-issue-created",
    "error-tracking-issue-reopened",
    "error-tracking-issue-spiking",
]


def completed(kind: str, meta: dict[str, Any]) -> bool:
    return KINDS[kind].completed(meta)


def issue(**given: Any) -> LongRunningIssue:
    made = LongRunningIssue(A, "TypeError", "x is undefined", CREATED, "active", 3)
    return made._replace(**given)


def listed(*enabled: bool) -> list[dict[str, Any]]:
    return [{"key": f"{number}", "enabled": on} for number, on in enumerate(enabled)]


@pytest.mark.parametrize(
    ("limits", "default", "project", "per_issue"),
    [
        pytest.param(RateLimits(), 0, False, False, id="no row"),
        pytest.param(RateLimits(1000), 0, True, False, id="project alone"),
        pytest.param(RateLimits(per_issue_rate_limit_value=1), 0, False, True, id="issue alone"),
        pytest.param(RateLimits(1, None, 1), 0, True, True, id="both"),
        pytest.param(RateLimits(), 50, False, True, id="the deployment limits issues"),
        pytest.param(RateLimits(None, 60, None, 60), 0, False, False, id="windows are no limits"),
    ],
)
def test_a_rate_limit_is_on_when_it_has_a_value(
    limits: RateLimits, default: int, project: bool, per_issue: bool
) -> None:
    meta = rate_limits(limits, default)
    assert meta == {
        "rate_limits": [
            {"key": "project", "enabled": project},
            {"key": "per_issue", "enabled": per_issue},
        ]
    }
    assert completed("rate_limits", meta) == (project and per_issue)


def test_row_31_without_a_store_of_destinations_no_alert_is_on() -> None:
    meta = KINDS["alerts"].compute(None, None)  # type: ignore[arg-type]
    assert meta == {"alerts": [{"key": key, "enabled": False} for key in ALERTS]}
    assert not completed("alerts", meta)


@pytest.mark.parametrize("kind", ["alerts", "rate_limits"])
@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param(None, False, id="never computed"),
        pytest.param([], False, id="empty"),
        pytest.param(listed(True, True, False), False, id="one is off"),
        pytest.param(listed(True, True, True), True, id="all are on"),
    ],
)
def test_row_31_a_list_is_completed_when_all_of_it_is_on(
    kind: str, items: list[dict[str, Any]] | None, expected: bool
) -> None:
    assert completed(kind, {} if items is None else {kind: items}) is expected


@pytest.mark.parametrize(
    ("total", "unresolved", "pct", "done"),
    [
        pytest.param(10, 2, 0.2, True, id="row 29"),
        pytest.param(0, 0, 0.0, True, id="no frames"),
        pytest.param(100, 5, 0.05, True, id="few of many"),
        pytest.param(100, 30, 0.3, True, id="at the threshold"),
        pytest.param(100, 31, 0.31, False, id="above the threshold"),
        pytest.param(100, 45, 0.45, False, id="nearly half"),
        pytest.param(5, 5, 1.0, True, id="too few to tell"),
        pytest.param(19, 19, 1.0, True, id="one too few"),
        pytest.param(20, 20, 1.0, False, id="just enough"),
    ],
)
def test_source_maps_tell_the_share_of_unresolved_frames(
    total: int, unresolved: int, pct: float, done: bool
) -> None:
    meta = source_maps(FrameCounts(total, unresolved))
    assert meta == {
        "total_frames": total,
        "unresolved_frames": unresolved,
        "unresolved_pct": pct,
        "threshold_pct": 0.3,
        "min_sample_frames": 20,
        "lookback_hours": 24,
    }
    assert completed("source_maps", meta) is done


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_share_of_unresolved_frames_is_zero_to_one(first: int, second: int) -> None:
    unresolved, total = sorted((first, second))
    assert 0.0 <= source_maps(FrameCounts(total, unresolved))["unresolved_pct"] <= 1.0


def test_a_long_running_issue_is_told_with_its_events() -> None:
    meta = long_running_issues([issue(), issue(id=B, name="", description=None)])
    assert meta == {
        "issues": [
            {
                "id": str(A),
                "name": "TypeError",
                "description": "x is undefined",
                "created_at": "2026-01-01T00:00:00Z",
                "occurrences": 3,
                "status": "active",
            },
            {
                "id": str(B),
                "name": "Untitled issue",
                "description": None,
                "created_at": "2026-01-01T00:00:00Z",
                "occurrences": 3,
                "status": "active",
            },
        ]
    }
    assert not completed("long_running_issues", meta)
    assert completed("long_running_issues", long_running_issues([]))


def test_a_listed_issue_has_the_status_of_now_or_its_last() -> None:
    meta = long_running_issues([issue(), issue(id=B)])
    assert listed_issues(meta) == [A, B]
    statuses = [item["status"] for item in enriched(meta, {A: "resolved"})["issues"]]
    assert statuses == ["resolved", "active"]
    assert [item["status"] for item in meta["issues"]] == ["active", "active"]


@pytest.mark.parametrize("meta", [{}, {"alerts": []}], ids=["never computed", "other kind"])
def test_what_lists_no_issues_stays_as_it_is(meta: dict[str, Any]) -> None:
    assert listed_issues(meta) == []
    assert enriched(meta, {A: "resolved"}) == meta
