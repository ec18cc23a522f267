"""Captured events handed to a broker, for workers to resolve."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from symbolicate.errors import BrokerUnavailable
from symbolicate.json_text import encode
from symbolicate.metrics import Metrics
from symbolicate.outcome import Outcome
from symbolicate.services.brokers import HEADER_BYTES, RAW, Broker, is_message_id, open_broker

PUBLISH_SECONDS = 10.0

_QUEUED = Outcome("ok")
_RETRY = Outcome("retry", "dependency_unavailable")
_INVALID = Outcome("invalid", "invalid_properties")
_TOO_LARGE = Outcome("invalid", "event_too_large")


class Publisher:
    """Publishes events from threads over one connection that lives on the server's loop."""

    def __init__(self, broker: Broker, metrics: Metrics) -> None:
        self._broker = broker
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, url: str, metrics: Metrics) -> Publisher:
        """Connects, and makes the streams that are absent; raises `BrokerUnavailable`."""
        broker = await open_broker(url)
        await broker.prepare()
        return cls(broker, metrics)

    def publish(self, team_id: int, events: Sequence[Any]) -> list[Outcome]:
        """Gives one outcome per event, in order: `ok` once the broker has it on disk.

        Must not be called on the loop.
        """
        publishing = asyncio.run_coroutine_threadsafe(
            self._publish_all(team_id, events), self._loop
        )
        try:
            outcomes = publishing.result(PUBLISH_SECONDS)
        except TimeoutError:
            publishing.cancel()
            outcomes = [_RETRY] * len(events)
        for outcome in outcomes:
            status = "queued" if outcome is _QUEUED else outcome.status
            self._metrics.count("symbolicate_events_total", outcome=status)
        return outcomes

    async def check(self) -> None:
        """Raises `BrokerUnavailable` unless the broker answers."""
        await self._broker.check()

    async def close(self) -> None:
        """Ends the connection."""
        await self._broker.close()

    async def _publish_all(self, team_id: int, events: Sequence[Any]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._publish(team_id, event) for event in events)))

    async def _publish(self, team_id: int, event: Any) -> Outcome:
        uuid = event.get("uuid") if isinstance(event, dict) else None
        if not is_message_id(uuid):
            return _INVALID
        data = encode({**event, "team_id": team_id})
        if len(data) + HEADER_BYTES > self._broker.max_payload:
            return _TOO_LARGE
        try:
            await self._broker.publish(RAW, data, uuid, team_id)
        except BrokerUnavailable:
            return _RETRY
        return _QUEUED
