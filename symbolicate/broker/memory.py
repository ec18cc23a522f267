"""A broker in memory, for tests: what NATS does, without its server."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import replace

from symbolicate.broker.broker import RAW, Delivery, Message
from symbolicate.errors import BrokerUnavailable


class MemoryBroker:
    """Keeps messages in this process.

    `away` makes every call fail as an outage does, and a subject in `refused` only the publishing
    to it. What is neither answered nor handed back stays `in_hand` until `redeliver`, which does
    at once what the end of an ack wait does.
    """

    def __init__(self, *, max_payload: int = 1_048_576) -> None:
        self.max_payload = max_payload
        self.away = False
        self.refused: set[str] = set()
        self.published: dict[str, list[bytes]] = defaultdict(list)
        self.handed_back: list[float] = []
        self.in_hand: list[MemoryDelivery] = []
        self._seen: set[tuple[str, int | None, str]] = set()
        self._queue: deque[Message] = deque()
        self._arrived = asyncio.Event()

    async def prepare(self) -> None:
        """Has nothing to make."""
        self.answer()

    async def publish(
        self,
        subject: str,
        data: bytes,
        message_id: str | None = None,
        team_id: int | None = None,
    ) -> None:
        """Keeps a message, unless its id was published to the subject for its team before."""
        self.answer()
        if subject in self.refused:
            raise BrokerUnavailable(f"{subject} is refused")
        if len(data) > self.max_payload:
            raise ValueError("the message is longer than the broker takes")
        if message_id is not None:
            if (subject, team_id, message_id) in self._seen:
                return
            self._seen.add((subject, team_id, message_id))
        self.published[subject].append(data)
        if subject == RAW:
            self.put(Message(data, place=str(len(self.published[RAW]))))

    async def pull(self, most: int, seconds: float) -> list[Delivery]:
        """Gives at most so many raw messages, waiting so long for the first."""
        self.answer()
        if not self._queue:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), seconds)
            except TimeoutError:
                return []
        messages = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        taken = [MemoryDelivery(self, message) for message in messages]
        self.in_hand += taken
        return list(taken)

    async def check(self) -> None:
        """Raises `BrokerUnavailable` while it is away."""
        self.answer()

    async def close(self) -> None:
        """Keeps what it has, to be looked at."""

    def put(self, message: Message) -> None:
        """Lets a message be pulled."""
        self._queue.append(message)
        self._arrived.set()

    def redeliver(self) -> None:
        """Lets everything in hand be pulled again."""
        taken, self.in_hand = self.in_hand, []
        for delivery in taken:
            self.put(delivery.next())

    def answer(self) -> None:
        """Raises `BrokerUnavailable` while it is away."""
        if self.away:
            raise BrokerUnavailable("the broker is away")


class MemoryDelivery:
    """A message in hand."""

    def __init__(self, broker: MemoryBroker, message: Message) -> None:
        self._broker = broker
        self.message = message
        self.kept_alive = 0

    async def done(self) -> None:
        """Takes the message off for good."""
        self._give_up()

    async def again(self, seconds: float) -> None:
        """Puts the message back after so many seconds."""
        self._give_up()
        self._broker.handed_back.append(seconds)
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, self._broker.put, self.next(seconds))

    async def alive(self) -> None:
        """Notes that somebody works on it."""
        self._broker.answer()
        self.kept_alive += 1

    def next(self, seconds: float = 0.0) -> Message:
        """Gives the message as it is delivered the next time."""
        message = self.message
        return replace(message, attempt=message.attempt + 1, age=message.age + seconds)

    def _give_up(self) -> None:
        self._broker.answer()
        if self not in self._broker.in_hand:
            raise BrokerUnavailable("the message was answered before")
        self._broker.in_hand.remove(self)
