"""Broker URLs: what names a broker, and that no refusal repeats a password."""

from __future__ import annotations

import asyncio

import pytest

from symbolicate.services.brokers import MemoryBroker, check_broker_url, open_broker

NOT_ONE = "expected nats://HOST:PORT"


@pytest.mark.parametrize(
    "url", ["nats://h", "nats://h:4222", "nats://u:p@h:4222", "nats://[::1]:4222", "tls://h:1"]
)
def test_an_address_of_a_server_is_taken(url: str) -> None:
    check_broker_url(url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("kafka://u:hunter2@h", "Kafka is not built yet", id="kafka"),
        pytest.param("amqp://u:hunter2@h", f"broker amqp:…: {NOT_ONE}", id="another scheme"),
        pytest.param("u:hunter2@h:4222", f"broker: {NOT_ONE}", id="no scheme"),
        pytest.param("nats:u:hunter2@h:4222", f"broker: {NOT_ONE}", id="no slashes"),
        pytest.param("nats://", f"broker nats:…: {NOT_ONE}", id="no host"),
        pytest.param("nats://u:hunter2@", f"broker nats:…: {NOT_ONE}", id="only a user"),
        pytest.param("nats://u:hunter2@h:x", f"broker nats:…: {NOT_ONE}", id="port no number"),
        pytest.param("nats://u:hunter2@h:65536", f"broker nats:…: {NOT_ONE}", id="port too large"),
        pytest.param("nats://u:hunter2@[h", f"broker nats:…: {NOT_ONE}", id="half a bracket"),
    ],
)
def test_what_is_none_is_refused_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(ValueError) as raised:
        check_broker_url(url)
    assert sentence in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_the_broker_in_memory_is_one_of_its_own() -> None:
    async def test() -> None:
        one, other = await open_broker("memory://"), await open_broker("memory://")
        assert isinstance(one, MemoryBroker)
        assert one is not other

    asyncio.run(test())


def test_a_url_that_is_none_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(ValueError, match=NOT_ONE):
        asyncio.run(open_broker("nats://h:x"))
