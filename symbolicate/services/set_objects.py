"""Which stored objects belong to a symbol set, and how they go."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from symbolicate.compiled_sets import COMPILERS, compiled_key
from symbolicate.database.pending_uploads import UploadRow
from symbolicate.objects.store import ObjectStore

_log = logging.getLogger("symbolicate.set_objects")


def objects_of(team_id: int, row: UploadRow) -> list[str]:
    """Names every object that belongs to a set as this row describes it.

    Those are what was uploaded, an upload in progress, and the compiled form of today's compilers;
    any of them may not exist.
    """
    keys = [key for key in (row.storage_key, row.upload_key) if key is not None]
    if row.data_hash is not None:
        versions = [compiler.version for compiler in COMPILERS.values()]
        keys += [compiled_key(team_id, row.id, row.data_hash, version) for version in versions]
    return keys


def remove_unneeded(objects: ObjectStore, keys: Sequence[str]) -> None:
    """Removes objects that no row names any more; never raises, for a sweep finds what is left."""
    try:
        objects.delete(keys)
    except Exception:
        _log.warning("could not delete %d objects that nothing needs", len(keys), exc_info=True)
