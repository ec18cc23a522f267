"""Batches that take longer than the broker waits, or never end, beside a real NATS server."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from symbolicate.broker.nats import CONSUMER
from symbolicate.services.brokers import RAW, Message, open_broker
from symbolicate_worker.consumer import Consumer
from symbolicate_worker.handler import Answer, Reply

if TYPE_CHECKING:
    from tests.worker.conftest import Made

PATIENCE = 30.0
ACK_WAIT = 1.0

T = TypeVar("T")


class Slow:
    """Stands for a handler that takes its time for every batch."""

    def __init__(self, seconds: float) -> None:
        self.attempts: list[int] = []
        self._seconds = seconds
        self._go_on = threading.Event()

    def go_on(self) -> None:
        """Lets it take no more time."""
        self._go_on.set()

    def handle(self, messages: Sequence[Message], answer: Answer) -> None:
        self.attempts += [message.attempt for message in messages]
        self._go_on.wait(self._seconds)
        for place, message in enumerate(messages):
            answer(place, Reply(resolved=message.data, message_id=message.data.decode()))


def asked(url: str, doing: Callable[[JetStreamContext], Awaitable[T]]) -> T:
    """Asks the server something over a connection of its own."""

    async def connected() -> T:
        client = await nats.connect(url)
        try:
            return await doing(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(asyncio.wait_for(connected(), PATIENCE))


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.02)


def test_a_batch_that_takes_longer_than_the_ack_wait_is_not_delivered_again(
    nats_server: str,
) -> None:
    handler: Any = Slow(2.5 * ACK_WAIT)

    async def test() -> None:
        broker = await open_broker(nats_server, ack_wait=ACK_WAIT)
        await broker.prepare()
        for body in (b"1", b"2", b"3"):
            await broker.publish(RAW, body)
        # The second slot would be handed what the first one holds.
        consumer = Consumer(broker, handler, batch=100, slots=2, ack_wait=ACK_WAIT)
        working = asyncio.create_task(consumer.run())
        streams = (client := await nats.connect(nats_server)).jetstream()
        while (await streams.stream_info("exceptions-raw")).state.messages:
            await asyncio.sleep(0.02)
        consumer.stop()
        await working
        consumer.close()
        assert (await streams.stream_info("exceptions-resolved")).state.messages == 3
        await client.close()
        await broker.close()

    asyncio.run(asyncio.wait_for(test(), PATIENCE))
    assert handler.attempts == [1, 1, 1]


def test_a_batch_that_never_ends_is_delivered_again_and_its_late_answers_do_no_harm(
    nats_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate_worker.consumer.ALIVE_SECONDS", 2 * ACK_WAIT)
    hangs, works = Slow(PATIENCE), Slow(0.0)
    attempts = [hangs.attempts, works.attempts]

    async def test() -> None:
        broker = await open_broker(nats_server, ack_wait=ACK_WAIT)
        await broker.prepare()
        await broker.publish(RAW, b'{"team_id":0}')
        consumers = []
        for handler in (hangs, works):
            one = Consumer(broker, cast(Any, handler), batch=1, slots=1, ack_wait=ACK_WAIT)
            consumers.append((one, asyncio.create_task(one.run())))
            while not handler.attempts:
                await asyncio.sleep(0.02)
        streams = (client := await nats.connect(nats_server)).jetstream()
        while (await streams.stream_info("exceptions-raw")).state.messages:
            await asyncio.sleep(0.02)
        hangs.go_on()
        for one, working in consumers:
            one.stop()
            await working
            one.close()
        assert (await streams.stream_info("exceptions-resolved")).state.messages == 1
        await client.close()
        await broker.close()

    asyncio.run(asyncio.wait_for(test(), PATIENCE))
    assert attempts == [[1], [2]]


def test_a_worker_that_hangs_in_its_database_ends_in_time_and_hands_back_what_it_holds(
    nats_server: str, tmp_path: Path, make: type[Made]
) -> None:
    command = [sys.executable, "-m", "symbolicate_worker", "--data-dir", str(tmp_path / "data")]
    with (tmp_path / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--broker", nats_server],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={k: v for k, v in os.environ.items() if not k.startswith("SYMBOLICATE_")},
        )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n", (tmp_path / "worker.log").read_text()
        with closing(sqlite3.connect(tmp_path / "data" / "symbolicate.db")) as holder:
            holder.execute("BEGIN IMMEDIATE")
            asked(nats_server, lambda s: s.publish(RAW, json.dumps(make.event("a")).encode()))
            wait_until(lambda: unanswered(nats_server) == 1)
            process.terminate()
            began = time.monotonic()
            assert process.wait(20) == 0
            assert time.monotonic() - began < 10
        assert redelivered(nats_server) == [2]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def unanswered(url: str) -> int:
    async def counted(streams: JetStreamContext) -> int:
        try:
            info = await streams.consumer_info("exceptions-raw", CONSUMER)
        except NotFoundError:
            return 0  # the worker has not pulled yet
        return info.num_ack_pending or 0

    return asked(url, counted)


def redelivered(url: str) -> list[int]:
    """Pulls as the next worker does, for a second; gives the attempts."""

    async def pulled(streams: JetStreamContext) -> list[int]:
        queue = await streams.pull_subscribe_bind(CONSUMER, "exceptions-raw")
        return [one.metadata.num_delivered for one in await queue.fetch(10, timeout=1.0)]

    return asked(url, pulled)
