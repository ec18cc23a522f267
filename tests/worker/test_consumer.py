"""The consumer over the broker in memory: what is taken off the queue, and when."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.metrics import NullMetrics
from symbolicate.services.brokers import DEAD, RAW, RESOLVED, MemoryBroker, Message
from symbolicate_worker.consumer import Consumer
from symbolicate_worker.handler import Answer, Handler, Reply

if TYPE_CHECKING:
    from tests.worker.conftest import Made, Real, Scripted

PATIENCE = 20.0

Handle = Callable[[Sequence[Message], Answer], None]
Test = Callable[[MemoryBroker, Consumer], Awaitable[None]]


@pytest.fixture(autouse=True)
def short_pulls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a consumer notice soon that it is stopped."""
    monkeypatch.setattr("symbolicate_worker.consumer.PULL_SECONDS", 0.02)
    monkeypatch.setattr("symbolicate_worker.consumer.AWAY_SECONDS", 0.02)


class Watched(MemoryBroker):
    """Remembers what was pulled, and how often somebody asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.pulled: list[Any] = []

    async def pull(self, most: int, seconds: float) -> Any:
        self.asked += 1
        found = await super().pull(most, seconds)
        self.pulled += found
        return found


class Handles:
    """Stands for a handler: does what a test says."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle


def published(messages: Sequence[Message], answer: Answer) -> None:
    """Answers every message with itself."""
    for place, message in enumerate(messages):
        answer(place, Reply(resolved=message.data, message_id=message.data.decode()))


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about"
        await asyncio.sleep(0.002)


def run(
    handler: Any,
    test: Test,
    *messages: bytes,
    batch: int = 100,
    slots: int = 1,
    ack_wait: float = 30.0,
    broker: type[MemoryBroker] = MemoryBroker,
) -> None:
    """Runs a test beside a consumer, which must have ended by itself some time after."""

    async def both() -> None:
        queue = broker()
        for data in messages:
            queue.put(Message(data))
        consumer = Consumer(queue, handler, batch=batch, slots=slots, ack_wait=ack_wait)
        working = asyncio.create_task(consumer.run())
        try:
            await test(queue, consumer)
            consumer.stop()
            await asyncio.wait_for(working, PATIENCE)
        finally:
            working.cancel()
            consumer.close()

    asyncio.run(both())


@contextmanager
def released_in_the_end(gate: threading.Event) -> Iterator[None]:
    """Lets threads go on that wait for a gate, whatever became of the test."""
    try:
        yield
    finally:
        gate.set()


def test_what_a_reply_says_is_done() -> None:
    def handle(messages: Sequence[Message], answer: Answer) -> None:
        assert [message.data for message in messages] == [b"1", b"2", b"3"]
        answer(2, Reply(again_after=7.0))
        answer(0, Reply(resolved=b"out", message_id="id"))
        answer(1, Reply(dead=b"letter"))

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        await until(lambda: broker.handed_back == [7.0] and not broker.in_hand)
        assert broker.published == {RESOLVED: [b"out"], DEAD: [b"letter"]}

    run(Handles(handle), test, b"1", b"2", b"3")


def test_no_more_than_a_batch_is_in_hand_in_each_slot() -> None:
    gate, ready = threading.Event(), threading.Barrier(3)
    sizes: list[int] = []

    def handle(messages: Sequence[Message], answer: Answer) -> None:
        sizes.append(len(messages))
        if not gate.is_set():
            ready.wait(PATIENCE)
        gate.wait(PATIENCE)
        published(messages, answer)

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        await asyncio.to_thread(ready.wait, PATIENCE)
        assert len(broker.in_hand) == 4
        gate.set()
        await until(lambda: len(broker.published[RESOLVED]) == 9)
        assert max(sizes) == 2

    with released_in_the_end(gate):
        run(Handles(handle), test, *[b"%d" % n for n in range(9)], batch=2, slots=2)


def test_a_message_is_taken_off_only_after_what_it_caused_is_published() -> None:
    class Slow(MemoryBroker):
        def __init__(self) -> None:
            super().__init__()
            self.acknowledged = asyncio.Event()

        async def publish(
            self, subject: str, data: bytes, message_id: str | None = None, team_id: int = 0
        ) -> None:
            await self.acknowledged.wait()
            await super().publish(subject, data, message_id, team_id)

    def handle(_messages: Sequence[Message], answer: Answer) -> None:
        answer(0, Reply(resolved=b"out", message_id="id"))
        answer(1, Reply(dead=b"letter"))
        answer(2, Reply(again_after=60.0))

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        assert isinstance(broker, Slow)
        await until(lambda: bool(broker.handed_back))
        assert len(broker.in_hand) == 2
        broker.acknowledged.set()
        await until(lambda: not broker.in_hand)

    run(Handles(handle), test, b"1", b"2", b"3", broker=Slow)


def test_an_answer_does_not_wait_for_the_rest_of_its_batch() -> None:
    gate = threading.Event()

    def handle(messages: Sequence[Message], answer: Answer) -> None:
        answer(0, Reply(resolved=b"quick", message_id="quick"))
        gate.wait(PATIENCE)
        answer(1, Reply(resolved=b"slow", message_id="slow"))

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        await until(lambda: broker.published[RESOLVED] == [b"quick"])
        assert [one.message.data for one in broker.in_hand] == [b"2"]
        gate.set()
        await until(lambda: not broker.in_hand)

    with released_in_the_end(gate):
        run(Handles(handle), test, b"1", b"2")


@pytest.mark.parametrize("subject", [RESOLVED, DEAD])
def test_a_message_whose_answer_was_not_taken_comes_again(
    subject: str, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(messages: Sequence[Message], answer: Answer) -> None:
        for place, message in enumerate(messages):
            if subject == RESOLVED:
                answer(place, Reply(resolved=message.data, message_id="id"))
            else:
                answer(place, Reply(dead=message.data))

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        broker.refused.add(subject)
        await until(lambda: broker.handed_back == [5.0])
        assert (broker.in_hand, broker.published) == ([], {})
        broker.refused.clear()
        broker.put(Message(b"1", attempt=2))
        await until(lambda: broker.published[subject] == [b"1"])

    run(Handles(handle), test, b"1")
    assert [record.getMessage() for record in caplog.records] == [
        "1 messages will come again: the broker did not take all"
    ]


def test_the_broker_hears_of_every_message_in_hand_that_it_is_alive_and_of_no_other() -> None:
    gate = threading.Event()

    def handle(messages: Sequence[Message], answer: Answer) -> None:
        answer(0, Reply(again_after=60.0))
        gate.wait(PATIENCE)
        answer(1, Reply(again_after=60.0))
        answer(2, Reply(again_after=60.0))

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        assert isinstance(broker, Watched)
        await until(lambda: bool(broker.handed_back))
        answered, *held = broker.pulled
        heard = answered.kept_alive
        await until(lambda: all(one.kept_alive >= heard + 3 for one in held))
        assert answered.kept_alive == heard
        gate.set()

    with released_in_the_end(gate):
        run(Handles(handle), test, b"1", b"2", b"3", ack_wait=0.03, broker=Watched)


def test_a_batch_that_is_done_leaves_nothing_running() -> None:
    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        for n in range(20):
            broker.put(Message(b"%d" % n))
        await until(lambda: len(broker.published[RESOLVED]) == 20 and not broker.in_hand)
        # What is left: the test, the consumer, its slot and the pull that it waits for.
        await until(lambda: len(asyncio.all_tasks()) <= 4)

    run(Handles(published), test, batch=1)


def test_an_outage_of_the_broker_is_told_once_and_outlived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        assert isinstance(broker, Watched)
        await until(lambda: broker.published[RESOLVED] == [b"1"])
        broker.away = True
        asked = broker.asked
        await until(lambda: broker.asked > asked + 5)
        broker.away = False
        broker.put(Message(b"2"))
        await until(lambda: broker.published[RESOLVED] == [b"1", b"2"])

    run(Handles(published), test, b"1", broker=Watched)
    assert [record.getMessage() for record in caplog.records] == [
        "broker out of reach: the broker is away"
    ]


def test_an_outage_while_a_batch_is_in_hand_leaves_the_batch_to_another_delivery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, begun = threading.Event(), threading.Event()

    def handle(messages: Sequence[Message], answer: Answer) -> None:
        begun.set()
        gate.wait(PATIENCE)
        published(messages, answer)

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        await asyncio.to_thread(begun.wait, PATIENCE)
        broker.away = True
        gate.set()
        await until(lambda: "2 messages will come again" in caplog.text)
        assert len(broker.in_hand) == 2
        broker.away = False
        assert broker.published == {}
        broker.redeliver()
        await until(lambda: broker.published[RESOLVED] == [b"1", b"2"])

    with released_in_the_end(gate):
        run(Handles(handle), test, b"1", b"2")


def test_a_bug_of_the_handler_leaves_its_batch_and_the_next_one_is_worked_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handle(messages: Sequence[Message], answer: Answer) -> None:
        if messages[0].data == b"1":
            answer(1, Reply(resolved=b"2", message_id="2"))
            raise ZeroDivisionError
        published(messages, answer)

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        await until(lambda: broker.published[RESOLVED] == [b"2", b"3"])
        assert [one.message.data for one in broker.in_hand] == [b"1"]

    run(Handles(handle), test, b"1", b"2", b"3", batch=2)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "ZeroDivisionError" in caplog.text


def test_once_stopped_nothing_is_pulled_and_what_is_in_hand_is_finished() -> None:
    gate, begun = threading.Event(), threading.Event()

    def handle(messages: Sequence[Message], answer: Answer) -> None:
        begun.set()
        gate.wait(PATIENCE)
        published(messages, answer)

    async def test(broker: MemoryBroker, consumer: Consumer) -> None:
        await asyncio.to_thread(begun.wait, PATIENCE)
        consumer.stop()
        gate.set()
        await until(lambda: broker.published[RESOLVED] == [b"1"])
        await consumer.run()  # returns at once
        assert broker.published[RESOLVED] == [b"1"]
        assert len(await broker.pull(10, 0.0)) == 1

    with released_in_the_end(gate):
        run(Handles(handle), test, b"1", b"2", batch=1)


def test_what_cannot_be_finished_is_handed_back_at_once() -> None:
    gate, begun = threading.Event(), threading.Event()

    def handle(messages: Sequence[Message], answer: Answer) -> None:
        answer(0, Reply(resolved=b"1", message_id="1"))
        begun.set()
        gate.wait(PATIENCE)

    async def test(broker: MemoryBroker, consumer: Consumer) -> None:
        await asyncio.to_thread(begun.wait, PATIENCE)
        await until(lambda: broker.published[RESOLVED] == [b"1"])
        consumer.stop()
        await consumer.release()
        assert broker.handed_back == [0.0, 0.0]
        assert broker.in_hand == []
        gate.set()

    with released_in_the_end(gate):
        run(Handles(handle), test, b"1", b"2", b"3")


def test_one_malformed_message_and_one_poison_amid_98_good_ones(
    real: Real, make: type[Made]
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
    real: Real, make: type[Made]
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


def test_events_of_several_slots_are_all_answered(make: type[Made], scripted: Scripted) -> None:
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
