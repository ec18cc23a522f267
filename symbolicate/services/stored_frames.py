"""Stored frames as clients read them: by raw id, by id, as a list; stale ones repaired first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from symbolicate.answers import Answers
from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.database import frame_listing, symbol_sets
from symbolicate.database.engine import Database
from symbolicate.errors import NotFound, Refused
from symbolicate.frame import StoredFrame
from symbolicate.frame_store import FrameStore, StoredAnswer, StoredPart, stored_part
from symbolicate.identity import normal_ref, parse_raw_id, raw_id_bytes
from symbolicate.languages.registry import RESOLVER_VERSION
from symbolicate.release import SymbolSet
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

    def close(self) -> None:
        """Ends the threads that repair stale frames."""
        self._repairs.shutdown(cancel_futures=True)

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
        return _found(wanted, answers, states, ref)

    def batch_in_memory(self, team_id: int, raw_ids: Sequence[str]) -> bytes | None:
        """Gives the wire form of the same if it can be told, fresh, without the database."""
        wanted = read_raw_ids(raw_ids)
        named = [one for one in wanted if one.raw_id is not None]
        answers = self._store.known(team_id, [one.raw_id for one in named if one.raw_id])
        refs = {answer.ref for answer in answers if answer is not None}
        states = self._catalog.known_states(team_id, [ref for ref in refs if ref is not None])
        if states is None:
            return None
        tails, now = _Tails(states), self._clock()
        # The rule is StoredAnswer.stale; nearly every answer passes this cheaper one before it.
        serving: dict[str | None, bytes | None] = {
            ref: state.data_hash for ref, state in states.items()
        }
        pieces: list[bytes] = []
        missing = [one.spelling for one in wanted if one.raw_id is None]
        for (_, number, spelling), answer in zip(named, answers, strict=True):
            if answer is None:
                return None
            parts, ref, data_hash, version, retry_at = answer
            same = serving.get(ref, data_hash) == data_hash and version == RESOLVER_VERSION
            if not same or retry_at is not None:
                state = states.get(ref) if ref is not None else None
                if answer.stale(state, RESOLVER_VERSION, now):
                    return None
            if 0 <= number < len(parts):
                pieces += (parts[number].wire, tails[ref], b",")
            else:
                missing.append(spelling)
        if missing:
            unknown = set(missing)
            missing = [one.spelling for one in wanted if one.spelling in unknown]
        return _joined(pieces, missing)

    def page(self, team_id: int, *, limit: int, offset: int) -> tuple[int, bytes]:
        """Gives the count of the team's frames and one page of them as a JSON array."""
        with self._database.read() as connection:
            total = frame_listing.count(connection, team_id)
            rows = frame_listing.newest(connection, team_id, limit=limit, offset=offset)
        refs = {row.symbol_set_ref for row in rows if row.symbol_set_ref}
        states = self._catalog.states(team_id, refs)
        tails = _Tails(states)
        pieces: list[bytes] = []
        for row in rows:
            pieces += (stored_part(row).wire, tails[row.symbol_set_ref], b",")
        return total, b"[" + b"".join(pieces[:-1]) + b"]"

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
        return part.wire + _Tails(states)[ref]

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
    pieces: list[bytes] = []
    for part in found.frames:
        pieces += (part.wire, tails[part.ref], b",")
    return _joined(pieces, found.missing)


def _joined(pieces: list[bytes], missing: list[str]) -> bytes:
    """Joins frames, each with a comma behind it, and the ids that are unknown."""
    end = b'],"missing":%b}' % _json.encode(missing)
    return b"".join((b'{"results":[', *pieces[:-1], end))


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
    """The end of a frame's wire form, made once a ref: its set's ref and release, read live."""

    def __init__(self, states: _States) -> None:
        super().__init__()
        self._states = states

    def __missing__(self, ref: str | None) -> bytes:
        state = self._states.get(ref) if ref is not None else None
        shown = None if state is None else ref
        release = None if state is None or state.release is None else state.release.to_wire()
        tail = b',"symbol_set_ref":%b,"release":%b}' % (_json.encode(shown), _encoded(release))
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
