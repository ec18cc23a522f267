"""Spikes: what a team calls one, and those that were seen."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from symbolicate.database import spike_events
from symbolicate.database.engine import Database
from symbolicate.database.spike_events import SpikeEvent, SpikeFilter
from symbolicate.database.team_settings import SpikeConfig
from symbolicate.errors import Refused
from symbolicate.services.settings import TeamRecords

ORDERS = tuple(
    sign + name
    for name in ("detected_at", "computed_baseline", "current_bucket_value")
    for sign in ("-", "")
)

# Narrower than `fromisoformat`, which takes any character between date and time.
_ISO = re.compile(r"[0-9W-]{7,10}(?:T[0-9:.,]+(?:Z|[+-][0-9:]+)?)?")


class Spikes:
    """Lists spikes; `config` is what a team calls one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.config = TeamRecords(database, SpikeConfig, nullable=False)

    def events(
        self, team_id: int, asked: Mapping[str, str], *, limit: int, offset: int
    ) -> tuple[int, list[SpikeEvent]]:
        """Gives the count of the spikes that are asked for and one page of them.

        `asked` may hold `issue_ids`, `date_from`, `date_to` and `order_by`; raises `Refused` for
        one that cannot be read.
        """
        wanted = SpikeFilter(
            _issue_ids(asked.get("issue_ids", "")),
            _moment(asked.get("date_from", ""), "date_from"),
            _moment(asked.get("date_to", ""), "date_to"),
        )
        order = _order(asked.get("order_by", ORDERS[0]))
        with self._database.read() as connection:
            count = spike_events.count(connection, team_id, wanted)
            found = spike_events.page(
                connection,
                team_id,
                wanted,
                order=order.removeprefix("-"),
                descending=order.startswith("-"),
                limit=limit,
                offset=offset,
            )
        return count, found


def _issue_ids(text: str) -> frozenset[uuid.UUID]:
    """Reads a comma list of ids, blank ones left out."""
    try:
        return frozenset(uuid.UUID(item.strip()) for item in text.split(",") if item.strip())
    except ValueError:
        raise Refused("invalid_input", "A valid UUID is required.", "issue_ids") from None


def _moment(text: str, name: str) -> datetime | None:
    """Reads an ISO-8601 date or time, in UTC unless it says otherwise; a date is its midnight."""
    text = text.strip()
    if not text:
        return None
    try:
        if _ISO.fullmatch(text) is None:
            raise ValueError
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("invalid_input", "An ISO-8601 date or time is required.", name) from None


def _order(text: str) -> str:
    if text not in ORDERS:
        raise Refused("invalid_choice", f'"{text[:100]}" is not a valid choice.', "order_by")
    return text
