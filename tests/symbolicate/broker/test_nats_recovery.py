"""NATS JetStream after an outage: nothing is asked for twice, and what is gone is made again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import nats
import pytest

from symbolicate.broker.broker import RAW
from symbolicate.broker.nats import CONSUMER, NatsBroker
from symbolicate.errors import BrokerUnavailable

PATIENCE = 20.0


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


async def pulled_again(broker: NatsBroker, most: int) -> list[Any]:
    """Pulls until the broker answers with something."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        try:
            if found := await broker.pull(most, 0.2):
                return list(found)
        except BrokerUnavailable:
            await asyncio.sleep(0.05)
    raise AssertionError("nothing came")


async def unanswered(url: str) -> int:
    """Asks the server how many messages it waits for."""
    client = await nats.connect(url)
    info = await client.jetstream().consumer_info("exceptions-raw", CONSUMER)
    await client.close()
    return info.num_ack_pending or 0


def test_pulls_during_an_outage_are_not_answered_after_it(
    nats_server: str, stop_nats: Callable[[], None], start_nats_again: Callable[[], None]
) -> None:
    async def test() -> None:
        broker = await NatsBroker.connect(nats_server)
        await broker.prepare()
        assert await broker.pull(10, 0.1) == []
        for _ in range(60):
            await broker.publish(RAW, b"{}")
        await asyncio.to_thread(stop_nats)
        for _ in range(4):
            with pytest.raises(BrokerUnavailable):
                await broker.pull(10, 5.0)
        await asyncio.to_thread(start_nats_again)
        assert len(await pulled_again(broker, 10)) == 10
        await broker.check()
        assert await unanswered(nats_server) == 10
        await broker.close()

    run(test())


def test_streams_and_consumer_that_a_server_lost_are_made_again(
    nats_server: str,
    stop_nats: Callable[[], None],
    start_nats_again: Callable[[], None],
    tmp_path: Path,
) -> None:
    async def test() -> None:
        broker = await NatsBroker.connect(nats_server)
        await broker.prepare()
        assert await broker.pull(10, 0.1) == []
        await asyncio.to_thread(stop_nats)
        shutil.rmtree(tmp_path / "nats")
        await asyncio.to_thread(start_nats_again)
        pulling = asyncio.create_task(pulled_again(broker, 10))
        publisher = await NatsBroker.connect(nats_server)
        while not pulling.done():
            try:
                await publisher.publish(RAW, b"new")
            except BrokerUnavailable:
                await asyncio.sleep(0.05)
        assert {one.message.data for one in pulling.result()} == {b"new"}
        await publisher.close()
        await broker.close()

    run(test())


def test_a_connection_that_is_closed_for_good_is_no_outage(nats_server: str) -> None:
    async def test() -> None:
        broker = await NatsBroker.connect(nats_server)
        await broker.prepare()
        await broker.close()
        with pytest.raises(RuntimeError, match="closed the connection for good"):
            await broker.pull(1, 0.1)

    run(test())
