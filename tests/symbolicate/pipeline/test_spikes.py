"""The spike detector's arithmetic, by the vectors of PostHog's and by what must always hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.database.team_settings import SpikeConfig
from symbolicate.pipeline.spikes import (
    BUCKET_SECONDS,
    BUCKETS,
    bucket_start,
    is_spike,
    issue_baseline,
    team_baseline,
)

NONE: list[int] = []
counts = st.lists(st.integers(0, 10_000), max_size=BUCKETS - 1)


@pytest.mark.parametrize(
    ("history", "current", "team", "baseline", "spike"),
    [
        pytest.param([10] * 11, 500, [], 10.0, True, id="at the threshold, over the multiple"),
        pytest.param([10] * 11, 10, [], 10.0, False, id="as ever"),
        pytest.param([10], 600, [], 10.0, True, id="one bucket of history"),
        pytest.param([10], 50, [], 10.0, False, id="below the threshold"),
        pytest.param(NONE, 550, [(10, 1)] * 11, 10.0, True, id="new issue, quiet team"),
        pytest.param(NONE, 600, [(15, 3), (12, 4), (8, 2)], 4.0, True, id="mean of an issue"),
        pytest.param(NONE, 1000, [(10, 1)], 10.0, True, id="one bucket of the team"),
        pytest.param(NONE, 600, [(200, 1)], 200.0, False, id="new issue, loud team"),
        pytest.param(NONE, 2500, [(200, 1)], 200.0, True, id="new issue, over a loud team"),
        pytest.param([100], 700, [], 100.0, False, id="below the multiple"),
        pytest.param(NONE, 500, [], 0.0, True, id="first events of a team"),
        pytest.param([50], 500, [], 50.0, False, id="just the multiple is no spike"),
        pytest.param([0, 10, 0, 30], 499, [], 20.0, False, id="empty buckets are not zeros"),
        pytest.param([10], 600, [(1000, 1)], 10.0, True, id="own history before the team's"),
    ],
)
def test_vectors(
    history: list[int], current: int, team: list[tuple[int, int]], baseline: float, spike: bool
) -> None:
    own = issue_baseline(history)
    found = team_baseline(team) if own is None else own
    assert found == baseline
    assert is_spike(current, found, SpikeConfig()) is spike


def test_an_issue_without_past_events_has_no_baseline() -> None:
    assert issue_baseline([]) is None
    assert issue_baseline([0, 0]) is None


@pytest.mark.parametrize("history", [[], [(0, 3)], [(5, 0)]])
def test_a_team_without_past_events_has_a_baseline_of_zero(history: list[tuple[int, int]]) -> None:
    assert team_baseline(history) == 0.0


def test_a_bucket_of_the_team_counts_as_one_however_many_issues_it_has() -> None:
    assert team_baseline([(100, 1), (10, 10), (0, 1), (7, 0)]) == 50.5


@pytest.mark.parametrize(
    ("moment", "start"),
    [
        ("1970-01-01T00:04:59.999999+00:00", 0),
        ("1970-01-01T00:05:00+00:00", 300),
        ("2026-01-01T12:34:56+00:00", 1_767_270_600),
        ("2026-01-01T14:34:56+02:00", 1_767_270_600),
    ],
)
def test_buckets_are_five_minutes_of_utc(moment: str, start: int) -> None:
    assert bucket_start(datetime.fromisoformat(moment)) == start


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(-14, 14),
)
def test_a_moment_lies_in_its_bucket_wherever_it_is_told(moment: datetime, hours: int) -> None:
    start = bucket_start(moment)
    assert start % BUCKET_SECONDS == 0
    assert 0 <= moment.timestamp() - start < BUCKET_SECONDS
    assert bucket_start(moment.astimezone(timezone(timedelta(hours=hours)))) == start


@given(counts, st.integers(0, 20))
def test_empty_buckets_move_no_baseline(history: list[int], empty: int) -> None:
    assert issue_baseline(history + [0] * empty) == issue_baseline(history)


@given(
    st.integers(0, 10_000),
    st.floats(0, 1000),
    st.integers(1, 50),
    st.integers(1, 1000),
    st.integers(0, 1000),
)
def test_more_events_never_unmake_a_spike(
    current: int, baseline: float, multiplier: int, threshold: int, more: int
) -> None:
    config = SpikeConfig(multiplier=multiplier, threshold=threshold)
    if is_spike(current, baseline, config):
        assert is_spike(current + more, baseline, config)
        assert is_spike(current, baseline / 2, config)
        assert current >= threshold
