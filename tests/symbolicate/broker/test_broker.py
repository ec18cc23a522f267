"""What the worker and the API may rely on, of every broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from symbolicate.broker.broker import DEAD, RAW, RESOLVED, Broker, Delivery
from symbolicate.broker.memory import MemoryBroker
from symbolicate.services.brokers import open_broker

ACK_WAIT = 0.5
PATIENCE = 10.0

Run = Callable[[Callable[[Broker], Awaitable[None]]], None]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Broker]:
    broker = await open_broker(url, ack_wait=ACK_WAIT)
    try:
        await broker.prepare()
        yield broker
    finally:
        await broker.close()


@pytest.fixture(params=["memory", "nats"])
def run(request: pytest.FixtureRequest) -> Run:
    """Gives a function that runs a test with a new, empty broker of each kind."""
    kind = request.param
    url = "memory://" if kind == "memory" else request.getfixturevalue("nats_server")

    async def with_broker(test: Callable[[Broker], Awaitable[None]]) -> None:
        async with opened(url) as broker:
            await test(broker)

    return lambda test: asyncio.run(asyncio.wait_for(with_broker(test), 60))


async def pulled(broker: Broker, most: int = 10) -> list[Delivery]:
    """Pulls until there is something."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not (found := await broker.pull(most, 0.2)):
        assert asyncio.get_running_loop().time() < deadline, "nothing came"
    return found


def data(deliveries: list[Delivery]) -> list[bytes]:
    return [one.message.data for one in deliveries]


def body(team_id: int, n: int) -> bytes:
    return b'{"team_id": %d, "n": %d}' % (team_id, n)


async def left_after_an_ack_wait(broker: Broker) -> None:
    """Lets the broker take back what nobody answered."""
    if isinstance(broker, MemoryBroker):
        broker.redeliver()


def test_messages_come_in_order_and_no_more_than_asked_for(run: Run) -> None:
    async def test(broker: Broker) -> None:
        for body in (b"1", b"2", b"3"):
            await broker.publish(RAW, body)
        first = await pulled(broker, 2)
        assert data(first) == [b"1", b"2"]
        assert data(await pulled(broker, 2)) == [b"3"]
        assert [one.message.attempt for one in first] == [1, 1]
        assert len({one.message.place for one in first}) == 2

    run(test)


def test_an_empty_queue_gives_nothing_once_the_seconds_are_over(run: Run) -> None:
    async def test(broker: Broker) -> None:
        assert await broker.pull(10, 0.2) == []

    run(test)


def test_what_is_done_never_comes_again(run: Run) -> None:
    async def test(broker: Broker) -> None:
        await broker.publish(RAW, b"1")
        (one,) = await pulled(broker)
        await one.done()
        await left_after_an_ack_wait(broker)
        assert await broker.pull(10, 2 * ACK_WAIT) == []

    run(test)


def test_what_nobody_answers_comes_again_and_says_so(run: Run) -> None:
    async def test(broker: Broker) -> None:
        await broker.publish(RAW, b"1")
        (one,) = await pulled(broker)
        await left_after_an_ack_wait(broker)
        (again,) = await pulled(broker)
        assert (again.message.data, again.message.attempt) == (b"1", 2)
        assert again.message.place == one.message.place

    run(test)


def test_what_is_handed_back_comes_again_no_sooner_than_asked(run: Run) -> None:
    async def test(broker: Broker) -> None:
        clock = asyncio.get_running_loop().time
        await broker.publish(RAW, b"1")
        (one,) = await pulled(broker)
        began = clock()
        await one.again(0.3)
        (again,) = await pulled(broker)
        assert clock() - began >= 0.29
        assert again.message.attempt == 2
        assert again.message.age >= 0.29
        await again.again(0.0)
        assert [one.message.attempt for one in await pulled(broker)] == [3]

    run(test)


def test_an_id_that_was_published_before_is_dropped_for_its_subject_alone(run: Run) -> None:
    async def test(broker: Broker) -> None:
        await broker.publish(RESOLVED, body(7, 0), "id", 7)
        for _ in range(2):
            await broker.publish(RAW, b"of no team", "of no team")
        for n, name in enumerate(("id", "id", "another", None)):
            await broker.publish(RAW, body(7, n), name, 7)
        found = await pulled(broker)
        while len(found) < 4:
            found += await pulled(broker)
        assert data(found) == [b"of no team", body(7, 0), body(7, 2), body(7, 3)]

    run(test)


def test_two_teams_may_use_the_same_id_and_each_is_dropped_for_itself(run: Run) -> None:
    async def test(broker: Broker) -> None:
        for n, team_id in enumerate((7, 8, 7, 8, 9, 9)):
            await broker.publish(RAW, body(team_id, n), "id", team_id)
        found = await pulled(broker)
        while len(found) < 3:
            found += await pulled(broker)
        assert data(found) == [body(7, 0), body(8, 1), body(9, 4)]
        assert await broker.pull(10, 0.2) == []

    run(test)


def test_only_raw_messages_are_pulled(run: Run) -> None:
    async def test(broker: Broker) -> None:
        await broker.publish(RESOLVED, b"out")
        await broker.publish(DEAD, b"dead")
        assert await broker.pull(10, 0.2) == []

    run(test)


def test_a_message_that_is_longer_than_the_broker_takes_is_refused(run: Run) -> None:
    async def test(broker: Broker) -> None:
        await broker.publish(DEAD, b"x" * (broker.max_payload - 1024))
        with pytest.raises(ValueError, match="longer than the broker takes"):
            await broker.publish(DEAD, b"x" * (broker.max_payload + 1))

    run(test)


def test_any_bytes_pass_unchanged(run: Run) -> None:
    every: Any = bytes(range(256)), b"", b"\r\n\r\n"

    async def test(broker: Broker) -> None:
        for body in every:
            await broker.publish(RAW, body)
        found = await pulled(broker)
        while len(found) < len(every):
            found += await pulled(broker)
        assert data(found) == list(every)

    run(test)


def test_streams_that_are_there_are_left_alone(run: Run) -> None:
    async def test(broker: Broker) -> None:
        await broker.publish(RAW, b"1")
        await broker.prepare()
        await broker.check()
        assert data(await pulled(broker)) == [b"1"]

    run(test)
