"""Compiling ahead: sets are compiled soon after their upload, before a frame asks for them."""

from __future__ import annotations

from collections.abc import Callable

from symbolicate.catalog import Catalog
from symbolicate.compiled_sets import COMPILERS
from symbolicate.database import compiled_sets
from symbolicate.database.engine import Database
from symbolicate.outcome import WITHOUT_USABLE_BYTES, Failure
from symbolicate.release import SymbolSetRef

PAGE = 20


class CompileAhead:
    """Compiles what no compiler has seen; what cannot be compiled is noted, and left alone."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    def run(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Compiles until nothing is left to do, and gives how many sets that were.

        Ends early when told to stop, or when bytes cannot be had now.
        """
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

    def _compile(self, one: compiled_sets.UncompiledSet) -> bool:
        self._catalog.forget(one.team_id, [one.ref])
        state = self._catalog.states(one.team_id, [one.ref]).get(one.ref)
        opened = self._catalog.open(one.team_id, SymbolSetRef(one.ref, one.kind), state)
        return not isinstance(opened, Failure) or opened.code not in WITHOUT_USABLE_BYTES
