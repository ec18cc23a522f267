"""Releases, symbol sets and the names that tie frames to them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from symbolicate.clock import wire_time
from symbolicate.outcome import Failure


@dataclass(frozen=True, slots=True)
class Release:
    """A version of a project; `hash_id` is the client's own key for it, unique in a team."""

    id: uuid.UUID
    hash_id: str
    team_id: int
    created_at: datetime
    metadata: dict[str, Any] | None
    version: str
    project: str

    def to_wire(self) -> dict[str, Any]:
        """Gives the object of the HTTP API."""
        return {
            "id": str(self.id),
            "hash_id": self.hash_id,
            "team_id": self.team_id,
            "created_at": wire_time(self.created_at),
            "metadata": self.metadata,
            "version": self.version,
            "project": self.project,
        }


@dataclass(frozen=True, slots=True)
class SymbolSet:
    """The bytes that explain frames, by name; what a resolver needs to know of its row.

    `data_hash` is the BLAKE2b-256 of the stored bytes: the generation that serves. `failure` says
    why the compiler version `failed_as` could not read them.
    """

    id: uuid.UUID
    ref: str
    storage_key: str | None
    data_hash: bytes | None
    pending: bool
    compiled: bool
    failure: Failure | None
    failed_as: str | None
    last_used: datetime | None
    release: Release | None

    @property
    def usable(self) -> bool:
        """Tells whether there are verified bytes to answer from."""
        return self.storage_key is not None and self.data_hash is not None


class SymbolSetRef(NamedTuple):
    """The name by which a raw frame asks for its symbol set, in its stored form."""

    ref: str
    kind: str
