"""What the worker and the API ask of a broker, whichever it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

RAW = "exceptions.raw"
RESOLVED = "exceptions.resolved"
DEAD = "exceptions.dead"

HEADER_BYTES = 1024
"""Room for what a broker adds to a message."""

_MESSAGE_ID = re.compile(r"[!-~]{1,128}")


def is_message_id(value: object) -> bool:
    """Tells whether a value may name a message: it becomes a header, so it is short and plain."""
    return isinstance(value, str) and _MESSAGE_ID.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: `attempt` counts its deliveries from 1, `age` its seconds so far.

    `place` names it among all that were ever queued; empty where nobody needs to know.
    """

    data: bytes
    attempt: int = 1
    age: float = 0.0
    place: str = ""


class Delivery(Protocol):
    """A message in hand, to be answered exactly once."""

    @property
    def message(self) -> Message:
        """The message."""
        ...

    async def done(self) -> None:
        """Takes the message off the queue for good."""
        ...

    async def again(self, seconds: float) -> None:
        """Hands the message back, to be delivered again no sooner than in so many seconds."""
        ...

    async def alive(self) -> None:
        """Tells that the message is still being worked on."""
        ...


class Broker(Protocol):
    """At least once: what is not answered, by whatever dies, is delivered again.

    Every method raises `BrokerUnavailable` while the broker is out of reach.
    """

    @property
    def max_payload(self) -> int:
        """The bytes of the longest message that may be published."""
        ...

    async def prepare(self) -> None:
        """Makes the queues that are absent."""
        ...

    async def publish(
        self,
        subject: str,
        data: bytes,
        message_id: str | None = None,
        team_id: int | None = None,
    ) -> None:
        """Publishes a message; returns once the broker has it on disk.

        A message whose id was published to the subject a moment ago (resolved ones: within the
        hour) is dropped. With a team, only if that one was of the same: its body, as this one's,
        says so in `team_id`.
        """
        ...

    async def pull(self, most: int, seconds: float) -> list[Delivery]:
        """Gives at most so many raw messages, waiting so long for the first; one call at a time."""
        ...

    async def check(self) -> None:
        """Raises `BrokerUnavailable` unless the broker answers."""
        ...

    async def close(self) -> None:
        """Ends the connection; what is in hand goes back by itself."""
        ...
