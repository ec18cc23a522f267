"""Events on their way through the accounts: what goes out, what is dropped, what comes again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from symbolicate.config import from_env
from symbolicate.database import team_settings
from symbolicate.database.engine import Database
from symbolicate.database.team_settings import RateLimits, SpikeConfig
from symbolicate.errors import DatabaseUnavailable
from symbolicate.outcome import Outcome
from symbolicate.pipeline.admission import Defaults
from symbolicate.pipeline.limits import Limit
from symbolicate.pipeline.spike_detection import EVENT
from symbolicate.symbolicator import Symbolicator

Json = dict[str, Any]

PYTHON = {"platform": "python", "filename": "a.py", "function": "f", "lineno": 3}
RUBY = {"platform": "ruby", "filename": "b.rb", "function": "g", "lineno": 4}
RETRY = ("retry", "dependency_unavailable")

texts = st.text(st.characters(categories=["Cs", "Ll", "Cc", "Zs"]), max_size=120)
anything = st.none() | st.booleans() | st.integers() | texts | st.lists(texts, max_size=2)


def properties(outcome: Outcome) -> Json:
    assert outcome.event is not None, outcome
    written: Json = outcome.event["properties"]
    return written


def statuses(outcomes: list[Outcome]) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.reason) for outcome in outcomes]


def configure(database: Database, kind: type[RateLimits | SpikeConfig], **given: int) -> None:
    with database.write() as connection:
        team_settings.change(connection, kind, 1, given)


def counted(wired: Any) -> int:
    ((events,),) = wired.rows("SELECT coalesce(sum(events), 0) FROM issue_day")
    return int(events)


@pytest.fixture
def event(make: Any) -> Any:
    """Makes events, each with a uuid of its own."""

    def new(*frames: Any, **given: Any) -> Json:
        made: Json = make.event(*frames or (PYTHON,), **given)
        return made | {"uuid": str(uuid.uuid4())}

    return new


def test_an_event_out_names_its_issue_and_what_led_to_it(wired_on_each: Any, event: Any) -> None:
    first, second, other = wired_on_each.process(event(), event(), event(RUBY))
    written = properties(first)
    fingerprint = written["$exception_fingerprint"]
    assert written["$exception_proposed_fingerprint"] == fingerprint
    assert written["$exception_fingerprint_version"] == 1
    assert [part["type"] for part in written["$exception_fingerprint_record"]] == [
        "exception",
        "frame",
    ]
    ids = [properties(outcome)["$exception_issue_id"] for outcome in (first, second, other)]
    assert ids[0] == ids[1] != ids[2]
    assert {uuid.UUID(text) for text in ids} == issues(wired_on_each)
    assert properties(second)["$exception_fingerprint"] == fingerprint


def issues(wired: Any) -> set[uuid.UUID]:
    return {uuid.UUID(str(found)) for (found,) in wired.rows("SELECT id FROM issue")}


def test_a_clients_fingerprint_joins_events_that_differ(wired: Any, event: Any) -> None:
    given = {"$exception_fingerprint": "ours"}
    first, second = wired.process(event(**given), event(RUBY, **given))
    assert properties(first)["$exception_issue_id"] == properties(second)["$exception_issue_id"]
    assert properties(first)["$exception_fingerprint"] == "ours"
    assert properties(first)["$exception_proposed_fingerprint"] != "ours"


def test_an_issue_is_called_as_the_first_event_says(wired_on_each: Any, event: Any) -> None:
    named = {"$issue_name": "Checkout", "$issue_description": "Prices are gone"}
    wired_on_each.process(event(**named), event(RUBY), event())
    found = wired_on_each.rows("SELECT name, description FROM issue ORDER BY name")
    assert found == [("Checkout", "Prices are gone"), ("TypeError", "boom")]


def test_late_symbols_change_neither_fingerprint_nor_issue_of_a_repeated_event(
    wired: Any, make: Any, event: Any
) -> None:
    sent = event(make.web())
    (before,) = wired.process(sent)
    wired.add("chunk")
    wired.clock.turn(600)
    (after,) = wired.process(sent)
    (later,) = wired.process(event(make.web()))
    frame = properties(after)["$exception_list"][0]["stacktrace"]["frames"][0]
    assert frame["source"] == "src/app.ts"
    for name in ("$exception_fingerprint", "$exception_issue_id"):
        assert properties(after)[name] == properties(before)[name] != properties(later)[name]
    assert counted(wired) == 2


def test_only_events_that_come_through_are_counted(wired: Any, make: Any, event: Any) -> None:
    wired.process(
        event(),
        event() | {"event": "$pageview"},
        event(make.web(filename="webkit-masked-url://hidden/")),
        event(**{"$exception_list": []}),
    )
    assert counted(wired) == 1


def test_events_over_a_limit_are_dropped_and_stay_so(wired_on_each: Any, event: Any) -> None:
    wired = wired_on_each
    wired.process(event(RUBY))
    configure(wired.database, RateLimits, per_issue_rate_limit_value=2)
    sent = [event() for _ in range(4)]
    outcomes = wired.process(*sent, event(RUBY))
    limited = ("dropped", "rate_limited")
    assert statuses(outcomes) == [("ok", None), ("ok", None), limited, limited, ("ok", None)]
    wired.clock.turn(86_400)
    assert wired.process(*sent) == outcomes[:4]


def test_events_of_new_issues_over_the_budget_are_dropped(
    wire: Any, sqlite_url: str, event: Any
) -> None:
    wired = wire(sqlite_url, defaults=Defaults(new_issues=Limit(2, 0)))
    outcomes = wired.process(*(event(**{"$exception_fingerprint": name}) for name in "abca"))
    assert statuses(outcomes) == [
        ("ok", None),
        ("ok", None),
        ("dropped", "issue_budget"),
        ("ok", None),
    ]


def test_events_whose_frames_could_not_be_answered_are_not_counted(
    wired: Any, make: Any, event: Any
) -> None:
    wired.add("chunk")
    sent = [event(make.web()), event()]
    wired.objects.away = True
    assert statuses(wired.process(*sent)) == [RETRY, ("ok", None)]
    assert counted(wired) == 1
    wired.objects.away = False
    assert statuses(wired.process(*sent)) == [("ok", None), ("ok", None)]
    assert counted(wired) == 2


def test_a_batch_whose_accounts_cannot_be_written_is_left_for_later(wired: Any, event: Any) -> None:
    def away() -> None:
        raise DatabaseUnavailable("the database went away")

    wired.process(event())
    sent = [event(), event()]
    wired.database.before_write = away
    assert statuses(wired.process(*sent)) == [RETRY, RETRY]
    assert counted(wired) == 1
    assert statuses(wired.process(*sent)) == [("ok", None), ("ok", None)]
    assert counted(wired) == 3


def test_a_batch_whose_answer_was_lost_after_its_commit_counts_once(
    wired_on_each: Any, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def lost(database: Database) -> Iterator[Connection]:
        with Database.write(database) as connection:
            yield connection
        raise DatabaseUnavailable("the answer was lost")

    wired_on_each.process(event())
    sent = [event(), event(RUBY)]
    warm = wired_on_each.process(event(RUBY))
    with monkeypatch.context() as patch:
        patch.setattr(type(wired_on_each.database), "write", lost)
        assert statuses(wired_on_each.process(*sent)) == [RETRY, RETRY]
    outcomes = wired_on_each.process(*sent)
    assert statuses(outcomes) == [("ok", None), ("ok", None)]
    assert counted(wired_on_each) == 4
    ids = [properties(outcome)["$exception_issue_id"] for outcome in (outcomes[1], warm[0])]
    assert ids[0] == ids[1]


def test_a_bug_in_the_accounts_costs_the_one_event_that_meets_it(
    wired: Any, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = wired.processor._accounts.settle

    def broken(team_id: int, entries: Any) -> Any:
        if any(entry.title.name == "poison" for entry in entries):
            raise ZeroDivisionError
        return settle(team_id, entries)

    monkeypatch.setattr(wired.processor._accounts, "settle", broken)
    outcomes = wired.process(event(), event(**{"$issue_name": "poison"}), event())
    assert statuses(outcomes) == [("ok", None), ("retry", "internal"), ("ok", None)]
    assert counted(wired) == 2


def test_a_spike_is_told_to_others_once_it_is_stored(wired: Any, event: Any) -> None:
    configure(wired.database, SpikeConfig, threshold=3)
    wired.process(event(), event())
    assert wired.notices == []
    (outcome, _) = wired.process(event(), event())
    (notice,) = wired.notices
    assert notice["event"] == EVENT
    assert notice["distinct_id"] == properties(outcome)["$exception_issue_id"]
    fingerprint = properties(outcome)["$exception_fingerprint"]
    assert notice["properties"] == {
        "name": "TypeError",
        "description": "boom",
        "computed_baseline": 0.0,
        "current_bucket_value": 4,
        "fingerprint": fingerprint,
    }


def test_a_notice_that_cannot_be_given_harms_no_event(
    wired: Any, event: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(notice: Json) -> None:
        raise OSError("nobody there")

    monkeypatch.setattr(wired.processor, "_notify", broken)
    configure(wired.database, SpikeConfig, threshold=1)
    assert statuses(wired.process(event())) == [("ok", None)]
    assert wired.rows("SELECT count(*) FROM spike_event") == [(1,)]
    assert "nobody there" in caplog.text


def test_without_anybody_to_tell_spikes_are_only_stored(
    wired: Any, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wired.processor, "_notify", None)
    configure(wired.database, SpikeConfig, threshold=1)
    assert statuses(wired.process(event())) == [("ok", None)]
    assert wired.rows("SELECT count(*) FROM spike_event") == [(1,)]


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fingerprint=anything, name=anything, description=anything, event_uuid=anything, kind=texts)
def test_nothing_that_a_client_sends_keeps_events_from_being_counted(
    wired_on_each: Any,
    make: Any,
    fingerprint: Any,
    name: Any,
    description: Any,
    event_uuid: Any,
    kind: str,
) -> None:
    given = {"$issue_name": name, "$issue_description": description}
    sent = make.event(PYTHON, **given, **{"$exception_fingerprint": fingerprint})
    sent["properties"]["$exception_list"][0]["type"] = kind
    (outcome,) = wired_on_each.process(sent | {"uuid": event_uuid})
    assert statuses([outcome]) == [("ok", None)]


@pytest.mark.parametrize("long", ["x", "\0", "\ud800", "é"], ids=["x", "NUL", "surrogate", "é"])
def test_texts_of_any_length_are_stored(wired_on_each: Any, event: Any, long: str) -> None:
    given = dict.fromkeys(("$exception_fingerprint", "$issue_name"), long * 50_000)
    assert statuses(wired_on_each.process(event(**given))) == [("ok", None)]
    ((name,),) = wired_on_each.rows("SELECT name FROM issue")
    assert len(name) == 10_000


def test_the_settings_and_who_is_told_reach_the_accounts(
    sqlite_url: str, tmp_path: Path, event: Any
) -> None:
    given = {"new_issue_budget": 1, "per_issue_rate_limit": 2}
    settings = from_env({}, data_dir=str(tmp_path), database_url=sqlite_url, **given)
    notices: list[Json] = []
    with Symbolicator(settings=settings, notify=notices.append) as symbolicator:
        configure(symbolicator._database, SpikeConfig, threshold=1)
        outcomes = symbolicator.process(1, [event(), event(RUBY), event(), event()])
    assert [outcome.reason for outcome in outcomes] == [None, "issue_budget", None, "rate_limited"]
    assert [notice["properties"]["current_bucket_value"] for notice in notices] == [2]
