"""Teams: tenants, made on first sight by the entrances that are trusted."""

from __future__ import annotations

import secrets
from dataclasses import replace
from threading import Lock
from typing import TypeGuard

from symbolicate.clock import Clock
from symbolicate.database import teams
from symbolicate.database.engine import Database, Duplicate
from symbolicate.database.teams import Team
from symbolicate.errors import Refused
from symbolicate.text import storable

MAX_TEAM_ID = 2_147_483_647


class Teams:
    """Finds and makes teams."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: set[int] = set()
        self._tokens: dict[str, int] = {}
        self._lock = Lock()

    def ensure(self, team_id: int) -> None:
        """Makes the team if it is not there; costs nothing once it was seen by this process."""
        if _check(team_id) in self._seen:
            return
        with self._database.write() as connection:
            teams.ensure(connection, _new(team_id, None), self._clock())
        with self._lock:
            self._seen.add(team_id)

    def create(self, team_id: int | None = None, name: str | None = None) -> Team:
        """Makes a team, or gives the one that has this id already.

        One that was made on first sight takes the name asked for; raises `Refused` if it bears
        another of its own.
        """
        if name is not None and not storable(name):
            raise Refused("invalid_input", "NUL and lone surrogates are not allowed.", "name")
        while True:
            try:
                return self._create(team_id, name)
            except Duplicate:
                # Another process took the id meanwhile; it is there now.
                continue

    def _create(self, team_id: int | None, name: str | None) -> Team:
        with self._database.write() as connection:
            chosen = _check(teams.next_id(connection) if team_id is None else team_id)
            found = None if team_id is None else teams.find(connection, chosen)
            if found is None:
                found = _new(chosen, name)
                teams.add(connection, found, self._clock())
            elif name is not None and name != found.name:
                if found.name != _default_name(chosen):
                    detail = f"Team {chosen} is named {found.name!r} already"
                    raise Refused("team_exists", detail, "name")
                found = replace(found, name=name)
                teams.rename(connection, chosen, name)
        return found

    def exists(self, team_id: int) -> bool:
        """Tells whether there is such a team."""
        with self._database.read() as connection:
            return teams.find(connection, team_id) is not None

    def name(self, team_id: int) -> str:
        """Gives a team's name: its own, or the one that it gets on first sight."""
        with self._database.read() as connection:
            found = teams.find(connection, team_id)
        return (found or _new(team_id, None)).name

    def by_project_token(self, project_token: str) -> int | None:
        """Gives the id of the team that a project token belongs to; tokens never change."""
        known = self._tokens.get(project_token)
        if known is None and storable(project_token):
            with self._database.read() as connection:
                known = teams.find_by_token(connection, project_token)
            if known is not None:
                with self._lock:
                    self._tokens[project_token] = known
        return known


def is_team_id(value: object) -> TypeGuard[int]:
    """Tells whether a value may be the id of a team: a positive 32-bit integer."""
    return type(value) is int and 0 < value <= MAX_TEAM_ID


def _new(team_id: int, name: str | None) -> Team:
    return Team(team_id, name or _default_name(team_id), "phc_" + secrets.token_urlsafe(32))


def _default_name(team_id: int) -> str:
    return f"Team {team_id}"


def _check(team_id: int) -> int:
    if not is_team_id(team_id):
        detail = f"A team id is 1 to {MAX_TEAM_ID}, got {team_id!r:.40}"
        raise Refused("invalid_input", detail, "team_id")
    return team_id
