"""The broker in memory: what a test can do with it that it cannot do with a server."""

from __future__ import annotations

import asyncio

import pytest

from symbolicate.broker.broker import DEAD, RAW, RESOLVED, Message
from symbolicate.broker.memory import MemoryBroker, MemoryDelivery
from symbolicate.errors import BrokerUnavailable


def test_while_it_is_away_everything_fails() -> None:
    async def test() -> None:
        broker = MemoryBroker()
        broker.put(Message(b"1"))
        (one,) = await broker.pull(1, 0.0)
        broker.away = True
        for doing in (
            broker.prepare(),
            broker.check(),
            broker.publish(RAW, b""),
            broker.pull(1, 0.0),
            one.done(),
            one.alive(),
            one.again(0.0),
        ):
            with pytest.raises(BrokerUnavailable):
                await doing
        broker.away = False
        assert [held.message.data for held in broker.in_hand] == [b"1"]
        await broker.close()

    asyncio.run(test())


def test_one_subject_alone_can_be_refused() -> None:
    async def test() -> None:
        broker = MemoryBroker()
        broker.refused.add(RESOLVED)
        with pytest.raises(BrokerUnavailable):
            await broker.publish(RESOLVED, b"1", "id")
        await broker.publish(DEAD, b"2")
        broker.refused.clear()
        await broker.publish(RESOLVED, b"1", "id")
        assert broker.published == {DEAD: [b"2"], RESOLVED: [b"1"]}

    asyncio.run(test())


def test_a_message_is_answered_once() -> None:
    async def test() -> None:
        broker = MemoryBroker()
        broker.put(Message(b"1"))
        (one,) = await broker.pull(1, 0.0)
        await one.done()
        for doing in (one.done(), one.again(1.0)):
            with pytest.raises(BrokerUnavailable):
                await doing
        assert (broker.in_hand, broker.handed_back) == ([], [])

    asyncio.run(test())


def test_waiting_ends_when_a_message_arrives() -> None:
    async def test() -> None:
        broker = MemoryBroker()
        waiting = asyncio.create_task(broker.pull(1, 30.0))
        await asyncio.sleep(0)
        await broker.publish(RAW, b"1")
        (one,) = await asyncio.wait_for(waiting, 5.0)
        assert isinstance(one, MemoryDelivery)
        await one.alive()
        assert one.kept_alive == 1
        await broker.check()

    asyncio.run(test())
