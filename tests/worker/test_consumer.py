"""The consumer over the broker in memory: what is taken off the queue, and when."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.services.brokers import DEAD, RESOLVED, MemoryBroker, Message
from symbolicate_worker.consumer import Consumer
from symbolicate_worker.handler import Answer, Reply

if TYPE_CHECKING:
    from tests.worker.conftest import Run, Until

PATIENCE = 20.0

Handle = Callable[[Sequence[Message], Answer], None]


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


@contextmanager
def released_in_the_end(gate: threading.Event) -> Iterator[None]:
    """Lets threads go on that wait for a gate, whatever became of the test."""
    try:
        yield
    finally:
        gate.set()


def test_what_a_reply_says_is_done(run: Run, until: Until) -> None:
    def handle(messages: Sequence[Message], answer: Answer) -> None:
        assert [message.data for message in messages] == [b"1", b"2", b"3"]
        answer(2, Reply(again_after=7.0))
        answer(0, Reply(resolved=b"out", message_id="id"))
        answer(1, Reply(dead=b"letter"))

    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        await until(lambda: broker.handed_back == [7.0] and not broker.in_hand)
        assert broker.published == {RESOLVED: [b"out"], DEAD: [b"letter"]}

    run(Handles(handle), test, b"1", b"2", b"3")


def test_no_more_than_a_batch_is_in_hand_in_each_slot(run: Run, until: Until) -> None:
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


def test_a_message_is_taken_off_only_after_what_it_caused_is_published(
    run: Run, until: Until
) -> None:
    class Slow(MemoryBroker):
        def __init__(self) -> None:
            super().__init__()
            self.acknowledged = asyncio.Event()

        async def publish(
            self,
            subject: str,
            data: bytes,
            message_id: str | None = None,
            team_id: int | None = None,
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


def test_an_answer_does_not_wait_for_the_rest_of_its_batch(run: Run, until: Until) -> None:
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
    subject: str, caplog: pytest.LogCaptureFixture, run: Run, until: Until
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


def test_the_broker_hears_of_every_message_in_hand_that_it_is_alive_and_of_no_other(
    run: Run, until: Until
) -> None:
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


def test_a_batch_that_is_done_leaves_nothing_running(run: Run, until: Until) -> None:
    async def test(broker: MemoryBroker, _consumer: Consumer) -> None:
        for n in range(20):
            broker.put(Message(b"%d" % n))
        await until(lambda: len(broker.published[RESOLVED]) == 20 and not broker.in_hand)
        # What is left: the test, the consumer, its slot and the pull that it waits for.
        await until(lambda: len(asyncio.all_tasks()) <= 4)

    run(Handles(published), test, batch=1)


def test_an_outage_of_the_broker_is_told_once_and_outlived(
    caplog: pytest.LogCaptureFixture, run: Run, until: Until
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
    caplog: pytest.LogCaptureFixture, run: Run, until: Until
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
    caplog: pytest.LogCaptureFixture, run: Run, until: Until
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


def test_once_stopped_nothing_is_pulled_and_what_is_in_hand_is_finished(
    run: Run, until: Until
) -> None:
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


def test_what_cannot_be_finished_is_handed_back_at_once(run: Run, until: Until) -> None:
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
