"""Symbol sets: listed, found, handed out for download, deleted; what an upload would meet."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from symbolicate.catalog import Catalog
from symbolicate.database import pending_uploads, releases, set_deletion, symbol_set_listing
from symbolicate.database.engine import Database
from symbolicate.database.set_deletion import RemovedSets
from symbolicate.database.symbol_set_listing import ORDERS as ORDERS
from symbolicate.database.symbol_set_listing import STATUSES as STATUSES
from symbolicate.database.symbol_set_listing import ListedSet as ListedSet
from symbolicate.database.symbol_set_listing import SetFilter
from symbolicate.errors import NotFound, Refused
from symbolicate.frame_store import FrameStore
from symbolicate.identity import normal_ref
from symbolicate.objects.store import ObjectStore
from symbolicate.services.set_objects import objects_of, remove_unneeded
from symbolicate.services.upload_request import judge, read_upload_request
from symbolicate.text import storable

DOWNLOAD_SECONDS = 3600
DEFAULT_ORDER = "-created_at"


class SymbolSets:
    """Reads and deletes the symbol sets of a team."""

    def __init__(
        self, database: Database, objects: ObjectStore, catalog: Catalog, store: FrameStore
    ) -> None:
        self._database = database
        self._objects = objects
        self._catalog = catalog
        self._store = store

    def page(
        self, team_id: int, asked: Mapping[str, str], *, limit: int, offset: int
    ) -> tuple[int, list[ListedSet]]:
        """Gives the count of the sets that are asked for and one page of them.

        `asked` may hold `ref`, `search`, `status` and `order_by`; raises `Refused` for a bad one.
        """
        wanted = _read_filter(asked)
        order = _choice(asked, "order_by", ORDERS, DEFAULT_ORDER)
        with self._database.read() as connection:
            total = symbol_set_listing.count(connection, team_id, wanted)
            found = symbol_set_listing.page(
                connection, team_id, wanted, order, limit=limit, offset=offset
            )
        return total, found

    def one(self, team_id: int, set_id: uuid.UUID) -> ListedSet:
        """Gives a set by its id; raises `NotFound`."""
        with self._database.read() as connection:
            found = symbol_set_listing.find(connection, team_id, set_id)
        if found is None:
            raise NotFound
        return found

    def download_url(self, team_id: int, set_id: uuid.UUID) -> str:
        """Gives an hour's access to the bytes that serve; an address that begins with `/` is ours.

        Raises `NotFound`, also for a set without bytes, and `Unavailable` if none can be signed.
        """
        found = self.one(team_id, set_id)
        if found.storage_key is None:
            raise NotFound("Symbol set has no uploaded file.")
        return self._objects.presign_get(found.storage_key, seconds=DOWNLOAD_SECONDS)

    def check(self, team_id: int, body: Mapping[str, Any]) -> list[str]:
        """Tells which chunk ids a start with this body would open an upload for.

        Raises what the start would raise, and writes nothing.
        """
        request = read_upload_request(body)
        refs = [wanted.ref for wanted in request.wanted]
        with self._database.read() as connection:
            known = releases.known_ids(connection, team_id, request.release_ids)
            rows = pending_uploads.find_by_ref(connection, team_id, refs)
        request.require_releases(known)
        return [
            wanted.chunk_id
            for wanted in request.wanted
            if wanted.ref not in rows or judge(rows[wanted.ref], wanted, request) == "upload"
        ]

    def delete(self, team_id: int, set_id: uuid.UUID) -> None:
        """Deletes a set, its objects and its frames that failed; raises `NotFound`."""
        if not self._delete(team_id, [set_id]):
            raise NotFound

    def delete_many(self, team_id: int, ids: Any) -> int:
        """Deletes those of the sets that the team has, and tells how many those were."""
        return self._delete(team_id, _read_ids(ids))

    def clear_away(self, team_id: int, removed: RemovedSets) -> None:
        """Does what is left to do after the commit of a deletion; never raises.

        Memory forgets the sets and frames, and the stored objects go.
        """
        self._catalog.forget(team_id, [row.ref for row in removed.rows])
        self._store.forget(team_id, removed.raw_ids)
        unneeded = [key for row in removed.rows for key in objects_of(team_id, row)]
        remove_unneeded(self._objects, unneeded)

    def _delete(self, team_id: int, ids: list[uuid.UUID]) -> int:
        with self._database.write() as connection:
            removed = set_deletion.remove_sets(connection, team_id, ids)
        self.clear_away(team_id, removed)
        return len(removed.rows)


def _read_filter(asked: Mapping[str, str]) -> SetFilter:
    for name in ("ref", "search"):
        if not storable(asked.get(name, "")):
            raise Refused("invalid_input", "NUL and lone surrogates are not allowed.", name)
    ref, search = asked.get("ref") or None, asked.get("search") or None
    status = _choice(asked, "status", STATUSES, "all")
    return SetFilter(normal_ref(ref) if ref else None, search, status)


def _choice(
    asked: Mapping[str, str], name: str, choices: Mapping[str, object], default: str
) -> str:
    chosen = asked.get(name, default)
    if chosen not in choices:
        raise Refused("invalid_choice", f'"{chosen[:100]}" is not a valid choice.', name)
    return chosen


def _read_ids(ids: Any) -> list[uuid.UUID]:
    if not ids:
        raise Refused("required", "ids is required", "ids")
    if not isinstance(ids, list):
        raise Refused("not_a_list", "ids must be a list", "ids")
    return [_read_id(text, at) for at, text in enumerate(ids)]


def _read_id(text: Any, at: int) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise Refused("invalid_input", "Must be a valid UUID.", f"ids__{at}") from None
