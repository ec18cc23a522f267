"""What accounting needs to know of an event."""

from __future__ import annotations

import uuid
from hashlib import blake2b
from typing import Any, NamedTuple

from symbolicate.database.issues import Title
from symbolicate.text import clean

MAX_TITLE = 10_000


class Entry(NamedTuple):
    """An event to account for; without an `event_id` it is never known for a repeated one.

    All texts can be stored.
    """

    event_id: bytes | None
    fingerprint: str
    title: Title


def entry_of(
    event_uuid: Any,
    fingerprint: str,
    properties: dict[str, Any],
    exceptions: list[dict[str, Any]],
) -> Entry:
    """Makes the entry of an event: a new issue is called as the client says, or as the outermost
    exception is.
    """
    name = _text(properties.get("$issue_name")) or _text(exceptions[0]["type"])
    description = _text(properties.get("$issue_description")) or _text(exceptions[0]["value"])
    return Entry(event_id(event_uuid), fingerprint, Title(name, description))


def event_id(event_uuid: Any) -> bytes | None:
    """Hashes an event's uuid to 32 bytes; the letter case of one that is a UUID does not matter."""
    if not isinstance(event_uuid, str) or not event_uuid:
        return None
    text = event_uuid.lower() if _is_uuid(event_uuid) else event_uuid
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _text(value: Any) -> str | None:
    return clean(value[:MAX_TITLE]) if isinstance(value, str) and value else None
