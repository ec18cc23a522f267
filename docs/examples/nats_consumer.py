"""Takes `$exception` events from a JetStream stream of one's own and publishes their outcomes.

SYMBOLICATE_DATA_DIR=shop-data python nats_consumer.py nats://127.0.0.1:4222
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

import nats
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError
from nats.errors import TimeoutError as NothingCame
from nats.js import JetStreamContext

from symbolicate import AsyncSymbolicator, Outcome

TEAM_ID, BATCH, ALIVE_SECONDS, DELIVERIES = 1, 100, 10.0, 20
RAW, RESOLVED = "crashes.raw", "crashes.resolved"


async def main(url: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with AsyncSymbolicator() as symbolicator, await nats.connect(url) as client:
        streams = client.jetstream()
        for subject in (RAW, RESOLVED):
            name = subject.replace(".", "-")
            await streams.add_stream(name=name, subjects=[subject], duplicate_window=3600)
        queue = await streams.pull_subscribe(RAW, durable="symbolicate")
        print("ready", flush=True)
        while not stop.is_set():
            try:
                batch = await queue.fetch(BATCH, timeout=1)
            except NothingCame:
                continue
            alive = asyncio.create_task(keep_alive(batch))
            events = [decoded(message.data) for message in batch]
            outcomes = await symbolicator.process(TEAM_ID, events)
            triples = zip(batch, events, outcomes, strict=True)
            await asyncio.gather(*(answer(streams, *triple) for triple in triples))
            alive.cancel()


async def keep_alive(batch: list[Msg]) -> None:
    """Says within every ack wait (30 s) that the batch is still being worked on."""
    while True:
        await asyncio.sleep(ALIVE_SECONDS)
        await asyncio.gather(*(message.in_progress() for message in batch))


def decoded(data: bytes) -> Any:
    """Gives the event, or None, which is invalid."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


async def answer(streams: JetStreamContext, message: Msg, event: Any, outcome: Outcome) -> None:
    """Publishes an outcome and acknowledges after that, or asks for the event again."""
    deliveries = message.metadata.num_delivered
    if outcome.status == "retry" and deliveries < DELIVERIES:
        await message.nak(delay=min(5 * 2 ** (deliveries - 1), 120))
        return
    uuid = str(event.get("uuid") or "") if isinstance(event, dict) else ""
    plain = uuid.isascii() and uuid.isprintable() and len(uuid) <= 128
    headers = {"Nats-Msg-Id": uuid if uuid and plain else f"no-{message.metadata.sequence.stream}"}
    said = outcome.tagged()
    try:
        await streams.publish(RESOLVED, json.dumps(said).encode(), headers=headers)
    except MaxPayloadError:  # frames grow as they are resolved
        said |= {"event": None, "uuid": headers["Nats-Msg-Id"], "reason": "outcome_too_large"}
        await streams.publish(RESOLVED, json.dumps(said).encode(), headers=headers)
    await message.ack()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
