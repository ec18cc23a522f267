"""Brokers as programs use them: opened by URL, whichever kind it names."""

from __future__ import annotations

from urllib.parse import urlsplit

from symbolicate.broker.broker import DEAD as DEAD
from symbolicate.broker.broker import HEADER_BYTES as HEADER_BYTES
from symbolicate.broker.broker import RAW as RAW
from symbolicate.broker.broker import RESOLVED as RESOLVED
from symbolicate.broker.broker import Broker as Broker
from symbolicate.broker.broker import Delivery as Delivery
from symbolicate.broker.broker import Message as Message
from symbolicate.broker.broker import is_message_id as is_message_id
from symbolicate.broker.memory import MemoryBroker as MemoryBroker

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
    scheme, found, _rest = url.partition("://")
    if scheme == "kafka":
        raise ValueError("kafka://…: Kafka is not built yet, use nats://HOST:PORT")
    if scheme == "memory" and found:
        return
    if scheme not in ("nats", "tls") or not _names_a_host(url):
        # Without the mark, what stands before it may be a password.
        named = f" {scheme}:…" if found else ""
        raise ValueError(f"broker{named}: expected nats://HOST:PORT")


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
