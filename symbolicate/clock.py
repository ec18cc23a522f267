"""Time: an injected wall clock, and how moments are written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Clock = Callable[[], datetime]
"""Gives the present moment in UTC, aware, exact to the microsecond."""


def system_clock() -> datetime:
    """Reads the machine's wall clock."""
    return datetime.now(UTC)


@lru_cache(1024)
def wire_time(moment: datetime) -> str:
    """Writes a UTC time as ISO-8601 with `Z`, with 6 fraction digits or none."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if moment.microsecond else "%Y-%m-%dT%H:%M:%SZ")
