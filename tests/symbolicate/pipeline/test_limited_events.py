"""The budget of new issues and the rate limits, from stored settings to stored buckets."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.database.team_settings import RateLimits
from symbolicate.pipeline.admission import Defaults
from symbolicate.pipeline.limits import Limit

DAY = 86_400
LIMITED = "rate_limited_events_total"
Step = tuple[float, int, int]
"""(seconds to pass, events wanted, events admitted)."""

PROJECT: dict[str, tuple[int, int | None, list[Step]]] = {
    "no more than the capacity": (4, None, [(0, 10, 4), (0, 1, 0)]),
    "refilled by time": (60, 1, [(0, 60, 60), (0, 60, 0), (3, 60, 3)]),
    "clamped after long idle": (60, 1, [(0, 60, 60), (3600, 90, 60)]),
    "a fraction is carried": (30, 1, [(0, 30, 30), (1, 1, 0), (1, 1, 1)]),
    "part of a second is none": (60, 1, [(0, 60, 60), (0.9, 1, 0), (0.1, 1, 1)]),
    "120 in 2 minutes are 1 a second": (120, 2, [(0, 120, 120), (1, 5, 1)]),
    "no window is an hour": (60, None, [(0, 60, 60), (59, 1, 0), (1, 1, 1)]),
    "a day of silence fills any bucket": (5, 10**6, [(0, 5, 5), (DAY - 1, 5, 0), (DAY, 9, 5)]),
}


@pytest.mark.parametrize(("value", "minutes", "steps"), PROJECT.values(), ids=PROJECT)
def test_a_projects_limit_holds_over_time(
    books: Any, value: int, minutes: int | None, steps: list[Step]
) -> None:
    given = {"project_rate_limit_value": value}
    if minutes is not None:
        given["project_rate_limit_bucket_size_minutes"] = minutes
    books.configure(RateLimits, **given)
    for seconds, wanted, admitted in steps:
        books.turn(seconds)
        assert books.admitted("f", wanted) == admitted


def test_two_limits_at_once_and_another_issue_of_the_team(books: Any) -> None:
    books.configure(RateLimits, project_rate_limit_value=3, per_issue_rate_limit_value=5)
    assert (books.admitted("f", 10), books.admitted("g", 10)) == (3, 0)
    assert {key[2:]: events for key, events in books.metrics.counts.items() if LIMITED in key} == {
        ("per_issue", "allowed"): 10,
        ("per_issue", "rate_limited"): 10,
        ("project", "allowed"): 3,
        ("project", "rate_limited"): 7,
    }


def test_in_a_batch_the_first_of_each_issue_pass(books: Any, make_entry: Any) -> None:
    books.configure(RateLimits, per_issue_rate_limit_value=2)
    verdicts = books.settle(*(make_entry(name) for name in "fgffgg"))
    assert [(verdict.status, verdict.reason) for verdict in verdicts] == [
        *[("ok", None)] * 3,
        ("dropped", "rate_limited"),
        ("ok", None),
        ("dropped", "rate_limited"),
    ]
    assert all(verdict.issue_id is not None for verdict in verdicts)


def test_events_that_are_dropped_are_not_counted(books: Any) -> None:
    books.configure(RateLimits, per_issue_rate_limit_value=2)
    books.admitted("f", 10)
    books.admitted("f", 10)
    assert books.rows("issue_day", "events") == [(2,)]
    assert books.rows("spike_bucket", "events") == [(2,)]


def test_without_a_limit_nothing_is_kept_or_counted(books: Any) -> None:
    assert books.admitted("f", 100) == 100
    assert books.rows("rate_bucket", "name") == []
    assert LIMITED not in {name for name, *_ in books.metrics.counts}


def test_the_deployments_limit_holds_where_a_team_set_none(books: Any) -> None:
    books.open(Defaults(per_issue=Limit(2, 0)))
    books.configure(RateLimits, team=2, per_issue_rate_limit_value=3)
    books.configure(RateLimits, team=3, project_rate_limit_value=9)
    assert [books.admitted("f", 5, team=team) for team in (1, 2, 3)] == [2, 3, 2]


def test_a_change_of_the_limit_holds_at_once(books: Any) -> None:
    books.configure(RateLimits, project_rate_limit_value=50)
    assert books.admitted("f", 10) == 10
    books.configure(RateLimits, project_rate_limit_value=3)
    assert books.admitted("f", 10) == 3


def test_the_budget_admits_new_issues_in_order(books: Any, make_entry: Any) -> None:
    books.open(Defaults(new_issues=Limit(2, 0)))
    verdicts = books.settle(*(make_entry(name) for name in "abacbcd"))
    assert [(verdict.status, verdict.reason) for verdict in verdicts] == [
        *[("ok", None)] * 3,
        ("dropped", "issue_budget"),
        ("ok", None),
        *[("dropped", "issue_budget")] * 2,
    ]
    assert [verdict.issue_id is None for verdict in verdicts] == [
        verdict.reason is not None for verdict in verdicts
    ]
    assert len(books.rows("issue", "id")) == 2
    assert books.metrics.counts[LIMITED, "1", "new_issues", "allowed"] == 4
    assert books.metrics.counts[LIMITED, "1", "new_issues", "rate_limited"] == 3


def test_events_of_known_issues_need_no_budget(books: Any) -> None:
    books.open(Defaults(new_issues=Limit(1, 0)))
    assert [books.admitted(name, 5) for name in "aba"] == [5, 0, 5]
    assert books.rows("rate_bucket", "name", "pool") == [("new_issues", 0.0)]


def test_the_budget_refills(books: Any) -> None:
    books.open(Defaults(new_issues=Limit.of(60, 60)))
    admitted = [books.admitted(f"issue {number}", 1) for number in range(61)]
    assert admitted == [1] * 60 + [0]
    books.turn(60)
    assert [books.admitted(name, 1) for name in "ab"] == [1, 0]


def test_without_a_budget_any_number_of_issues_is_made(books: Any, make_entry: Any) -> None:
    books.open(Defaults(new_issues=None))
    verdicts = books.settle(*(make_entry(f"issue {number}") for number in range(1100)))
    assert {verdict.status for verdict in verdicts} == {"ok"}
    assert len(books.rows("issue", "id")) == 1100


def test_issues_refused_by_the_budget_take_nothing_from_the_limits(
    books: Any, make_entry: Any
) -> None:
    books.open(Defaults(new_issues=Limit(1, 0)))
    books.configure(RateLimits, project_rate_limit_value=2)
    verdicts = books.settle(*(make_entry(name) for name in "bccb"))
    assert [verdict.reason for verdict in verdicts] == [None, "issue_budget", "issue_budget", None]
