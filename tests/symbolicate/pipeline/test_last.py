"""The last time that events are tried: they go out with what is known, and are repaired later."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from symbolicate.metrics import NullMetrics
from symbolicate.outcome import Outcome
from symbolicate.resolver import RETRY_AFTER
from symbolicate.services.reconcile import Reconciler

Json = dict[str, Any]

PYTHON = {"platform": "python", "filename": "a.py", "function": "f", "lineno": 3}
STORED = "SELECT failure_code, retry_at IS NOT NULL, symbol_set_data_hash IS NULL FROM stack_frame"
WAITING, ANSWERED = ("transient", True, True), (None, False, False)


def last(wired: Any, *events: Json) -> list[Outcome]:
    outcomes: list[Outcome] = wired.processor.process(1, events, last=True)
    return outcomes


def first_frame(outcome: Outcome) -> Json:
    assert outcome.event is not None, outcome
    listed = outcome.event["properties"]["$exception_list"]
    found: Json = listed[0]["stacktrace"]["frames"][0]
    return found


def stored(wired: Any) -> list[tuple[str | None, bool, bool]]:
    """Tells of each stored frame its failure, whether it waits, and whether no set explained it."""
    return [(code, bool(waits), bool(bare)) for code, waits, bare in wired.rows(STORED)]


def make_new(sent: Json) -> Json:
    """Makes the same error once more, under a uuid of its own."""
    return sent | {"uuid": str(uuid.uuid4())}


def reconciler(wired: Any) -> Reconciler:
    """Gives the job that repairs, as another process runs it."""
    return Reconciler(
        wired.database,
        wired.store,
        wired.answers,
        wired.catalog,
        wired.new_leases(),
        clock=wired.clock,
        metrics=NullMetrics(),
    )


def test_an_event_goes_out_unresolved_and_its_frame_is_stored_to_be_tried_again(
    wired_on_each: Any, make: Any
) -> None:
    wired = wired_on_each
    wired.add("chunk")
    wired.objects.away = True
    (outcome,) = last(wired, make.event(make.web(), PYTHON))
    assert (outcome.status, outcome.reason) == ("ok", None)
    assert (first_frame(outcome)["resolved"], first_frame(outcome)["failure_code"]) == (
        False,
        "transient",
    )
    assert sorted(stored(wired), key=str) == sorted([WAITING, (None, False, True)], key=str)
    assert wired.rows("SELECT count(*) FROM processed_event") == [(1,)]


def test_only_the_last_time_lets_a_transient_failure_be_stored(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.objects.away = True
    assert [one.status for one in wired.process(make.event(make.web()))] == ["retry"]
    assert stored(wired) == []
    assert wired.rows("SELECT count(*) FROM processed_event") == [(0,)]


def test_the_reconciler_repairs_such_a_frame_once_its_time_has_come(
    wired_on_each: Any, make: Any
) -> None:
    wired = wired_on_each
    wired.add("chunk")
    reconciler(wired).run()
    wired.clock.turn(60)
    reconciler(wired).run()
    wired.objects.away = True
    last(wired, make.event(make.web()))
    wired.objects.away = False
    wired.clock.turn((RETRY_AFTER - timedelta(seconds=1)).total_seconds())
    reconciler(wired).run()
    assert stored(wired) == [WAITING]
    wired.clock.turn(2)
    assert reconciler(wired).run().frames == 1
    assert stored(wired) == [ANSWERED]


def test_a_frame_that_still_cannot_be_repaired_is_tried_again_later(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.objects.away = True
    last(wired, make.event(make.web()))
    wired.clock.turn(RETRY_AFTER.total_seconds() + 1)
    reconciler(wired).run()
    assert stored(wired) == [WAITING]
    wired.objects.away = False
    reconciler(wired).run()
    assert stored(wired) == [ANSWERED]


def test_later_events_of_a_frame_that_waits_are_not_answered_by_ignorance(
    wired: Any, make: Any
) -> None:
    wired.add("chunk")
    wired.objects.away = True
    last(wired, sent := make.event(make.web()))
    assert [one.status for one in wired.process(make_new(sent))] == ["retry"]
    wired.objects.away = False
    (outcome,) = wired.process(make_new(sent))
    assert first_frame(outcome)["source"] == "src/app.ts"
    assert stored(wired) == [ANSWERED]


def test_a_better_answer_is_never_replaced_and_goes_out_instead(
    wired_on_each: Any, make: Any
) -> None:
    wired = wired_on_each
    wired.add("chunk", "old")
    wired.process(sent := make.event(make.web()))
    wired.add("chunk", "new")
    wired.objects.away = True
    assert [one.status for one in wired.process(make_new(sent))] == ["retry"]
    (outcome,) = last(wired, make_new(sent))
    assert first_frame(outcome)["source"] == "src/old.ts"
    assert stored(wired) == [ANSWERED]


def test_what_is_known_of_a_frame_stays_as_it_is_stored(wired: Any, make: Any) -> None:
    wired.process(sent := make.event(make.web()))
    wired.add("chunk")
    wired.objects.away = True
    (outcome,) = last(wired, make_new(sent))
    assert first_frame(outcome)["failure_code"] == "no_symbol_set"
    assert stored(wired) == [("no_symbol_set", False, True)]
    wired.objects.away = False
    assert reconciler(wired).run().frames == 1
    assert stored(wired) == [ANSWERED]


def test_without_the_database_even_the_last_time_is_to_be_retried(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.database.away = True
    (outcome,) = last(wired, make.event(make.web()))
    assert (outcome.status, outcome.reason) == ("retry", "dependency_unavailable")


def test_an_event_that_went_out_is_answered_the_same_way_again(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.objects.away = True
    sent = make.event(make.web())
    assert last(wired, sent) == last(wired, sent)
    assert wired.rows("SELECT sum(events) FROM issue_day") == [(1,)]


@pytest.mark.parametrize("is_last", [False, True], ids=["first", "last"])
def test_a_bug_of_ours_is_told_apart_from_an_outage(
    wired: Any, make: Any, monkeypatch: pytest.MonkeyPatch, is_last: bool
) -> None:
    def broken(*_given: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(wired.processor, "_releases", broken)
    (outcome,) = wired.processor.process(1, [make.event(PYTHON)], last=is_last)
    assert (outcome.status, outcome.reason) == ("retry", "internal")


def test_a_bug_that_one_event_shows_while_it_is_read_costs_that_event_alone(
    wired: Any, make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(images: Any) -> list[Any]:
        if images == ["poison"]:
            raise ZeroDivisionError
        return []

    monkeypatch.setattr("symbolicate.pipeline.process.read_debug_images", broken)
    good, bad = make.event(PYTHON), make.event(PYTHON, **{"$debug_images": ["poison"]})
    outcomes = wired.process(good, bad, make_new(good))
    assert [(one.status, one.reason) for one in outcomes] == [
        ("ok", None),
        ("retry", "internal"),
        ("ok", None),
    ]
    assert "ZeroDivisionError" in caplog.text
