"""The handler over a real `Symbolicator`: outages, bugs of ours, and what comes twice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.clock import system_clock
from symbolicate_worker.handler import Handler, Patience

if TYPE_CHECKING:
    from tests.worker.conftest import Counted, Made, Real

CHUNK = "chunk"
HALF_AN_HOUR = 1800.0
NO_PATIENCE = Patience(in_place=0.0)
MAP = b'{"version":3,"sources":["src/app.ts"],"sourcesContent":["x"],"names":[],"mappings":"AAAA"}'
COUNTERS = "SELECT * FROM issue_day", "SELECT * FROM processed_event", "SELECT * FROM spike_bucket"


@pytest.fixture
def handler(real: Real, metrics: Counted) -> Handler:
    real.symbolicator.add_symbol_set(1, CHUNK, source=b"x()", map=MAP)
    return Handler(real.symbolicator, metrics, max_payload=1_048_576, patience=NO_PATIENCE)


def frame(out: Any) -> Any:
    assert out["status"] == "ok"
    return out["event"]["properties"]["$exception_list"][0]["stacktrace"]["frames"][0]


def test_an_event_that_comes_again_moves_no_counter_and_publishes_the_same_bytes(
    real: Real, handler: Handler, make: type[Made]
) -> None:
    event = make.event("a", make.web(CHUNK))
    (first,) = make.handle(handler, make.message(event))
    counted = [real.rows(one) for one in COUNTERS]
    assert [len(rows) for rows in counted] == [1, 1, 1]
    (again,) = make.handle(handler, make.message(event, attempt=2))
    assert again == first
    assert [real.rows(one) for one in COUNTERS] == counted
    assert frame(make.read(first.resolved))["source"] == "src/app.ts"


def test_an_event_twice_in_a_batch_is_counted_once(
    real: Real, handler: Handler, make: type[Made]
) -> None:
    event = make.event("a")
    first, again = make.handle(handler, make.message(event), make.message(event))
    assert first == again
    assert real.rows("SELECT events FROM issue_day") == [(1,)]


def test_a_bug_of_ours_costs_the_one_event_that_meets_it(
    real: Real, handler: Handler, make: type[Made]
) -> None:
    real.poison()
    poison = make.event("poison")
    poison["properties"]["poison"] = 1
    events = [make.event("a"), poison, make.event("b")]
    first, bad, last = make.handle(handler, *map(make.message, events))
    assert [one.message_id for one in (first, last)] == [make.uuid("a"), make.uuid("b")]
    assert make.read(bad.dead) == {"event": poison, "reason": "internal", "attempts": 1}
    assert real.rows("SELECT count(*) FROM processed_event") == [(2,)]


def test_while_symbol_sets_are_out_of_reach_only_events_that_need_them_wait(
    real: Real, handler: Handler, make: type[Made]
) -> None:
    real.take_away("objects")
    events = [make.event("needs it", make.web(CHUNK)), make.event("does not")]
    waits, passes = make.handle(handler, *map(make.message, events))
    assert (waits.again_after, passes.message_id) == (5.0, make.uuid("does not"))
    assert real.rows("SELECT failure_code FROM stack_frame") == [(None,)]
    real.bring_back()
    (reply,) = make.handle(handler, make.message(events[0], attempt=2))
    assert frame(make.read(reply.resolved))["resolved"] is True
    assert real.rows("SELECT sum(events) FROM issue_day") == [(2,)]


def test_what_went_out_without_its_symbol_set_is_repaired_in_the_store_later(
    real: Real, handler: Handler, make: type[Made]
) -> None:
    event = make.event("a", make.web(CHUNK))
    real.ahead.append(system_clock() + timedelta(minutes=1))
    real.symbolicator.reconciler.run()  # so that the set itself is no work any more
    real.take_away("objects")
    (reply,) = make.handle(handler, make.message(event, 18, HALF_AN_HOUR))
    sent = frame(make.read(reply.resolved))
    assert (sent["resolved"], sent["resolve_failure"]) == (
        False,
        "Temporarily unavailable, will be retried",
    )
    assert real.rows("SELECT failure_code, resolved FROM stack_frame") == [("transient", 0)]
    real.bring_back()
    real.symbolicator.reconciler.run()
    assert real.rows("SELECT failure_code FROM stack_frame") == [("transient",)]
    real.ahead.append(system_clock() + timedelta(hours=1))
    real.symbolicator.reconciler.run()
    found = real.rows("SELECT failure_code, retry_at, resolved FROM stack_frame")
    assert found == [(None, None, 1)]
    (stored,) = real.symbolicator.batch_get(1, [sent["raw_id"]])
    assert stored.contents["source"] == "src/app.ts"


def test_the_last_time_does_not_replace_an_answer_that_is_stored(
    real: Real, handler: Handler, make: type[Made]
) -> None:
    make.handle(handler, make.message(make.event("a", make.web(CHUNK))))
    real.symbolicator.add_symbol_set(1, CHUNK, source=b"y()", map=MAP)
    real.take_away("objects")
    other = make.event("b", make.web(CHUNK), make.web(CHUNK, 2))
    (reply,) = make.handle(handler, make.message(other, 18, HALF_AN_HOUR))
    assert frame(make.read(reply.resolved))["source"] == "src/app.ts"
    found = real.rows("SELECT failure_code FROM stack_frame ORDER BY failure_code")
    assert found == [(None,), ("transient",)]


def test_while_the_database_is_away_an_event_is_never_let_go(
    real: Real, handler: Handler, make: type[Made]
) -> None:
    event = make.event("a")
    real.take_away("database")
    (reply,) = make.handle(handler, make.message(event, 700, 48 * HALF_AN_HOUR))
    assert reply.again_after == 120.0
    real.bring_back()
    (reply,) = make.handle(handler, make.message(event, 701, 48 * HALF_AN_HOUR))
    assert make.read(reply.resolved)["status"] == "ok"


def test_events_that_are_dropped_or_invalid_go_out_as_such(
    handler: Handler, make: type[Made]
) -> None:
    masked = make.event("masked", {**make.web("x"), "filename": "webkit-masked-url://hidden/"})
    wrong = {"uuid": "w", "team_id": 1, "event": "$pageview", "properties": {}}
    replies = make.handle(handler, make.message(masked), make.message(wrong))
    outs = [make.read(reply.resolved) for reply in replies]
    assert [(out["status"], out["reason"]) for out in outs] == [
        ("dropped", "masked_extension"),
        ("invalid", "wrong_event_type"),
    ]
    assert [reply.message_id for reply in replies] == [make.uuid("masked"), "w"]
