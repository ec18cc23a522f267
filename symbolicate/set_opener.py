"""Opening symbol sets, each compiled once in the whole deployment.

Who needs a set that no compiler has seen takes a lease and compiles it; whoever else needs it
meanwhile waits for the compiled form to lie in object storage. A process that dies while it
compiles is followed by another within the life of its lease.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from symbolicate.clock import Clock
from symbolicate.compiled_sets import COMPILERS, CompiledSets, Symbols
from symbolicate.database import compiled_sets, symbol_sets
from symbolicate.database.engine import Database
from symbolicate.errors import ContainerError, DatabaseUnavailable, FormatError
from symbolicate.isolation.limits import ChildLimits
from symbolicate.leases import Lease, Leases
from symbolicate.outcome import Failure
from symbolicate.release import SymbolSet

PATIENCE_SECONDS = 180.0
"""More than any compile may take; who waited so long compiles for itself."""
TURN_ASKED_EVERY = 0.5
"""How often who waits asks whether it is its turn, which is a write."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two looks, which are reads: a fiftieth of the wait so far, within these."""

_log = logging.getLogger("symbolicate.set_opener")


class _Turn(NamedTuple):
    """Whether to compile now, and the lease to show; without a database nobody leads."""

    mine: bool
    lease: Lease | None


class SetOpener:
    """Opens usable sets in their compiled form; thread-safe."""

    def __init__(
        self,
        database: Database,
        compiled: CompiledSets,
        leases: Leases,
        *,
        clock: Clock,
        limits: ChildLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._compiled = compiled
        self._leases = leases
        self._clock = clock
        self._limits = limits or ChildLimits()
        self._monotonic = monotonic
        self._sleep = sleep

    def open(self, team_id: int, kind: str, state: SymbolSet) -> Symbols | Failure:
        """Opens a set, or says why its bytes cannot be read, which is then noted.

        Raises `ObjectMissing` when they are gone, `CorruptObject` when they differ from their
        hash, `ObjectStoreUnavailable`.
        """
        opened: Symbols | Failure | None = self._compiled.find(team_id, kind, state)
        began = ask_at = self._monotonic()
        while opened is None:
            waited = (now := self._monotonic()) - began
            if now >= ask_at:
                ask_at = now + TURN_ASKED_EVERY
                with self._turn(team_id, state) as turn:
                    if turn.mine or waited >= PATIENCE_SECONDS:
                        return self._lead(team_id, kind, state, turn.lease)
            self._sleep(min(max(FIRST_PAUSE, waited / 50), LONGEST_PAUSE))
            opened = self._made_elsewhere(team_id, kind, state)
        return opened

    @contextmanager
    def _turn(self, team_id: int, state: SymbolSet) -> Iterator[_Turn]:
        assert state.data_hash is not None
        name = f"compile:{state.id}:{state.data_hash.hex()}"
        holding = self._leases.held(team_id, name)
        try:
            lease = holding.__enter__()
        except DatabaseUnavailable as error:
            _log.warning("compiling without a lease: %s", error)
            yield _Turn(True, None)
            return
        try:
            yield _Turn(lease is not None, lease)
        finally:
            holding.__exit__(None, None, None)

    def _lead(
        self, team_id: int, kind: str, state: SymbolSet, lease: Lease | None
    ) -> Symbols | Failure:
        made = self._made_elsewhere(team_id, kind, state)
        if made is not None:
            return made
        try:
            symbols, shared = self._compiled.compile(team_id, kind, state)
        except FormatError as error:
            compiler = COMPILERS[kind]
            words = compiler.container if isinstance(error, ContainerError) else compiler.content
            failure = Failure(error.code, f"{words}{error}"[:300])
            limited = failure.code == compiled_sets.LIMIT_EXCEEDED
            under = f" {self._limits.written}" if limited else ""
            self._note(state, lease, failure, compiler.version + under)
            return failure
        if shared:
            self._note(state, lease, None, "")
        return symbols

    def _made_elsewhere(
        self, team_id: int, kind: str, state: SymbolSet
    ) -> Symbols | Failure | None:
        """Gives what another process made of the same bytes since they were found uncompiled."""
        try:
            with self._database.read() as connection:
                now = symbol_sets.states(connection, team_id, [state.ref]).get(state.ref)
        except DatabaseUnavailable:
            return None
        if now is None or now.data_hash != state.data_hash:
            return None
        if now.failure is not None and now.failed_as == COMPILERS[kind].version:
            return now.failure
        return self._compiled.find(team_id, kind, now) if now.compiled else None

    def _note(
        self, state: SymbolSet, lease: Lease | None, failure: Failure | None, version: str
    ) -> None:
        """Writes down what compiling made of a set; that it was not written costs a repetition."""
        assert state.data_hash is not None
        now = self._clock()
        try:
            with self._database.write() as connection:
                if lease is not None and not self._leases.is_held(connection, lease):
                    _log.warning("symbol set %s was compiled by another meanwhile", state.id)
                elif failure is None:
                    compiled_sets.mark_compiled(connection, state.id, state.data_hash, now)
                else:
                    compiled_sets.mark_failed(
                        connection, state.id, state.data_hash, failure, version, now
                    )
        except DatabaseUnavailable as unavailable:
            _log.warning("could not note how compiling ended: %s", unavailable)
