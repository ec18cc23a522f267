"""Removal of many stored objects, at a pace that leaves the store to others."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from symbolicate.database.dialect import chunks
from symbolicate.objects.store import ObjectStore
from symbolicate.services.retention_report import Tally

AT_ONCE = 1000
PAUSE_SECONDS = 0.1

_log = logging.getLogger("symbolicate.retention")

Pause = Callable[[float], object]
"""Waits for so many seconds."""


class PacedRemoval:
    """Removes objects, a thousand in a call, with a pause after each full thousand."""

    def __init__(self, objects: ObjectStore, pause: Pause = time.sleep) -> None:
        self._objects = objects
        self._pause = pause

    def remove(self, keys: Iterable[str], tally: Tally) -> None:
        """Removes objects and counts them; never raises, for a sweep finds what is left."""
        for some in chunks(keys, AT_ONCE):
            try:
                self._objects.delete(some)
                tally.delete("object", len(some))
            except Exception:
                _log.warning("could not delete %d objects", len(some), exc_info=True)
                tally.fail("object", len(some))
            if len(some) == AT_ONCE:
                self._pause(PAUSE_SECONDS)
