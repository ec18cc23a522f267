"""NATS JetStream: a work queue of raw events, and streams of what became of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, PubAck, RetentionPolicy, StreamConfig
from nats.js.errors import APIError, NotFoundError

from symbolicate.broker.broker import DEAD, RAW, RESOLVED, Delivery, Message
from symbolicate.clock import Clock, system_clock
from symbolicate.errors import BrokerUnavailable
from symbolicate.json_text import NotJson, decode

CONSUMER = "symbolicate"
DUPLICATE_SECONDS = 3600.0
CONNECT_SECONDS = 3
RECONNECT_SECONDS = 1
PING_SECONDS = 5
"""A server that does not answer three pings in a row is gone."""
PUBLISH_SECONDS = 5.0
MAX_UNANSWERED = 10_000
_MESSAGE_ID = "Nats-Msg-Id"

STREAMS = (
    StreamConfig(name="exceptions-raw", subjects=[RAW], retention=RetentionPolicy.WORK_QUEUE),
    StreamConfig(
        name="exceptions-resolved", subjects=[RESOLVED], duplicate_window=DUPLICATE_SECONDS
    ),
    StreamConfig(name="exceptions-dead", subjects=[DEAD]),
)

T = TypeVar("T")
_log = logging.getLogger("symbolicate.broker")


class NatsBroker:
    """One connection; it reconnects by itself for as long as it is open."""

    def __init__(self, client: Client, notes: _Notes, *, ack_wait: float, clock: Clock) -> None:
        self._client = client
        self._notes = notes
        self._streams = client.jetstream(timeout=PUBLISH_SECONDS)
        self._ack_wait = ack_wait
        self._clock = clock
        self._queue: JetStreamContext.PullSubscription | None = None

    @classmethod
    async def connect(
        cls, url: str, *, ack_wait: float = 30.0, clock: Clock = system_clock
    ) -> NatsBroker:
        """Connects to a server, or raises `BrokerUnavailable` without repeating its URL."""
        client, notes = Client(), _Notes()
        connecting = client.connect(
            url,
            name="symbolicate",
            connect_timeout=CONNECT_SECONDS,
            reconnect_time_wait=RECONNECT_SECONDS,
            ping_interval=PING_SECONDS,
            max_reconnect_attempts=-1,
            error_cb=notes.error,
            disconnected_cb=notes.loss,
            reconnected_cb=notes.back,
        )
        try:
            # The client tries for ever, which is right only once it was connected.
            await asyncio.wait_for(nats_errors(connecting), CONNECT_SECONDS)
        except (BrokerUnavailable, TimeoutError) as error:
            await client.close()
            raise BrokerUnavailable("no NATS server answers") from error
        notes.connected = True
        return cls(client, notes, ack_wait=ack_wait, clock=clock)

    @property
    def max_payload(self) -> int:
        """The bytes of the longest message that the server takes."""
        return self._client.max_payload

    async def prepare(self) -> None:
        """Makes the streams that are absent; leaves alone what is there."""
        for config in STREAMS:
            await nats_errors(self._add(config))

    async def publish(
        self,
        subject: str,
        data: bytes,
        message_id: str | None = None,
        team_id: int | None = None,
    ) -> None:
        """Publishes a message; returns with the server's acknowledgement.

        The server drops what bears an id that it knows, whoever sent it. Where that was not, for
        all that can be seen, the same team's, the message goes out under `team_id:message_id`.
        """
        headers = None if message_id is None else {_MESSAGE_ID: message_id}
        stored = await nats_errors(self._streams.publish(subject, data, headers=headers))
        if team_id is None or not stored.duplicate:
            return
        if not await nats_errors(self._is_of(team_id, stored)):
            headers = {_MESSAGE_ID: f"{team_id}:{message_id}"}
            await nats_errors(self._streams.publish(subject, data, headers=headers))

    async def pull(self, most: int, seconds: float) -> list[Delivery]:
        """Gives at most so many raw messages, waiting so long for the first; one call at a time.

        The first pull makes the consumer, or gives the one that is there this ack wait. Raises
        RuntimeError when the server has closed the connection for good.
        """
        if self._client.is_closed:
            raise RuntimeError("the broker closed the connection for good")
        if not self._client.is_connected:
            # The client would keep each request, and send all of them when it is back.
            raise BrokerUnavailable("not connected")
        if self._queue is None:
            self._queue = await nats_errors(self._subscribed())
        try:
            fetched = await self._queue.fetch(most, timeout=seconds)
        except TimeoutError:
            return []
        except (Error, OSError) as error:
            await self._forget_queue(self._queue)
            raise BrokerUnavailable(type(error).__name__) from error
        return [NatsDelivery(one, self._clock) for one in fetched]

    async def check(self) -> None:
        """Raises `BrokerUnavailable` unless the server answers."""
        if not self._client.is_connected:
            raise BrokerUnavailable("not connected")
        await nats_errors(self._client.flush(timeout=CONNECT_SECONDS))

    async def close(self) -> None:
        """Ends the connection."""
        self._notes.connected = False
        try:
            await self._client.close()
        except (Error, OSError, RuntimeError) as error:
            # Whatever waits for a server that is away cannot be sent any more.
            _log.debug("closing the broker connection: %s", type(error).__name__)

    async def _is_of(self, team_id: int, stored: PubAck) -> bool:
        """Tells whether a message in a stream is seen to be of a team; it may be gone by now."""
        try:
            message = await self._streams.get_msg(stored.stream, stored.seq)
            body = decode(message.data or b"")
        except (NotFoundError, NotJson):
            return False
        return isinstance(body, dict) and body.get("team_id") == team_id

    async def _add(self, config: StreamConfig) -> None:
        try:
            await self._streams.stream_info(str(config.name))
        except NotFoundError:
            await self._streams.add_stream(config)

    async def _forget_queue(self, queue: JetStreamContext.PullSubscription) -> None:
        """Lets the next pull make what it needs again: a server may have lost what it had."""
        self._queue = None
        with suppress(Error, OSError):
            await queue.unsubscribe()

    async def _subscribed(self) -> JetStreamContext.PullSubscription:
        await self.prepare()
        config = ConsumerConfig(
            durable_name=CONSUMER,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait,
            max_deliver=-1,
            max_ack_pending=MAX_UNANSWERED,
        )
        stream = str(STREAMS[0].name)
        await self._streams.add_consumer(stream, config)
        return await self._streams.pull_subscribe_bind(CONSUMER, stream)


class NatsDelivery:
    """A message of the work queue."""

    def __init__(self, raw: Msg, clock: Clock) -> None:
        self._raw = raw
        published: datetime = raw.metadata.timestamp
        age = (clock() - published).total_seconds()
        # A stream that is made anew counts from 1 again.
        place = f"{raw.metadata.sequence.stream}-{published.timestamp()}"
        self.message = Message(raw.data, raw.metadata.num_delivered, max(0.0, age), place)

    async def done(self) -> None:
        """Acknowledges the message."""
        await nats_errors(self._raw.ack())

    async def again(self, seconds: float) -> None:
        """Refuses the message for a while."""
        await nats_errors(self._raw.nak(delay=seconds or None))

    async def alive(self) -> None:
        """Asks for another ack wait."""
        await nats_errors(self._raw.in_progress())


async def nats_errors(waiting: Awaitable[T]) -> T:
    """Awaits a call of the client and gives its errors our name."""
    try:
        return await waiting
    except MaxPayloadError as error:
        raise ValueError("the message is longer than the broker takes") from error
    except APIError as error:
        raise BrokerUnavailable(f"{type(error).__name__}: {error.description}") from error
    except (Error, OSError) as error:
        raise BrokerUnavailable(type(error).__name__) from error


class _Notes:
    """What of the client's reports is logged: the loss of a connection that there was."""

    def __init__(self) -> None:
        self.connected = False

    async def error(self, error: Exception) -> None:
        """Takes what is reported over and over while the client reconnects."""
        _log.debug("broker connection: %s", type(error).__name__)

    async def loss(self) -> None:
        """Takes that the connection is gone, or never came to be."""
        if self.connected:
            _log.warning("lost the connection to the broker; connecting again")

    async def back(self) -> None:
        """Takes that the connection is there again."""
        _log.info("connected to the broker again")
