"""Who passes two limits at once, by the vectors of PostHog's limiter and by what always holds."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.config import Settings
from symbolicate.database.team_settings import RateLimits
from symbolicate.pipeline.admission import PROJECT, Defaults, Limits, Met, admit, issue_bucket
from symbolicate.pipeline.limits import Bucket, Limit

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)
NOW = 1_800_000_000
Wanted = dict[uuid.UUID, int]

limits = st.none() | st.builds(Limit, st.integers(0, 20).map(float), st.just(0.0))
wanted_events = st.dictionaries(st.uuids(), st.integers(1, 30), max_size=6)


def full(capacity: float | None) -> Limit | None:
    return None if capacity is None else Limit(capacity, 0.0)


@pytest.mark.parametrize(
    ("project", "per_issue", "wanted", "admitted"),
    [
        (None, None, {ONE: 10}, {ONE: 10}),
        (4, None, {ONE: 10}, {ONE: 4}),
        (None, 5, {ONE: 10, TWO: 3}, {ONE: 5, TWO: 3}),
        (3, 5, {ONE: 10, TWO: 10}, {ONE: 3, TWO: 0}),
        (8, 5, {ONE: 10, TWO: 10}, {ONE: 5, TWO: 3}),
    ],
    ids=["no limit", "project", "per issue", "both, then another issue", "shared by two issues"],
)
def test_the_team_admits_what_the_issue_lets_through(
    project: float | None, per_issue: float | None, wanted: Wanted, admitted: Wanted
) -> None:
    assert admit(Limits(full(project), full(per_issue)), {}, wanted, NOW).admitted == admitted


def test_the_project_is_charged_with_the_survivors_of_the_issue_only() -> None:
    admission = admit(Limits(full(100), full(5)), {}, {ONE: 50}, NOW)
    assert admission.buckets == {PROJECT: Bucket(NOW, 95.0), issue_bucket(ONE): Bucket(NOW, 0.0)}


def test_the_issue_is_charged_with_what_the_project_then_refuses() -> None:
    admission = admit(Limits(full(0), full(5)), {}, {ONE: 2}, NOW)
    assert admission.admitted == {ONE: 0}
    assert admission.buckets[issue_bucket(ONE)] == Bucket(NOW, 3.0)


def test_what_is_left_in_stored_buckets_counts() -> None:
    stored = {PROJECT: Bucket(NOW - 1, 3.0), issue_bucket(ONE): Bucket(NOW - 1, 1.0)}
    per_second = Limits(Limit(10, 1), Limit(10, 1))
    assert admit(per_second, stored, {ONE: 9, TWO: 9}, NOW).admitted == {ONE: 2, TWO: 2}


def test_only_limits_that_are_on_are_counted_and_by_what_met_them() -> None:
    admission = admit(Limits(full(3), full(5)), {}, {ONE: 10}, NOW)
    assert admission.met == {
        ("per_issue", "allowed"): 5,
        ("per_issue", "rate_limited"): 5,
        ("project", "allowed"): 3,
        ("project", "rate_limited"): 2,
    }
    assert +admit(Limits(None, full(5)), {}, {ONE: 1}, NOW).met == {("per_issue", "allowed"): 1}
    assert admit(Limits(None, None), {}, {ONE: 1}, NOW).met == Met()


@pytest.mark.parametrize(
    ("team", "defaults", "expected"),
    [
        (RateLimits(), Defaults(), Limits(None, None)),
        (RateLimits(120, 2, 60, None), Defaults(), Limits(Limit(120, 1), Limit(60, 60 / 3600))),
        (RateLimits(), Defaults(None, Limit(7, 1)), Limits(None, Limit(7, 1))),
        (RateLimits(None, None, None, 1), Defaults(None, Limit(7, 1)), Limits(None, Limit(7, 1))),
        (RateLimits(None, None, 60, 1), Defaults(None, Limit(7, 1)), Limits(None, Limit(60, 1))),
    ],
    ids=["none", "the team's", "the deployment's", "its window is its own", "the team's first"],
)
def test_a_teams_value_comes_before_the_deployments(
    team: RateLimits, defaults: Defaults, expected: Limits
) -> None:
    assert Limits.of(team, defaults) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), Defaults(Limit(1000, 1000 / 3600), None)),
        (Settings(new_issue_budget=0), Defaults(None, None)),
        (
            Settings(new_issue_budget=60, per_issue_rate_limit=6, per_issue_rate_limit_minutes=1),
            Defaults(Limit(60, 1 / 60), Limit(6, 0.1)),
        ),
    ],
    ids=["as shipped", "off", "set"],
)
def test_the_deployments_limits_are_settings(settings: Settings, expected: Defaults) -> None:
    assert Defaults.of(settings) == expected


@pytest.mark.parametrize(
    ("project", "per_issue", "names"),
    [
        (None, None, []),
        (1, None, ["project"]),
        (None, 1, [f"issue:{ONE}", f"issue:{TWO}"]),
        (1, 1, ["project", f"issue:{ONE}", f"issue:{TWO}"]),
    ],
)
def test_only_buckets_of_limits_that_are_on_are_asked_for(
    project: float | None, per_issue: float | None, names: list[str]
) -> None:
    assert Limits(full(project), full(per_issue)).buckets([ONE, TWO]) == names


@given(project=limits, per_issue=limits, wanted=wanted_events)
def test_no_limit_is_ever_passed(
    project: Limit | None, per_issue: Limit | None, wanted: Wanted
) -> None:
    both = Limits(project, per_issue)
    first = admit(both, {}, wanted, NOW)
    second = admit(both, first.buckets, wanted, NOW)
    for issue_id, events in wanted.items():
        assert 0 <= first.admitted[issue_id] <= events
        if per_issue is not None:
            assert first.admitted[issue_id] + second.admitted[issue_id] <= per_issue.capacity
    if project is not None:
        passed = sum(first.admitted.values()) + sum(second.admitted.values())
        assert passed <= project.capacity
    assert set(first.buckets) <= set(both.buckets(wanted))
