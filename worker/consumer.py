"""The consumer: batches out of a broker, into threads, and what became of them back."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from symbolicate.errors import BrokerUnavailable
from symbolicate.services.brokers import DEAD, RESOLVED, Broker, Delivery

from .handler import Handler, Reply, handed_back_seconds

PULL_SECONDS = 1.0
AWAY_SECONDS = 1.0
ALIVE_SECONDS = 600.0
"""A batch that is in hand for longer hangs: the broker is left to deliver it elsewhere."""

_log = logging.getLogger("symbolicate.worker")


class Consumer:
    """Pulls and answers until it is told to stop.

    A message is taken off the queue only after the broker has everything that it caused; one that
    cannot be answered is left, and comes again by itself.
    """

    def __init__(
        self, broker: Broker, handler: Handler, *, batch: int, slots: int, ack_wait: float
    ) -> None:
        self._broker = broker
        self._handler = handler
        self._batch = batch
        self._slots = slots
        self._alive_every = ack_wait / 3
        self._stop = asyncio.Event()
        self._pulling = asyncio.Lock()
        self._away = False
        self._threads = ThreadPoolExecutor(slots, "symbolicate-worker")
        self._in_hand: set[Delivery] = set()

    def stop(self) -> None:
        """Pulls no more; what is in hand is finished first."""
        self._stop.set()

    async def run(self) -> None:
        """Works until stopped, whatever happens to the broker meanwhile."""
        await asyncio.gather(*(self._slot() for _ in range(self._slots)))

    async def release(self) -> None:
        """Hands back at once what is still in hand."""
        while self._in_hand:
            await _attempted(self._in_hand.pop().again(0.0))

    def close(self) -> None:
        """Ends the threads; what they do is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _slot(self) -> None:
        while not self._stop.is_set():
            if deliveries := await self._pulled():
                await self._work(deliveries)

    async def _pulled(self) -> Sequence[Delivery]:
        """Takes the next batch; what comes after the stop is handed back at once.

        One slot at a time does, so that no slot waits for a batch that another one holds.
        """
        async with self._pulling:
            if self._stop.is_set():
                return []
            try:
                deliveries = await self._broker.pull(self._batch, PULL_SECONDS)
            except BrokerUnavailable as error:
                if not self._away:
                    _log.warning("broker out of reach: %s", error)
                self._away = True
                await self._pause(AWAY_SECONDS)
                return []
        self._away = False
        if not self._stop.is_set():
            return deliveries
        for delivery in deliveries:
            await _attempted(delivery.again(0.0))
        return []

    async def _work(self, deliveries: Sequence[Delivery]) -> None:
        self._in_hand.update(deliveries)
        keeping = asyncio.create_task(self._keep_alive(deliveries))
        try:
            left = await self._answered(deliveries)
        except Exception:
            _log.exception("a batch of %d messages is left for another delivery", len(deliveries))
        else:
            if left:
                _log.warning("%d messages will come again: the broker did not take all", left)
        finally:
            keeping.cancel()
            self._in_hand.difference_update(deliveries)

    async def _answered(self, deliveries: Sequence[Delivery]) -> int:
        """Answers a batch, each message as soon as its reply is known; gives how many were left."""
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Task[bool]] = []

        def begin(place: int, reply: Reply) -> None:
            answers.append(asyncio.create_task(self._answer(deliveries[place], reply)))

        def answer(place: int, reply: Reply) -> None:
            loop.call_soon_threadsafe(begin, place, reply)

        messages = [delivery.message for delivery in deliveries]
        try:
            await loop.run_in_executor(self._threads, self._handler.handle, messages, answer)
        finally:
            # The last answers were begun by callbacks that stood in line before the end's.
            answered = await asyncio.gather(*answers, return_exceptions=True)
        for failure in answered:
            if isinstance(failure, Exception):
                raise failure
        return answered.count(False)

    async def _answer(self, delivery: Delivery, reply: Reply) -> bool:
        """Does what a reply says; if that fails, the message is to come again."""
        try:
            if reply.resolved is not None:
                await self._broker.publish(
                    RESOLVED, reply.resolved, reply.message_id, reply.team_id
                )
            if reply.dead is not None:
                await self._broker.publish(DEAD, reply.dead, reply.message_id)
            if reply.again_after is None:
                await delivery.done()
            else:
                await delivery.again(reply.again_after)
        except BrokerUnavailable as error:
            _log.debug("a message was not answered: %s", error)
            await _attempted(delivery.again(handed_back_seconds(delivery.message.attempt)))
            return False
        finally:
            self._in_hand.discard(delivery)
        return True

    async def _keep_alive(self, deliveries: Sequence[Delivery]) -> None:
        for _ in range(math.ceil(ALIVE_SECONDS / self._alive_every)):
            await asyncio.sleep(self._alive_every)
            for delivery in deliveries:
                if delivery in self._in_hand:
                    await _attempted(delivery.alive())
        _log.error("a batch of %d messages hangs; they will come again", len(deliveries))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)


async def _attempted(doing: Awaitable[None]) -> None:
    """Awaits what is only a courtesy to the broker."""
    with suppress(BrokerUnavailable):
        await doing
