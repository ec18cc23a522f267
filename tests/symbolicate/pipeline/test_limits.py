"""The rate limiter's arithmetic, by the vectors of PostHog's and by what must always hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.pipeline.limits import Bucket, Limit, take

Call = tuple[int, int]
"""(tokens wanted, second)."""

VECTORS: dict[str, tuple[Limit, list[Call], list[int]]] = {
    "no refill": (Limit(5, 0), [(10, 0)], [5]),
    "refilled by time": (Limit(5, 1), [(5, 100), (5, 100), (5, 103)], [5, 0, 3]),
    "clamped to capacity after long idle": (Limit(5, 1), [(5, 0), (9, 86_400)], [5, 5]),
    "fraction carried": (Limit(10, 0.5), [(10, 0), (1, 1), (1, 2)], [10, 0, 1]),
    "less wanted than there is": (Limit(5, 0), [(2, 0), (2, 0), (2, 0)], [2, 2, 1]),
    "nothing wanted": (Limit(5, 0), [(0, 0), (9, 0)], [0, 5]),
    "capacity below one": (Limit(0.5, 0), [(1, 0)], [0]),
    "clock runs back": (Limit(5, 1), [(5, 100), (5, 90), (5, 91)], [5, 0, 1]),
}

calls = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 30)), min_size=1, max_size=20
)  # wanted, seconds since the call before
limits = st.builds(Limit, st.floats(0, 100), st.floats(0, 10))


def admitted(limit: Limit, asked: list[Call]) -> list[int]:
    """Takes from one bucket again and again."""
    bucket: Bucket | None = None
    answers = []
    for wanted, now in asked:
        count, bucket = take(limit, bucket, wanted, now)
        assert bucket is not None
        assert bucket.ts == now
        answers.append(count)
    return answers


def at_seconds(steps: list[Call]) -> list[Call]:
    """Turns seconds since the call before into seconds since 1970."""
    now = 1_700_000_000
    return [(wanted, now := now + step) for wanted, step in steps]


@pytest.mark.parametrize(("limit", "asked", "expected"), VECTORS.values(), ids=VECTORS)
def test_a_bucket_admits_what_it_holds(
    limit: Limit, asked: list[Call], expected: list[int]
) -> None:
    assert admitted(limit, asked) == expected


def test_without_a_limit_all_are_admitted_and_nothing_is_kept() -> None:
    assert take(None, None, 10, 0) == (10, None)
    assert take(None, Bucket(0, 0.0), 10, 0) == (10, None)


def test_a_limit_that_is_off_leaves_the_other_in_force() -> None:
    per_issue, project = Limit.of(None, 60), Limit(4, 0)
    assert take(per_issue, None, 10, 0)[0] == 10
    assert take(project, None, 10, 0)[0] == 4


def test_a_team_shares_the_projects_bucket_and_each_issue_has_its_own() -> None:
    per_issue, project = Limit(5, 0), Limit(3, 0)
    issue, _ = take(per_issue, None, 10, 0)
    team, left = take(project, None, issue, 0)
    assert (issue, team) == (5, 3)
    issue, _ = take(per_issue, None, 10, 0)
    team, _ = take(project, left, issue, 0)
    assert (issue, team) == (5, 0)


@pytest.mark.parametrize(
    ("value", "minutes", "expected"),
    [
        pytest.param(120, 2, Limit(120, 1.0), id="120 in 2 minutes"),
        pytest.param(60, None, Limit(60, 60 / 3600), id="an hour by default"),
        pytest.param(60, 0, Limit(60, 1.0), id="one minute at least"),
        pytest.param(None, 5, None, id="null is off"),
        pytest.param(0, 5, None, id="zero is off"),
        pytest.param(-3, None, None, id="negative is off"),
    ],
)
def test_a_limit_is_a_value_in_a_window(
    value: int | None, minutes: int | None, expected: Limit | None
) -> None:
    assert Limit.of(value, minutes) == expected


@given(limits, calls)
def test_never_more_than_capacity_and_refill_pass(limit: Limit, steps: list[Call]) -> None:
    asked = at_seconds(steps)
    elapsed = asked[-1][1] - asked[0][1]
    most = limit.capacity + elapsed * limit.rate
    assert sum(admitted(limit, asked)) <= most + 1e-6


@given(limits, calls)
def test_none_waits_while_whole_tokens_are_left(limit: Limit, steps: list[Call]) -> None:
    bucket: Bucket | None = None
    for wanted, now in at_seconds(steps):
        count, bucket = take(limit, bucket, wanted, now)
        assert bucket is not None
        assert 0 <= count <= wanted
        assert 0 <= bucket.pool <= limit.capacity
        assert count == wanted or bucket.pool < 1


@given(limits, st.floats(0, 100), st.integers(0, 50), st.integers(0, 1000), st.integers(0, 1000))
def test_waiting_longer_never_admits_fewer(
    limit: Limit, pool: float, wanted: int, sooner: int, longer: int
) -> None:
    bucket = Bucket(0, min(pool, limit.capacity))
    early, _ = take(limit, bucket, wanted, min(sooner, longer))
    late, _ = take(limit, bucket, wanted, max(sooner, longer))
    assert early <= late


@given(st.integers(1, 10**6), st.one_of(st.none(), st.integers(1, 10**4)))
def test_a_window_refills_the_whole_value(value: int, minutes: int | None) -> None:
    limit = Limit.of(value, minutes)
    assert limit is not None
    window = 60 * (60 if minutes is None else minutes)
    assert math.isclose(limit.rate * window, value)
