"""NATS JetStream, by a real server: the names that others rely on, and outages."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import nats
import pytest

from symbolicate.broker.broker import RAW, RESOLVED
from symbolicate.broker.nats import CONSUMER, NatsBroker
from symbolicate.errors import BrokerUnavailable

PATIENCE = 20.0


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about"
        await asyncio.sleep(0.02)


async def answers(broker: NatsBroker) -> bool:
    try:
        await broker.check()
    except BrokerUnavailable:
        return False
    return True


async def gone(broker: NatsBroker) -> bool:
    return not broker._client.is_connected


def test_the_streams_and_the_consumer_are_as_promised(nats_server: str) -> None:
    async def test() -> None:
        broker = await NatsBroker.connect(nats_server, ack_wait=7.0)
        await broker.prepare()
        await broker.pull(1, 0.1)
        streams = (client := await nats.connect(nats_server)).jetstream()
        raw, resolved, dead = [
            (await streams.stream_info(f"exceptions-{name}")).config
            for name in ("raw", "resolved", "dead")
        ]
        assert (raw.subjects, raw.retention) == (["exceptions.raw"], "workqueue")
        assert (resolved.subjects, resolved.retention) == (["exceptions.resolved"], "limits")
        assert (dead.subjects, dead.retention) == (["exceptions.dead"], "limits")
        assert resolved.duplicate_window == 3600
        assert {one.storage for one in (raw, resolved, dead)} == {"file"}
        consumer = (await streams.consumer_info("exceptions-raw", "symbolicate")).config
        assert (consumer.ack_policy, consumer.ack_wait, consumer.max_deliver) == ("explicit", 7, -1)
        await client.close()
        await broker.close()

    run(test())


def test_a_consumer_that_is_there_takes_the_ack_wait_of_the_last_who_pulls(
    nats_server: str,
) -> None:
    async def test() -> None:
        for seconds in (2.0, 9.0):
            broker = await NatsBroker.connect(nats_server, ack_wait=seconds)
            await broker.prepare()
            await broker.publish(RAW, b"kept")
            assert len(await broker.pull(1, 5.0)) == 1
            await broker.close()
        streams = (client := await nats.connect(nats_server)).jetstream()
        info = await streams.consumer_info("exceptions-raw", CONSUMER)
        assert info.config.ack_wait == 9
        assert info.num_ack_pending == 2
        await client.close()

    run(test())


def test_the_message_id_is_the_header_that_the_server_knows(nats_server: str) -> None:
    async def test() -> None:
        broker = await NatsBroker.connect(nats_server)
        await broker.prepare()
        await broker.publish(RESOLVED, b"{}", "the uuid")
        streams = (client := await nats.connect(nats_server)).jetstream()
        message = await streams.get_msg("exceptions-resolved", 1)
        assert message.headers == {"Nats-Msg-Id": "the uuid"}
        await client.close()
        await broker.close()

    run(test())


def test_a_message_that_is_said_to_be_alive_is_not_delivered_again(nats_server: str) -> None:
    async def test() -> None:
        broker = await NatsBroker.connect(nats_server, ack_wait=0.6)
        await broker.prepare()
        await broker.publish(RAW, b"slow")
        (one,) = await broker.pull(1, 5.0)
        for _ in range(8):
            assert await broker.pull(1, 0.2) == []
            await one.alive()
        assert [again.message.attempt for again in await broker.pull(1, 5.0)] == [2]
        await broker.close()

    run(test())


def test_nobody_at_the_address_is_said_soon_and_without_the_url() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"nats://user:hunter2@127.0.0.1:{probe.getsockname()[1]}"

        async def test() -> None:
            with pytest.raises(BrokerUnavailable) as raised:
                await NatsBroker.connect(url)
            assert "hunter2" not in str(raised.value)

        run(test())


def test_while_the_server_is_away_everything_says_so_and_goes_on_when_it_is_back(
    nats_server: str,
    stop_nats: Callable[[], None],
    start_nats_again: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "symbolicate.broker")
    monkeypatch.setattr("symbolicate.broker.nats.PUBLISH_SECONDS", 0.5)

    async def test() -> None:
        broker = await NatsBroker.connect(nats_server)
        await broker.prepare()
        await broker.publish(RAW, b"before")
        await asyncio.to_thread(stop_nats)
        assert not await answers(broker)
        with pytest.raises(BrokerUnavailable):
            await broker.publish(RAW, b"lost")
        with pytest.raises(BrokerUnavailable):
            await broker.prepare()
        await asyncio.to_thread(start_nats_again)
        await until(lambda: answers(broker))
        await broker.publish(RAW, b"after", "id")
        found = await broker.pull(10, 5.0)
        found += await broker.pull(10, 0.2)
        kept = {one.message.data for one in found}
        assert kept - {b"lost"} == {b"before", b"after"}
        await broker.close()

    run(test())
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "lost the connection to the broker; connecting again",
        "connected to the broker again",
    ]


def test_a_server_that_hangs_is_given_up_and_found_again(
    nats_process: tuple[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, server = nats_process
    monkeypatch.setattr("symbolicate.broker.nats.PING_SECONDS", 0.1)

    async def test() -> None:
        broker = await NatsBroker.connect(url)
        await broker.prepare()
        server.send_signal(signal.SIGSTOP)
        try:
            await until(lambda: gone(broker))
        finally:
            server.send_signal(signal.SIGCONT)
        await until(lambda: answers(broker))
        await broker.publish(RAW, b"after")
        await broker.close()

    run(test())


def test_closing_is_in_order_while_the_server_is_away(
    nats_server: str, stop_nats: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        broker = await NatsBroker.connect(nats_server)
        await broker.prepare()
        await asyncio.to_thread(stop_nats)
        await broker.close()

    run(test())
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_stream_of_others_over_our_subjects_is_named_as_the_reason(nats_server: str) -> None:
    async def test() -> None:
        client = await nats.connect(nats_server)
        await client.jetstream().add_stream(name="theirs", subjects=["exceptions.>"])
        broker = await NatsBroker.connect(nats_server)
        with pytest.raises(BrokerUnavailable, match="subjects overlap with an existing stream"):
            await broker.prepare()
        await broker.close()
        await client.close()

    run(test())


def test_a_server_without_streams_is_no_broker(
    nats_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        broker = await NatsBroker.connect(nats_server)
        monkeypatch.setattr(broker._streams, "_prefix", "$JS.nowhere.API")
        with pytest.raises(BrokerUnavailable):
            await broker.prepare()
        await broker.close()

    run(test())
