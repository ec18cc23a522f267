"""The catalog: from a symbol set ref to opened symbols, or the failure to open them.

Composed outermost first: memory (by team, set id, data hash and compiler version), single flight,
the opener of compiled sets. A replaced set has another data hash, so no cache needs to be told;
which set bears a ref now is known from the database, at most one second old.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from symbolicate.cache.single_flight import SingleFlight
from symbolicate.cache.weighted import WeightedCache
from symbolicate.clock import Clock
from symbolicate.compiled_sets import COMPILERS, Symbols
from symbolicate.database import symbol_sets
from symbolicate.database.engine import Database
from symbolicate.errors import CorruptObject, ObjectMissing, ObjectStoreUnavailable
from symbolicate.metrics import Metrics
from symbolicate.outcome import (
    INTERNAL,
    TRANSIENT,
    WITHOUT_USABLE_BYTES,
    Failure,
    blob_missing,
    corrupt_object,
    upload_pending,
)
from symbolicate.release import SymbolSet, SymbolSetRef
from symbolicate.set_opener import SetOpener

STATE_SECONDS = 1.0
STATE_BYTES = 32 * 1024 * 1024
FAILURE_SECONDS = 300.0

_log = logging.getLogger("symbolicate.catalog")

_Key = tuple[int, bytes, bytes, str]


class Catalog:
    """Finds and opens symbol sets; thread-safe, and no lock is held while fetching or reading."""

    def __init__(
        self,
        database: Database,
        opener: SetOpener,
        *,
        clock: Clock,
        metrics: Metrics,
        symbol_cache_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._opener = opener
        self._clock = clock
        self._metrics = metrics
        self._states: WeightedCache[tuple[int, str], tuple[SymbolSet | None]] = WeightedCache(
            STATE_BYTES, _state_bytes, ttl=lambda _key, _value: STATE_SECONDS, clock=monotonic
        )
        self._forgets = 0
        self._forgetting = threading.Lock()
        self._opened: WeightedCache[_Key, Symbols | Failure] = WeightedCache(
            symbol_cache_bytes, _opened_bytes, ttl=_opened_seconds, clock=monotonic
        )
        self._flights: SingleFlight[_Key, Symbols | Failure] = SingleFlight()

    def states(self, team_id: int, refs: Iterable[str]) -> dict[str, SymbolSet]:
        """Gives the sets that bear these refs now, at most one second old; one query at most."""
        keys = {(team_id, ref) for ref in refs}
        known = self._states.get_many(keys)
        missing = [ref for team, ref in keys - known.keys()]
        if missing:
            forgets = self._forgets
            with self._database.read() as connection:
                read = symbol_sets.states(connection, team_id, missing)
            found = {(team_id, ref): (read.get(ref),) for ref in missing}
            self._remember(found, forgets)
            known |= found
        return {ref: found for (_, ref), (found,) in known.items() if found is not None}

    def known_states(self, team_id: int, refs: Iterable[str]) -> dict[str, SymbolSet] | None:
        """Gives the same without asking the database; None if that is needed."""
        keys = {(team_id, ref) for ref in refs}
        known = self._states.get_many(keys)
        if len(known) < len(keys):
            return None
        return {ref: found for (_, ref), (found,) in known.items() if found is not None}

    def forget(self, team_id: int, refs: Iterable[str]) -> None:
        """Drops what is remembered of these refs, because they were just changed here."""
        with self._forgetting:
            self._forgets += 1
            for ref in refs:
                self._states.discard((team_id, ref))

    def _remember(
        self, found: Mapping[tuple[int, str], tuple[SymbolSet | None]], forgets: int
    ) -> None:
        """Keeps states that were read, unless a change here overtook the reading."""
        with self._forgetting:
            if self._forgets == forgets:
                for key, state in found.items():
                    self._states.put(key, state)

    def load(
        self, team_id: int, wanted: Iterable[SymbolSetRef], states: Mapping[str, SymbolSet]
    ) -> dict[SymbolSetRef, Symbols | Failure]:
        """Opens each wanted set, or says why not, and notes that it was used."""
        wanted = list(wanted)
        self.note_used(team_id, [states[ref.ref] for ref in wanted if ref.ref in states])
        return {ref: self.open(team_id, ref, states.get(ref.ref)) for ref in wanted}

    def open(
        self, team_id: int, wanted: SymbolSetRef, state: SymbolSet | None
    ) -> Symbols | Failure:
        """Opens one set, or says why not; no use of it is noted."""
        if state is None or (not state.usable and not state.pending):
            return Failure("no_symbol_set", "")
        if state.data_hash is None:
            return upload_pending(wanted.ref)
        version = COMPILERS[wanted.kind].version
        if state.failure is not None and state.failed_as == version:
            return state.failure
        key = (team_id, state.id.bytes, state.data_hash, version)
        opened = self._opened.get(key)
        if opened is None:
            opened = self._flights.do(key, lambda: self._open(key, wanted, state))
        if isinstance(opened, Failure) and opened.code == "blob_missing":
            # The objects of a set go as soon as it is replaced, which may not be known here yet.
            self.forget(team_id, [wanted.ref])
            now = self.states(team_id, [wanted.ref]).get(wanted.ref)
            if now is not None and now.usable and now.data_hash != state.data_hash:
                return self.open(team_id, wanted, now)
        return opened

    def _open(self, key: _Key, wanted: SymbolSetRef, state: SymbolSet) -> Symbols | Failure:
        opened = self._opened.get(key)
        if opened is not None:
            return opened
        opened = self._opened_or_not(key[0], wanted, state)
        code = opened.code if isinstance(opened, Failure) else "opened"
        self._metrics.count("symbolicate_symbol_sets_opened_total", result=code)
        if code not in WITHOUT_USABLE_BYTES:
            self._opened.put(key, opened)
        return opened

    def _opened_or_not(
        self, team_id: int, wanted: SymbolSetRef, state: SymbolSet
    ) -> Symbols | Failure:
        try:
            opened = self._opener.open(team_id, wanted.kind, state)
        except ObjectMissing:
            return blob_missing(wanted.ref)
        except CorruptObject as error:
            _log.error("%s", error)
            return corrupt_object(wanted.ref)
        except ObjectStoreUnavailable as error:
            _log.warning("object store out of reach: %s", error)
            return TRANSIENT
        except Exception:
            _log.exception("compiling symbol set %s failed", state.id)
            return INTERNAL
        if not state.compiled:
            self.forget(team_id, [state.ref])
        return opened

    def note_used(self, team_id: int, used: Iterable[SymbolSet]) -> None:
        """Notes that sets answered frames, at most once in twelve hours each."""
        now = self._clock()
        old = [
            found.ref
            for found in used
            if found.last_used is None or now - found.last_used > symbol_sets.LAST_USED_THROTTLE
        ]
        if old:
            with self._database.write() as connection:
                symbol_sets.touch(connection, team_id, old, now)
            self.forget(team_id, old)


def _state_bytes(key: tuple[int, str], value: tuple[SymbolSet | None]) -> int:
    return 200 + len(key[1]) + (800 if value[0] else 0)


def _opened_bytes(_key: _Key, opened: Symbols | Failure) -> int:
    return 300 + (len(opened.sentence) if isinstance(opened, Failure) else opened.byte_size)


def _opened_seconds(_key: _Key, opened: Symbols | Failure) -> float | None:
    return FAILURE_SECONDS if isinstance(opened, Failure) else None
