"""Compiling ahead: sets are compiled soon after their upload, before a frame asks for them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from symbolicate.catalog import Catalog
from symbolicate.compiled_sets import COMPILERS
from symbolicate.database import compiled_sets
from symbolicate.database.engine import Database
from symbolicate.isolation.limits import ChildLimits
from symbolicate.outcome import WITHOUT_USABLE_BYTES, Failure
from symbolicate.release import SymbolSetRef

PAGE = 20

_log = logging.getLogger("symbolicate.compile_ahead")


class CompileAhead:
    """Compiles what no compiler has seen; what cannot be compiled is noted, and left alone.

    What smaller limits than this process has could not compile is tried once more.
    """

    def __init__(self, database: Database, catalog: Catalog, limits: ChildLimits) -> None:
        self._database = database
        self._catalog = catalog
        self._limits = limits
        self._adopted = False

    def run(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Compiles until nothing is left to do, and gives how many sets that were.

        Ends early when told to stop, or when bytes cannot be had now.
        """
        if not self._adopted:
            self._adopt_limited()
        done = 0
        while not stopping():
            with self._database.read() as connection:
                page = compiled_sets.uncompiled(connection, list(COMPILERS), PAGE)
            for one in page:
                if stopping() or not self._compile(one):
                    return done
                done += 1
            if len(page) < PAGE:
                return done
        return done

    def _adopt_limited(self) -> None:
        with self._database.write() as connection:
            count = compiled_sets.forget_outgrown(
                connection, self._limits.seconds, self._limits.memory_bytes
            )
        if count:
            _log.info("compiling %d symbol sets again: the limits were smaller then", count)
        self._adopted = True

    def _compile(self, one: compiled_sets.UncompiledSet) -> bool:
        self._catalog.forget(one.team_id, [one.ref])
        state = self._catalog.states(one.team_id, [one.ref]).get(one.ref)
        opened = self._catalog.open(one.team_id, SymbolSetRef(one.ref, one.kind), state)
        return not isinstance(opened, Failure) or opened.code not in WITHOUT_USABLE_BYTES
