"""The consumer with the handler: every event goes out once, whatever else its batch holds."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from symbolicate.metrics import NullMetrics
from symbolicate.services.brokers import DEAD, RAW, RESOLVED, MemoryBroker, Message
from symbolicate_worker.consumer import Consumer
from symbolicate_worker.handler import Handler

if TYPE_CHECKING:
    from tests.worker.conftest import Made, Real, Run, Scripted, Until


def test_one_malformed_message_and_one_poison_amid_98_good_ones(
    real: Real, make: type[Made], run: Run, until: Until
) -> None:
    real.poison()
    poison = make.event("poison")
    poison["properties"]["poison"] = 1
    bodies = [json.dumps(make.event(str(n))).encode() for n in range(98)]
    bodies[20:20], bodies[60:60] = [b"{"], [json.dumps(poison).encode()]
    handler = Handler(real.symbolicator, NullMetrics(), max_payload=1_048_576)

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        await until(lambda: sum(map(len, broker.published.values())) == 100)
        outs = [json.loads(data) for data in broker.published[RESOLVED]]
        assert {out["uuid"] for out in outs} == {make.uuid(str(n)) for n in range(98)}
        assert {out["status"] for out in outs} == {"ok"}
        letters = [json.loads(data) for data in broker.published[DEAD]]
        assert sorted(letter["reason"] for letter in letters) == ["internal", "not_json"]
        await until(lambda: not broker.in_hand)

    run(handler, test, *bodies)


def test_an_event_that_was_processed_and_not_published_goes_out_once_and_counts_once(
    real: Real, make: type[Made], run: Run, until: Until
) -> None:
    handler = Handler(real.symbolicator, NullMetrics(), max_payload=1_048_576)
    body = json.dumps(make.event("a")).encode()

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        broker.refused.add(RESOLVED)
        await until(lambda: bool(broker.handed_back))
        assert real.rows("SELECT sum(events) FROM issue_day") == [(1,)]
        broker.refused.clear()
        for attempt in (2, 3):
            broker.put(Message(body, attempt))
        await until(lambda: len(broker.published[RESOLVED]) == 1)
        await until(lambda: not broker.in_hand)
        assert real.rows("SELECT sum(events) FROM issue_day") == [(1,)]

    run(handler, test, body)


def test_events_of_several_slots_are_all_answered(
    make: type[Made], scripted: Scripted, run: Run, until: Until
) -> None:
    lock = threading.Lock()

    class Locked:
        def process(self, *given: Any, **named: Any) -> Any:
            with lock:
                return scripted.process(*given, **named)

    handler = Handler(Locked(), NullMetrics(), max_payload=1_048_576)
    bodies = [json.dumps(make.scripted(str(n))).encode() for n in range(500)]

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        await until(lambda: len(broker.published[RESOLVED]) == 500 and not broker.in_hand)
        assert {json.loads(data)["uuid"] for data in broker.published[RESOLVED]} == {
            str(n) for n in range(500)
        }
        assert broker.published[RAW] == []

    run(handler, test, *bodies, batch=7, slots=4)
