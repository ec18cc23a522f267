"""Spikes by PostHog's vectors, over stored buckets; snoozes; what a spike leaves behind."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from symbolicate.database import issues, spike_buckets
from symbolicate.database.issues import NewIssue, Title
from symbolicate.database.tables import issue
from symbolicate.database.team_settings import SpikeConfig
from symbolicate.pipeline.spike_detection import EVENT
from symbolicate.pipeline.spikes import BUCKET_SECONDS, BUCKETS, bucket_start

ISSUE = uuid.UUID(int=1)
SPIKES = ("spikes_total",)

Team = list[tuple[int, int]]
"""(events, issues) of the rest of the team, by bucket; the newest first."""

VECTORS: dict[str, tuple[list[int], int, Team, float | None]] = {
    "a full history": ([10] * 11, 500, [], 10.0),
    "as before": ([10] * 11, 10, [], None),
    "one bucket of history": ([10], 600, [], 10.0),
    "below the threshold": ([10], 50, [], None),
    "the team's baseline": ([], 550, [(10, 1)] * 11, 10.0),
    "a mean of the team's means": ([], 600, [(15, 3), (12, 4), (8, 2)], 4.0),
    "one bucket of the team's": ([], 1000, [(10, 1)], 10.0),
    "the team is as busy": ([], 600, [(200, 1)], None),
    "busier than the team": ([], 2500, [(200, 1)], 200.0),
    "not ten times as busy": ([100], 700, [], None),
    "exactly ten times as busy": ([60], 600, [], None),
    "nothing to compare with": ([], 500, [], 0.0),
    "one below the threshold": ([], 499, [], None),
    "its own history comes first": ([10], 600, [(900, 1)], 10.0),
    "silent buckets are no zeros": ([0, 0, 60], 600, [], None),
}


def seed(books: Any, start: int, events: dict[uuid.UUID, int], team: int = 1) -> None:
    with books.database.write() as connection:
        present = {issue_id: count for issue_id, count in events.items() if count}
        spike_buckets.count(connection, team, start, present)


def add_issue(books: Any, team: int = 1, issue_id: uuid.UUID = ISSUE, name: str = "f") -> None:
    with books.database.write() as connection:
        new = NewIssue(issue_id, name, Title("TypeError", "x is null"))
        issues.add(connection, team, [new], books.now)


def reach(books: Any, make_entry: Any, events: int) -> None:
    """Brings the present bucket to a number of events, the last of them through the accounts."""
    seed(books, bucket_start(books.now), {ISSUE: events - 1})
    books.settle(make_entry("f"))


@pytest.mark.parametrize(("history", "current", "team", "baseline"), VECTORS.values(), ids=VECTORS)
def test_a_spike_is_told_by_its_baseline(
    books: Any,
    make_entry: Any,
    history: list[int],
    current: int,
    team: Team,
    baseline: float | None,
) -> None:
    add_issue(books)
    present = bucket_start(books.now)
    for age, events in enumerate(history, 1):
        seed(books, present - age * BUCKET_SECONDS, {ISSUE: events})
    for age, (events, others) in enumerate(team, 1):
        each = {uuid.UUID(int=100 + number): events // others for number in range(others)}
        seed(books, present - age * BUCKET_SECONDS, each)
    seed(books, present, {uuid.UUID(int=100): 20_000})
    reach(books, make_entry, current)
    found = [] if baseline is None else [(1, ISSUE, books.now, baseline, current)]
    columns = ("team_id", "issue_id", "detected_at", "computed_baseline", "current_bucket_value")
    assert books.rows("spike_event", *columns) == found
    assert books.metrics.counts[SPIKES] == len(books.spikes) == len(found)


@pytest.mark.parametrize(
    ("age", "baseline"),
    [(BUCKETS - 1, 300.0), (BUCKETS, 0.0)],
    ids=["the oldest of the hour", "older than the hour"],
)
def test_history_is_the_hour_with_the_present_bucket(
    books: Any, make_entry: Any, age: int, baseline: float
) -> None:
    add_issue(books)
    books.turn(299)
    past = bucket_start(books.now) - age * BUCKET_SECONDS
    seed(books, past, {ISSUE: 300, uuid.UUID(int=100): 9_000})
    reach(books, make_entry, 4000)
    assert [spike.row.computed_baseline for spike in books.spikes] == [baseline]


def test_a_team_sets_what_a_spike_is(books: Any, make_entry: Any) -> None:
    books.configure(SpikeConfig, threshold=3, multiplier=2)
    add_issue(books)
    seed(books, bucket_start(books.now) - BUCKET_SECONDS, {ISSUE: 2})
    found = []
    for _ in range(5):
        books.settle(make_entry("f"))
        found.append(len(books.spikes))
    assert found == [0, 0, 0, 0, 1]


def test_a_spike_is_told_once_in_its_snooze(books: Any, make_entry: Any) -> None:
    books.configure(SpikeConfig, threshold=2, snooze_duration_minutes=3)
    add_issue(books)
    seed(books, bucket_start(books.now), {ISSUE: 1})
    found = []
    for seconds in (0, 0, 179, 1, 179, 1):
        books.turn(seconds)
        seed(books, bucket_start(books.now), {ISSUE: 100_000})
        books.settle(make_entry("f"))
        found.append(len(books.spikes))
    assert found[:4] == [1, 1, 1, 2]
    assert len(books.rows("spike_event", "id")) == len(books.spikes) == found[-1]
    assert len(books.rows("spike_snooze", "issue_id")) == 1


def test_snoozes_of_issues_and_teams_are_their_own(books: Any, make_entry: Any) -> None:
    for team in (1, 2):
        books.configure(SpikeConfig, team=team, threshold=1)
    books.settle(make_entry("f"))
    books.settle(make_entry("f"), make_entry("g"))
    books.settle(make_entry("f"), team=2)
    assert [spike.fingerprint for spike in books.spikes] == ["f", "g", "f"]
    assert [team for (team,) in books.rows("spike_event", "team_id")] == [1, 1, 2]


def test_another_teams_buckets_are_no_baseline(books: Any, make_entry: Any) -> None:
    add_issue(books)
    seed(books, bucket_start(books.now) - BUCKET_SECONDS, {ISSUE: 9000}, team=2)
    reach(books, make_entry, 600)
    assert [spike.row.computed_baseline for spike in books.spikes] == [0.0]


def test_only_issues_of_the_batch_are_looked_at(books: Any, make_entry: Any) -> None:
    add_issue(books)
    seed(books, bucket_start(books.now), {ISSUE: 1000})
    books.settle(make_entry("another"))
    assert books.spikes == []


def test_an_issue_that_is_gone_does_not_spike(books: Any, make_entry: Any) -> None:
    add_issue(books)
    with books.database.write() as connection:
        connection.execute(issue.delete())
    reach(books, make_entry, 1000)
    assert books.spikes == []
    assert books.rows("spike_event", "id") == books.rows("spike_snooze", "issue_id") == []


def test_a_spike_tells_what_others_need_to_know(
    books: Any, make_entry: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "symbolicate.accounts")
    add_issue(books)
    reach(books, make_entry, 500)
    (spike,) = books.spikes
    assert spike.to_event(1) == {
        "uuid": str(books.rows("spike_event", "id")[0][0]),
        "event": EVENT,
        "team_id": 1,
        "distinct_id": str(ISSUE),
        "timestamp": "2026-01-01T00:00:00Z",
        "properties": {
            "name": "TypeError",
            "description": "x is null",
            "computed_baseline": 0.0,
            "current_bucket_value": 500,
            "fingerprint": "f",
        },
    }
    assert caplog.messages == [f"issue {ISSUE} of team 1 spikes: 500 events, baseline 0.0"]
