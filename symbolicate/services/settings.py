"""What teams set: records of positive integers, one a team of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Generic

from symbolicate.database import team_settings
from symbolicate.database.engine import Database
from symbolicate.database.team_settings import Kept, RateLimits
from symbolicate.services.positive_integers import read_changes


class TeamRecords(Generic[Kept]):
    """Reads and changes the records of one kind; null is a value only where it is `nullable`."""

    def __init__(self, database: Database, kind: type[Kept], *, nullable: bool) -> None:
        self._database = database
        self._kind = kind
        self._names = [field.name for field in fields(kind)]
        self._nullable = nullable

    def retrieve(self, team_id: int) -> Kept:
        """Gives the record of a team; the first read stores the defaults."""
        with self._database.read() as connection:
            found = team_settings.find(connection, self._kind, team_id)
        return found or self.update(team_id, {})

    def update(self, team_id: int, body: Mapping[str, Any]) -> Kept:
        """Changes the fields that the body names and gives all of them.

        Raises `Refused` for a value that is no positive integer; then nothing changes.
        """
        changes = read_changes(body, self._names, nullable=self._nullable)
        with self._database.write() as connection:
            team_settings.change(connection, self._kind, team_id, changes)
            return team_settings.find(connection, self._kind, team_id) or self._kind()


class TeamSettings(TeamRecords[RateLimits]):
    """The rate limits of teams; null is no limit, or the usual window."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, RateLimits, nullable=True)
