"""What a batch moves, what a repeated event does not, and that each moves all of it or nothing."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from symbolicate.database import processed_events
from symbolicate.database.processed_events import Verdict
from symbolicate.database.team_settings import RateLimits
from symbolicate.pipeline.admission import Defaults
from symbolicate.pipeline.limits import Limit

REPEATED = ("repeated_events_total",)
CREATED = ("issues_created_total",)


def test_an_event_moves_all_that_it_moves(books: Any, make_entry: Any) -> None:
    (verdict,) = books.settle(make_entry("f", "one", "TypeError"))
    assert verdict == Verdict("ok", None, verdict.issue_id, "f")
    issue = verdict.issue_id
    assert isinstance(issue, uuid.UUID)
    assert books.rows("issue", "team_id", "id", "name", "status") == [
        (1, issue, "TypeError", "active")
    ]
    assert books.rows("issue_fingerprint", "team_id", "issue_id") == [(1, issue)]
    assert books.rows("issue_day", "team_id", "issue_id", "day", "events") == [
        (1, issue, 20_454, 1)
    ]
    assert books.rows("spike_bucket", "team_id", "start", "issue_id", "events") == [
        (1, 1_767_225_600, issue, 1)
    ]
    assert books.rows("processed_event", "team_id", "verdict", "issue_id", "finished_at") == [
        (1, "ok", issue, books.now)
    ]
    assert books.metrics.counts == {CREATED: 1}


def test_nothing_to_settle_opens_no_transaction(
    books: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books.database, "write", None)
    assert books.accounts.settle(1, []) == ([], [])


def test_events_of_a_fingerprint_are_one_issue_called_as_the_first_of_them(
    books: Any, make_entry: Any
) -> None:
    first = books.settle(make_entry("f", name="First"), make_entry("g"), make_entry("f", name="2"))
    (later,) = books.settle(make_entry("f", name="Later"))
    assert first[0].issue_id == first[2].issue_id == later.issue_id != first[1].issue_id
    assert books.rows("issue", "name") == [("E",), ("First",)]
    assert books.rows("issue_day", "events") == [(1,), (3,)]
    assert books.metrics.counts[CREATED] == 2


def test_days_begin_at_midnight_utc(books: Any, make_entry: Any) -> None:
    for second in (0, 86_399, 86_400):
        books.now = datetime.fromtimestamp(second, UTC)
        books.settle(make_entry())
    assert books.rows("issue_day", "day", "events") == [(0, 2), (1, 1)]


def test_a_repeated_event_gets_its_first_verdict_and_moves_nothing(
    books: Any, make_entry: Any
) -> None:
    books.open(Defaults(new_issues=Limit(1, 0)))
    books.configure(RateLimits, per_issue_rate_limit_value=1)
    batch = [make_entry("f", "ok"), make_entry("f", "limited"), make_entry("g", "no issue")]
    first = books.settle(*batch)
    assert [verdict[:2] for verdict in first] == [
        ("ok", None),
        ("dropped", "rate_limited"),
        ("dropped", "issue_budget"),
    ]
    before, counted = books.everything(), books.metrics.counts.copy()
    books.turn(3 * 3600)
    books.open()
    again = [entry._replace(fingerprint="another") for entry in reversed(batch)]
    assert books.settle(*again) == first[::-1]
    assert books.everything() == before
    assert books.metrics.counts - counted == {REPEATED: 3}


def test_an_event_twice_in_a_batch_counts_once(books: Any, make_entry: Any) -> None:
    books.configure(RateLimits, project_rate_limit_value=2)
    twice = make_entry("f", "twice")
    verdicts = books.settle(twice, twice, make_entry("f"), twice, make_entry("f"))
    assert [verdict.status for verdict in verdicts] == ["ok", "ok", "ok", "ok", "dropped"]
    assert books.rows("issue_day", "events") == [(2,)]
    assert len(books.rows("processed_event", "event_id")) == 3
    assert books.metrics.counts[REPEATED] == 2


def test_of_an_event_twice_in_a_batch_the_first_decides(books: Any, make_entry: Any) -> None:
    first, second = books.settle(make_entry("f", "twice"), make_entry("g", "twice"))
    assert first == second == Verdict("ok", None, first.issue_id, "f")
    assert len(books.rows("issue", "id")) == 1


def test_events_without_an_id_count_each_time(books: Any, make_entry: Any) -> None:
    nameless = make_entry()._replace(event_id=None)
    for _ in range(2):
        assert [v.status for v in books.settle(nameless, make_entry(), nameless)] == ["ok"] * 3
    assert books.rows("issue_day", "events") == [(6,)]
    assert len(books.rows("processed_event", "event_id")) == 2
    assert REPEATED not in books.metrics.counts


def test_teams_share_nothing(books: Any, make_entry: Any) -> None:
    books.open(Defaults(new_issues=Limit(1, 0)))
    books.configure(RateLimits, project_rate_limit_value=1)
    same = make_entry("f", "same")
    verdicts = {team: books.settle(same, make_entry("f"), team=team) for team in (1, 2)}
    assert [v.status for v in verdicts[1]] == ["ok", "dropped"]
    assert [v.status for v in verdicts[2]] == ["ok", "ok"]
    assert verdicts[1][0].issue_id != verdicts[2][0].issue_id
    assert books.rows("issue_day", "team_id", "events") == [(1, 1), (2, 2)]
    assert books.rows("spike_bucket", "team_id", "events") == [(1, 1), (2, 2)]
    assert books.rows("rate_bucket", "team_id", "name") == [
        (1, "new_issues"),
        (1, "project"),
        (2, "new_issues"),
    ]


def test_a_batch_at_the_same_time_twice_counts_once(books: Any, make_entry: Any) -> None:
    batch = [make_entry(f"f{number % 7}") for number in range(60)]
    (first, second) = books.at_once([batch, batch[::-1]])
    assert first == second[::-1]
    assert [events for (events,) in books.rows("issue_day", "events")] == [8, 8, 8, 9, 9, 9, 9]
    assert sum(events for (events,) in books.rows("spike_bucket", "events")) == 60
    assert len(books.rows("processed_event", "event_id")) == 60
    assert books.metrics.counts == {CREATED: 7, REPEATED: 60}


def test_a_new_fingerprint_seen_at_the_same_time_twice_is_one_issue(
    books: Any, make_entry: Any
) -> None:
    found = books.at_once([[make_entry(f"f{n}") for n in range(30)] for _ in range(4)])
    issues = [[verdict.issue_id for verdict in verdicts] for verdicts in found]
    assert issues == [issues[0]] * 4
    assert len(books.rows("issue", "id")) == len(books.rows("issue_fingerprint", "issue_id")) == 30
    assert books.rows("issue_day", "events") == [(4,)] * 30


def test_a_limit_holds_for_batches_at_the_same_time(books: Any, make_entry: Any) -> None:
    books.configure(RateLimits, project_rate_limit_value=25)
    found = books.at_once([[make_entry() for _ in range(20)] for _ in range(3)])
    statuses = [verdict.status for verdicts in found for verdict in verdicts]
    assert statuses.count("ok") == 25
    assert books.rows("issue_day", "events") == [(25,)]


def test_a_transaction_that_fails_leaves_nothing(
    books: Any, make_entry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    books.configure(RateLimits, project_rate_limit_value=10)
    before, batch = books.everything(), [make_entry("f"), make_entry("g")]
    with monkeypatch.context() as patch:
        patch.setattr(processed_events, "add", broken)
        with pytest.raises(ZeroDivisionError):
            books.settle(*batch)
    assert books.everything() == before
    assert not books.metrics.counts
    assert [verdict.status for verdict in books.settle(*batch)] == ["ok", "ok"]
    assert books.rows("issue_day", "events") == [(1,), (1,)]
