"""Pulling: one slot at a time asks the broker, and what comes after the stop goes back at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from symbolicate.services.brokers import MemoryBroker, Message
from symbolicate_worker.consumer import Consumer
from symbolicate_worker.handler import Answer, Reply

PATIENCE = 20.0


class Gated(MemoryBroker):
    """Answers a pull when a test lets it, and counts those that wait."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.waiting = self.most_waiting = self.asked = 0

    async def pull(self, most: int, seconds: float) -> Any:
        self.asked += 1
        self.waiting += 1
        self.most_waiting = max(self.waiting, self.most_waiting)
        try:
            await self.gate.wait()
            return await super().pull(most, 0.0)
        finally:
            self.waiting -= 1


class Handles:
    """Stands for a handler that publishes what comes, once a test lets it."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun: list[bytes] = []

    def handle(self, messages: Sequence[Message], answer: Answer) -> None:
        self.begun += [message.data for message in messages]
        self.gate.wait(PATIENCE)
        for place, message in enumerate(messages):
            answer(place, Reply(resolved=message.data, message_id=message.data.decode()))


async def until(condition: Any) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about"
        await asyncio.sleep(0.002)


def consumer_of(broker: MemoryBroker, handler: Any, slots: int, batch: int = 1) -> Consumer:
    return Consumer(broker, handler, batch=batch, slots=slots, ack_wait=30.0)


def test_one_slot_at_a_time_pulls_while_others_work() -> None:
    async def test() -> None:
        broker, handler = Gated(), Handles()
        broker.gate.set()
        consumer = consumer_of(broker, handler, slots=3)
        working = asyncio.create_task(consumer.run())
        try:
            for data in (b"1", b"2", b"3"):
                broker.put(Message(data))
            await until(lambda: sorted(handler.begun) == [b"1", b"2", b"3"])
            assert broker.most_waiting == 1
        finally:
            handler.gate.set()
            consumer.stop()
            await asyncio.wait_for(working, PATIENCE)
            consumer.close()

    asyncio.run(test())


def test_what_a_pull_brings_after_the_stop_is_handed_back_at_once() -> None:
    async def test() -> None:
        broker, handler = Gated(), Handles()
        handler.gate.set()
        broker.put(Message(b"1"))
        consumer = consumer_of(broker, handler, slots=3)
        working = asyncio.create_task(consumer.run())
        await until(lambda: broker.waiting)
        consumer.stop()
        broker.gate.set()
        await asyncio.wait_for(working, PATIENCE)
        consumer.close()
        assert broker.handed_back == [0.0]
        assert (broker.in_hand, handler.begun, broker.asked) == ([], [], 1)

    asyncio.run(test())


def test_an_error_that_is_no_outage_ends_the_consumer() -> None:
    class Closed(MemoryBroker):
        async def pull(self, most: int, seconds: float) -> Any:
            raise RuntimeError("closed for good")

    async def test() -> None:
        consumer = consumer_of(Closed(), Handles(), slots=2)
        with pytest.raises(RuntimeError, match="closed for good"):
            await asyncio.wait_for(consumer.run(), PATIENCE)
        consumer.close()

    asyncio.run(test())


def test_an_answer_that_the_broker_can_never_take_harms_no_neighbour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Slow(MemoryBroker):
        """Takes what fits once a test lets it."""

        def __init__(self) -> None:
            super().__init__(max_payload=50)
            self.gate = asyncio.Event()
            self.tried: list[str | None] = []

        async def publish(
            self,
            subject: str,
            data: bytes,
            message_id: str | None = None,
            team_id: int | None = None,
        ) -> None:
            self.tried.append(message_id)
            if len(data) <= self.max_payload:
                await self.gate.wait()
            await super().publish(subject, data, message_id, team_id)

    class Large:
        def handle(self, _messages: Sequence[Message], answer: Answer) -> None:
            answer(0, Reply(resolved=b"x" * 100, message_id="large"))
            answer(1, Reply(resolved=b"fits", message_id="fits"))

    async def test() -> None:
        broker = Slow()
        for data in (b"1", b"2"):
            broker.put(Message(data))
        consumer = consumer_of(broker, Large(), slots=1, batch=2)
        working = asyncio.create_task(consumer.run())
        await until(lambda: broker.tried == ["large", "fits"])
        for _ in range(20):
            await asyncio.sleep(0)
        assert caplog.text == ""
        await consumer.release()
        assert broker.handed_back == [0.0]
        broker.gate.set()
        await until(lambda: "left for another delivery" in caplog.text)
        consumer.stop()
        await asyncio.wait_for(working, PATIENCE)
        consumer.close()
        assert broker.published == {"exceptions.resolved": [b"fits"]}

    asyncio.run(test())
