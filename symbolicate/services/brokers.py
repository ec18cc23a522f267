"""Brokers as programs use them: opened by URL, whichever kind it names."""

from __future__ import annotations

from symbolicate.broker.broker import DEAD as DEAD
from symbolicate.broker.broker import RAW as RAW
from symbolicate.broker.broker import RESOLVED as RESOLVED
from symbolicate.broker.broker import Broker as Broker
from symbolicate.broker.broker import Delivery as Delivery
from symbolicate.broker.broker import Message as Message
from symbolicate.broker.memory import MemoryBroker

MAX_ACK_WAIT = 30.0


async def open_broker(url: str, *, ack_wait: float = MAX_ACK_WAIT) -> Broker:
    """Connects to `nats://…`; `memory://` is one of its own, gone when it closes.

    Raises ValueError for another kind of URL, `BrokerUnavailable` if nobody answers.
    """
    check_broker_url(url)
    if url.startswith("memory:"):
        return MemoryBroker()
    from symbolicate.broker.nats import NatsBroker

    return await NatsBroker.connect(url, ack_wait=ack_wait)


def check_broker_url(url: str) -> None:
    """Raises ValueError unless the URL names a broker; its text repeats only the scheme."""
    scheme, _, rest = url.partition("://")
    if scheme == "kafka":
        raise ValueError("kafka://…: Kafka is not built yet, use nats://HOST:PORT")
    if scheme not in ("nats", "tls", "memory") or (scheme != "memory" and not rest):
        raise ValueError(f"broker {scheme}:…: expected nats://HOST:PORT")
