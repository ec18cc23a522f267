"""A team's settings: how many events it lets pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from symbolicate.database import team_settings
from symbolicate.database.engine import Database
from symbolicate.database.team_settings import RateLimits
from symbolicate.services.positive_integers import read_changes

_NAMES = tuple(field.name for field in fields(RateLimits))


class TeamSettings:
    """Reads and changes the rate limits of teams."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def retrieve(self, team_id: int) -> RateLimits:
        """Gives the rate limits of a team; the first read stores that there are none."""
        with self._database.read() as connection:
            found = team_settings.find(connection, RateLimits, team_id)
        return found or self.update(team_id, {})

    def update(self, team_id: int, body: Mapping[str, Any]) -> RateLimits:
        """Changes the fields that the body names, null clears, and gives all of them.

        Raises `Refused` for a value that is no positive integer; then nothing changes.
        """
        changes = read_changes(body, _NAMES, nullable=True)
        with self._database.write() as connection:
            team_settings.change(connection, RateLimits, team_id, changes)
            return team_settings.rate_limits(connection, team_id)
