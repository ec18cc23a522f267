"""Events while something of ours is away or broken: left for later, nothing stored as fact."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.outcome import Outcome

Json = dict[str, Any]

PYTHON = {"platform": "python", "filename": "a.py", "function": "f", "lineno": 3}


def frames(outcome: Outcome, exception: int = 0) -> list[Json]:
    assert outcome.status == "ok", outcome
    assert outcome.event is not None
    found: list[Json] = outcome.event["properties"]["$exception_list"][exception]["stacktrace"][
        "frames"
    ]
    return found


def statuses(outcomes: list[Outcome]) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.reason) for outcome in outcomes]


def test_while_the_database_is_away_good_events_are_to_be_retried(
    wired_on_each: Any, make: Any
) -> None:
    wired = wired_on_each
    wired.add("chunk")
    sent = make.event(make.web())
    wired.database.away = True
    outcomes = wired.process(sent, "bad", make.event(PYTHON))
    assert statuses(outcomes) == [
        ("retry", "dependency_unavailable"),
        ("invalid", "invalid_properties"),
        ("retry", "dependency_unavailable"),
    ]
    wired.database.away = False
    assert wired.rows("SELECT count(*) FROM stack_frame") == [(0,)]
    (outcome,) = wired.process(sent)
    assert frames(outcome)[0]["source"] == "src/app.ts"


def test_while_the_object_store_is_away_nothing_is_stored_as_a_fact(
    wired_on_each: Any, make: Any
) -> None:
    wired = wired_on_each
    wired.add("chunk")
    sent = make.event(make.web(), PYTHON)
    before = wired.rows("SELECT storage_key, data_hash, reconciled_as FROM symbol_set")
    wired.objects.away = True
    outcomes = wired.process(sent, make.event(PYTHON))
    assert statuses(outcomes) == [("retry", "dependency_unavailable"), ("ok", None)]
    assert wired.rows("SELECT failure_code FROM stack_frame") == [(None,)]
    assert wired.rows("SELECT storage_key, data_hash, reconciled_as FROM symbol_set") == before
    wired.objects.away = False
    (outcome,) = wired.process(sent)
    assert [f["resolved"] for f in frames(outcome)] == [True, True]
    assert wired.rows("SELECT count(*) FROM stack_frame") == [(2,)]


def test_a_bug_costs_the_one_event_that_meets_it(
    wired: Any, make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(team_id: int, sent: Json, refs: set[str]) -> None:
        if "poison" in sent:
            raise ZeroDivisionError

    monkeypatch.setattr(wired.processor, "_releases", broken)
    good = make.event(PYTHON)
    outcomes = wired.process(good, make.event(PYTHON, poison=1), good)
    assert statuses(outcomes) == [
        ("ok", None),
        ("retry", "internal"),
        ("ok", None),
    ]
    assert frames(outcomes[2]) == frames(outcomes[0])
    assert "ZeroDivisionError" in caplog.text
