"""Releases: made by build tools, found by id or by the client's own key."""

from __future__ import annotations

import json
import uuid
from typing import Any

from symbolicate.cache.weighted import WeightedCache
from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.database import releases
from symbolicate.database.engine import Database, Duplicate
from symbolicate.errors import NotFound, Refused
from symbolicate.identity import release_hash, uuid7
from symbolicate.release import Release
from symbolicate.text import storable

MAX_HASH_ID = 128
MAX_METADATA_BYTES = 65_536
REMEMBERED_SECONDS = 60.0
REMEMBERED_BYTES = 33_554_432

_Named = tuple[int, uuid.UUID | str]


class Releases:
    """Makes and finds the releases of a team."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock
        self._remembered: WeightedCache[_Named, tuple[Release | None]] = WeightedCache(
            REMEMBERED_BYTES, _weigh, ttl=lambda _key, _found: REMEMBERED_SECONDS
        )

    def create(
        self,
        team_id: int,
        *,
        version: Any,
        project: Any,
        hash_id: Any = None,
        metadata: Any = None,
    ) -> Release:
        """Makes a release; without a `hash_id` its own id stands for it.

        Raises `Refused`: `invalid_input` for a bad value, `release_hash_in_use`.
        """
        made = self._validated(team_id, version, project, hash_id, metadata)
        try:
            with self._database.write() as connection:
                releases.add(connection, made)
        except Duplicate:
            detail = f"Hash id {made.hash_id} already in use"
            raise Refused("release_hash_in_use", detail) from None
        return made

    def by_hash(self, team_id: int, hash_id: str) -> Release:
        """Gives the release with this key; raises `NotFound`."""
        found = None
        if storable(hash_id):
            with self._database.read() as connection:
                found = releases.find_by_hash(connection, team_id, hash_id)
        if found is None:
            raise NotFound
        return found

    def of_event(self, team_id: int, properties: dict[str, Any], refs: set[str]) -> Release | None:
        """Gives the one release of an event.

        The first that hits: the id that the event names; the hash of a mobile application's
        metadata; the newest release among the symbol sets that the event's frames use.
        """
        named = _identity(properties.get("$release_id"))
        found = self._remember(team_id, named) if named is not None else None
        mobile = _mobile_hash(properties)
        if found is None and mobile is not None:
            found = self._remember(team_id, mobile)
        if found is None:
            states = self._catalog.states(team_id, refs).values()
            bound = [state.release for state in states if state.release is not None]
            found = max(bound, key=lambda release: (release.created_at, release.id), default=None)
        return found

    def _remember(self, team_id: int, name: uuid.UUID | str) -> Release | None:
        known = self._remembered.get((team_id, name))
        if known is None:
            known = (self._find(team_id, name),)
            self._remembered.put((team_id, name), known)
        return known[0]

    def _find(self, team_id: int, name: uuid.UUID | str) -> Release | None:
        with self._database.read() as connection:
            if isinstance(name, uuid.UUID):
                return releases.find(connection, team_id, name)
            return releases.find_by_hash(connection, team_id, name)

    def _validated(
        self, team_id: int, version: Any, project: Any, hash_id: Any, metadata: Any
    ) -> Release:
        if not version:
            raise Refused("invalid_input", "Version is required")
        if not project:
            raise Refused("invalid_input", "Project is required")
        identity = uuid7()
        key = str(hash_id) if hash_id else str(identity)
        if len(key) > MAX_HASH_ID:
            raise Refused("invalid_input", f"Hash id length cannot exceed {MAX_HASH_ID} bytes")
        for name, text in (("version", version), ("project", project), ("hash_id", key)):
            if not storable(str(text)):
                raise Refused("invalid_input", "NUL and lone surrogates are not allowed.", name)
        _check_metadata(metadata)
        now = self._clock()
        return Release(identity, key, team_id, now, metadata, str(version), str(project))


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise Refused("invalid_input", "Metadata must be an object or null.", "metadata")
    try:
        text = json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise Refused("invalid_input", "Metadata must be JSON.", "metadata") from None
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_METADATA_BYTES:
        detail = f"Metadata of {size} bytes exceeds the limit of {MAX_METADATA_BYTES}"
        raise Refused("invalid_input", detail, "metadata")


def _weigh(_key: _Named, found: tuple[Release | None]) -> int:
    """Estimates bytes; metadata, the one part of any length, takes about what its JSON does."""
    metadata = found[0].metadata if found[0] is not None else None
    return 1000 + (len(json.dumps(metadata)) if metadata else 0)


def _identity(name: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(name) if isinstance(name, str) else None
    except ValueError:
        return None


def _mobile_hash(properties: dict[str, Any]) -> str | None:
    """Computes the key under which a mobile build registers its release."""
    name = properties.get("$app_namespace")
    version, build = properties.get("$app_version"), properties.get("$app_build")
    if isinstance(build, (int, float)) and not isinstance(build, bool):
        build = str(build)
    known = [part for part in (version, build) if isinstance(part, str) and part]
    if not isinstance(name, str) or not name or not known:
        return None
    try:
        return release_hash(name, "+".join(known))
    except UnicodeEncodeError:
        return None
