"""Releases: made by build tools, found by id or by the client's own key, changed and deleted."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from symbolicate.cache.weighted import WeightedCache
from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.database import releases, set_deletion
from symbolicate.database.engine import Database, Duplicate
from symbolicate.errors import NotFound, Refused
from symbolicate.identity import release_hash, uuid7
from symbolicate.release import Release
from symbolicate.services.symbol_sets import SymbolSets
from symbolicate.text import storable

MAX_HASH_ID = 128
MAX_METADATA_BYTES = 65_536
REMEMBERED_SECONDS = 60.0
REMEMBERED_BYTES = 33_554_432

_Named = tuple[int, uuid.UUID | str]


class Releases:
    """Makes, finds, changes and deletes the releases of a team."""

    def __init__(
        self, database: Database, catalog: Catalog, sets: SymbolSets, clock: Clock
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._sets = sets
        self._clock = clock
        self._changes = 0
        self._remembering = threading.Lock()
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
            raise _in_use(made.hash_id) from None
        self._forget(team_id, made.id, made.hash_id)
        return made

    def page(self, team_id: int, *, limit: int, offset: int) -> tuple[int, list[Release]]:
        """Gives the count of the team's releases and one page of them, the newest first."""
        with self._database.read() as connection:
            total = releases.count(connection, team_id)
            return total, releases.page(connection, team_id, limit=limit, offset=offset)

    def one(self, team_id: int, release_id: uuid.UUID) -> Release:
        """Gives a release by its id; raises `NotFound`."""
        found = self._find(team_id, release_id)
        if found is None:
            raise NotFound
        return found

    def update(self, team_id: int, release_id: uuid.UUID, asked: Mapping[str, Any]) -> None:
        """Changes what is asked for with a truthy value; metadata is replaced as a whole.

        Raises `Refused` for a hash id that is too long, then `NotFound`, then `Refused` for any
        other bad value or a hash id in use.
        """
        _check_hash_id(str(asked.get("hash_id") or ""))
        before = self.one(team_id, release_id)
        values = {
            name: str(asked[name]) for name in ("version", "project", "hash_id") if asked.get(name)
        }
        _check_texts(values)
        if asked.get("metadata"):
            _check_metadata(asked["metadata"])
            values["metadata"] = asked["metadata"]
        if values:
            self._change(before, values)

    def delete(self, team_id: int, release_id: uuid.UUID) -> None:
        """Deletes a release and the sets that are bound to it, as their own deletion does.

        Raises `NotFound`. Frames without a failure stay and have no release any more.
        """
        with self._database.write() as connection:
            found = releases.lock(connection, team_id, release_id)
            if found is None:
                raise NotFound
            bound = releases.bound_sets(connection, team_id, release_id)
            removed = set_deletion.remove_sets(connection, team_id, list(bound))
            releases.remove(connection, team_id, release_id)
        self._forget(team_id, release_id, found.hash_id)
        self._sets.clear_away(team_id, removed)

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
            changes = self._changes
            known = (self._find(team_id, name),)
            with self._remembering:
                if changes == self._changes:
                    self._remembered.put((team_id, name), known)
        return known[0]

    def _forget(self, team_id: int, *names: uuid.UUID | str) -> None:
        """Drops what is remembered, and whatever is being read at this moment."""
        with self._remembering:
            self._changes += 1
            for name in names:
                self._remembered.discard((team_id, name))

    def _change(self, before: Release, values: dict[str, Any]) -> None:
        team_id, release_id = before.team_id, before.id
        try:
            with self._database.write() as connection:
                if not releases.change(connection, team_id, release_id, values):
                    raise NotFound
                bound = releases.bound_sets(connection, team_id, release_id)
        except Duplicate:
            raise _in_use(values["hash_id"]) from None
        self._forget(team_id, release_id, before.hash_id, values.get("hash_id", before.hash_id))
        self._catalog.forget(team_id, bound.values())

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
        _check_hash_id(key)
        _check_texts({"version": str(version), "project": str(project), "hash_id": key})
        _check_metadata(metadata)
        now = self._clock()
        return Release(identity, key, team_id, now, metadata, str(version), str(project))


def _in_use(hash_id: str) -> Refused:
    return Refused("release_hash_in_use", f"Hash id {hash_id} already in use")


def _check_hash_id(hash_id: str) -> None:
    if len(hash_id) > MAX_HASH_ID:
        raise Refused("invalid_input", f"Hash id length cannot exceed {MAX_HASH_ID} bytes")


def _check_texts(texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        if not storable(text):
            raise Refused("invalid_input", "NUL and lone surrogates are not allowed.", name)


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
