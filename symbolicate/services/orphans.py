"""Orphans: stored objects that no row names, because a process died or a compiler was replaced."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

from symbolicate.compiled_sets import COMPILERS, compiled_key
from symbolicate.database import object_names
from symbolicate.database.dialect import Transaction, chunks
from symbolicate.database.engine import Database
from symbolicate.objects.store import ObjectStore

LISTED_AT_ONCE = 1000

Named = Callable[[Transaction, int, list[str]], set[str]]
"""Gives those of a team's keys that a row names."""


class Orphans:
    """Finds the orphans of a team among the objects that are older than a moment.

    What is younger may belong to a request that has not committed yet. Every page is judged by
    rows that are read after it was listed; no key is ever named again that no row names.
    """

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._database = database
        self._objects = objects

    def find(self, team_id: int, before: datetime) -> Iterator[list[str]]:
        """Yields orphans page by page, read from the store while they are asked for."""
        for area, named in _AREAS.items():
            listed = self._objects.list(f"{team_id}/{area}/")
            old = (found.key for found in listed if found.modified < before)
            for keys in chunks(old, LISTED_AT_ONCE):
                with self._database.read() as connection:
                    kept = named(connection, team_id, keys)
                yield [key for key in keys if key not in kept]


def _compiled(connection: Transaction, team_id: int, keys: list[str]) -> set[str]:
    """Names what today's compilers make of the bytes that serve."""
    ids = {set_id for key in keys if (set_id := _set_id(key)) is not None}
    serving = object_names.generations(connection, team_id, ids)
    return {
        compiled_key(team_id, set_id, data_hash, compiler.version)
        for set_id, data_hash in serving.items()
        for compiler in COMPILERS.values()
    }


def _set_id(key: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(key.split("/")[2])
    except ValueError:
        return None


_AREAS: dict[str, Named] = {
    "uploads": object_names.uploads,
    "symbolsets": object_names.stored,
    "compiled": _compiled,
}
