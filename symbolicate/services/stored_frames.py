"""Stored frames as clients read them: by raw id, by id, as a list; stale ones repaired first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from functools import lru_cache, partial
from typing import Any, NamedTuple

import msgspec

from symbolicate.answers import Answers
from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.database import frame_listing, symbol_sets
from symbolicate.database.engine import Database
from symbolicate.errors import NotFound, Refused
from symbolicate.frame import StoredFrame
from symbolicate.frame_store import FrameStore, Origin, StoredAnswer, StoredPart, stored_part
from symbolicate.identity import normal_ref, parse_raw_id, raw_id_bytes
from symbolicate.languages.registry import RESOLVER_VERSION
from symbolicate.release import SymbolSet
from symbolicate.services.page_counts import PageCounts
from symbolicate.text import storable

NEWEST = 1000
REPAIR_SECONDS = 10.0
_USUAL_LENGTH = 80
_REMEMBERED_SPELLINGS = 16_384

_json = msgspec.json.Encoder()

_States = Mapping[str, SymbolSet]


class WantedFrame(NamedTuple):
    """One id of a request: its hash, None if no frame can have it, its part, and its spelling."""

    raw_id: bytes | None
    part: int
    spelling: str


class FoundFrames(NamedTuple):
    """What a batch names, in request order, and what of it is unknown."""

    frames: list[StoredPart]
    missing: list[str]
    states: _States


def read_raw_ids(raw_ids: Iterable[str]) -> list[WantedFrame]:
    """Reads raw ids as clients spell them, collapsing repeats to the first mention."""
    wanted: dict[tuple[str, int], WantedFrame] = {}
    for spelling in raw_ids:
        key, one = _read_known(spelling) if len(spelling) <= _USUAL_LENGTH else _read(spelling)
        wanted.setdefault(key, one)
    return list(wanted.values())


def _read(spelling: str) -> tuple[tuple[str, int], WantedFrame]:
    key = parse_raw_id(spelling)
    return key, WantedFrame(raw_id_bytes(key[0]), key[1], spelling)


_read_known = lru_cache(_REMEMBERED_SPELLINGS)(_read)
"""Clients ask for the same frames again and again; at most some 10 MB."""


class StoredFrames:
    """Reads frames of a team, each as fresh as its symbol set."""

    def __init__(
        self,
        database: Database,
        store: FrameStore,
        answers: Answers,
        catalog: Catalog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = store
        self._answers = answers
        self._catalog = catalog
        self._clock = clock
        self._repairs = ThreadPoolExecutor(4, "symbolicate-repair")
        self._counts = PageCounts()

    def close(self) -> None:
        """Ends the threads that repair stale frames and count."""
        self._repairs.shutdown(cancel_futures=True)
        self._counts.close()

    def batch(
        self, team_id: int, raw_ids: Sequence[str] | None, symbol_set: str | None = None
    ) -> FoundFrames:
        """Gives the frames in request order of first mention; without ids the newest 1,000.

        `symbol_set` is the id of a set or a ref, and leaves only the frames linked to it. A stale
        frame is answered again first; after ten seconds the stored one is given instead.
        """
        ref = None if symbol_set is None else self._ref(team_id, symbol_set)
        if not raw_ids:
            return self._newest(team_id, ref)
        wanted = read_raw_ids(raw_ids)
        hashes = [one.raw_id for one in wanted if one.raw_id is not None]
        answers = self._repaired(team_id, self._store.get(team_id, hashes))
        states = self._catalog.states(team_id, {a.ref for a in answers.values() if a.ref})
        self._store.make_ready(team_id, _spelled(wanted), RESOLVER_VERSION)
        return _found(wanted, answers, states, ref)

    def batch_in_memory(self, team_id: int, raw_ids: Sequence[str]) -> bytes | None:
        """Gives the wire form of the same if `batch` read exactly these before and nothing of it
        needs the database or another look; None otherwise.
        """
        ready = self._store.ready(team_id, raw_ids)
        if not ready:
            return None
        wires, origins = zip(*ready, strict=True)
        distinct: set[Origin] = set(origins)
        states = self._catalog.known_states(team_id, {one.ref for one in distinct if one.ref})
        if states is None or any(one.replaced(states) for one in distinct):
            return None
        if len(set(wires)) < len(wires):
            return None  # one frame under two spellings
        tails = _Tails(states)
        ends = {origin: tails[origin.ref] for origin in distinct}
        return _joined(wires, map(ends.__getitem__, origins), [])

    def page(self, team_id: int, *, limit: int, offset: int) -> tuple[int, bytes]:
        """Gives the count of the team's frames and one page of them as a JSON array.

        A count above 10,000 may be up to a minute old.
        """
        with self._database.read() as connection:
            rows = frame_listing.newest(connection, team_id, limit=limit, offset=offset)
        total = self._counts.of(team_id, "stack_frames", partial(self._count, team_id))
        refs = {row.symbol_set_ref for row in rows if row.symbol_set_ref}
        states = self._catalog.states(team_id, refs)
        tails = _Tails(states)
        pieces = [
            piece for row in rows for piece in (stored_part(row).wire, tails[row.symbol_set_ref])
        ]
        return total, b"[%b]" % b"".join(pieces)[:-1]

    def one(self, team_id: int, frame_id: uuid.UUID) -> bytes:
        """Gives one frame by its id as JSON, repaired if stale; raises `NotFound`."""
        with self._database.read() as connection:
            row = frame_listing.find(connection, team_id, frame_id)
        if row is None:
            raise NotFound
        answers = self._repaired(team_id, self._store.get(team_id, [row.raw_id]))
        part = next((p for p in answers[row.raw_id].parts if p.id == frame_id), None)
        if part is None:
            raise NotFound
        ref = answers[row.raw_id].ref
        states = self._catalog.states(team_id, [ref] if ref else [])
        return part.wire + _Tails(states)[ref][:-1]

    def _count(self, team_id: int, most: int | None) -> int:
        with self._database.read() as connection:
            return frame_listing.count(connection, team_id, most)

    def _newest(self, team_id: int, ref: str | None) -> FoundFrames:
        with self._database.read() as connection:
            rows = frame_listing.newest(connection, team_id, limit=NEWEST, ref=ref)
        hashes = list(dict.fromkeys(row.raw_id for row in rows))
        answers = self._repaired(team_id, self._store.get(team_id, hashes))
        states = self._catalog.states(team_id, {a.ref for a in answers.values() if a.ref})
        wanted = [WantedFrame(row.raw_id, row.part, "") for row in rows]
        return _found(wanted, answers, states, ref)._replace(missing=[])

    def _repaired(
        self, team_id: int, stored: dict[bytes, StoredAnswer]
    ) -> dict[bytes, StoredAnswer]:
        stale = self._answers.stale(team_id, stored)
        if not stale:
            return stored
        repair: Future[dict[bytes, StoredAnswer]]
        repair = self._repairs.submit(self._answers.refreshed, team_id, stale)
        try:
            return stored | repair.result(timeout=REPAIR_SECONDS)
        except FutureTimeout:
            return stored

    def _ref(self, team_id: int, symbol_set: str) -> str:
        if not storable(symbol_set):
            detail = "NUL and lone surrogates are not allowed."
            raise Refused("invalid_input", detail, "symbol_set")
        try:
            set_id = uuid.UUID(symbol_set)
        except ValueError:
            return normal_ref(symbol_set)
        with self._database.read() as connection:
            named = symbol_sets.ref_of(connection, team_id, set_id)
        return normal_ref(symbol_set) if named is None else named


def to_wire(found: FoundFrames) -> bytes:
    """Joins the answer of `batch_get`; the stored JSON is spliced in as it is."""
    tails = _Tails(found.states)
    wires = [part.wire for part in found.frames]
    return _joined(wires, [tails[part.ref] for part in found.frames], found.missing)


def _joined(wires: Sequence[bytes], ends: Iterable[bytes], missing: list[str]) -> bytes:
    """Joins frames, each a wire form and an end with its comma, and the ids that are unknown."""
    pieces = [b""] * (2 * len(wires))
    pieces[::2], pieces[1::2] = wires, ends
    if pieces:
        pieces[-1] = pieces[-1][:-1]
    return b"".join((b'{"results":[', *pieces, b'],"missing":%b}' % _json.encode(missing)))


def _spelled(wanted: Iterable[WantedFrame]) -> Iterator[tuple[str, bytes, int]]:
    for raw_id, number, spelling in wanted:
        if raw_id is not None:
            yield spelling, raw_id, number


def to_frames(found: FoundFrames) -> list[StoredFrame]:
    """Makes values of what was found."""
    made = []
    for part in found.frames:
        state = found.states.get(part.ref) if part.ref is not None else None
        made.append(
            StoredFrame(
                raw_id=f"{part.raw_id.hex()}/{part.part}",
                part=part.part,
                contents=msgspec.json.decode(part.contents),
                context=None if part.context is None else msgspec.json.decode(part.context),
                resolved=part.resolved,
                failure_code=part.failure_code,
                symbol_set_ref=None if state is None else part.ref,
                id=part.id,
                created_at=part.created_at,
                release=None if state is None else state.release,
            )
        )
    return made


class _Tails(dict[str | None, bytes]):
    """The end of a frame's wire form and a comma, made once a ref: its set's ref and release."""

    def __init__(self, states: _States) -> None:
        super().__init__()
        self._states = states

    def __missing__(self, ref: str | None) -> bytes:
        state = self._states.get(ref) if ref is not None else None
        shown = None if state is None else ref
        release = None if state is None or state.release is None else state.release.to_wire()
        tail = b',"symbol_set_ref":%b,"release":%b},' % (_json.encode(shown), _encoded(release))
        self[ref] = tail
        return tail


def _encoded(release: dict[str, Any] | None) -> bytes:
    """Writes a release; its metadata may hold lone surrogates, which only escapes can show."""
    try:
        return _json.encode(release)
    except UnicodeEncodeError:
        return json.dumps(release).encode()


def _found(
    wanted: Sequence[WantedFrame],
    answers: Mapping[bytes, StoredAnswer],
    states: _States,
    ref: str | None,
) -> FoundFrames:
    frames: list[StoredPart] = []
    missing: list[str] = []
    for raw_id, number, spelling in wanted:
        answer = answers.get(raw_id) if raw_id is not None else None
        if (
            answer is not None
            and 0 <= number < len(answer.parts)
            and (ref is None or answer.ref == ref)
        ):
            frames.append(answer.parts[number])
        else:
            missing.append(spelling)
    return FoundFrames(frames, missing, states)
