"""The frame store: answers kept by (team, raw id), in memory over the database."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from symbolicate.cache.weighted import WeightedCache
from symbolicate.clock import Clock, wire_time
from symbolicate.database import frames
from symbolicate.database.engine import Database
from symbolicate.frame import MadeFrame
from symbolicate.frame_context import Context
from symbolicate.identity import uuid7
from symbolicate.release import SymbolSet

FAILED_SECONDS = 300.0
_ENTRY_BYTES = 900
_ORIGINS = 16_384

_json = msgspec.json.Encoder()


class Answer(NamedTuple):
    """What the resolver made of one raw frame, before it is stored.

    `asked_hash` names the generation that served when the answer was made, `data_hash` the same
    if its bytes were read; None where there was none.
    """

    raw_id: bytes
    raw_frame: dict[str, Any]
    debug_image: dict[str, Any] | None
    frames: Sequence[MadeFrame]
    ref: str | None
    asked_hash: bytes | None
    data_hash: bytes | None
    resolver_version: int
    retry_at: datetime | None

    @property
    def failure_code(self) -> str | None:
        """The code of what went wrong, if anything did."""
        return self.frames[0].failure_code


class StoredPart(NamedTuple):
    """One stored part with its wire form up to `context`, ready to be joined into a response.

    The encoded `contents` and `context` are slices of it, not copies beside it.
    """

    raw_id: bytes
    part: int
    ref: str | None
    id: uuid.UUID
    created_at: datetime
    resolved: bool
    failure_code: str | None
    wire: bytes
    contents_at: slice
    context_at: slice | None

    @property
    def contents(self) -> bytes:
        """The contents as JSON."""
        return self.wire[self.contents_at]

    @property
    def context(self) -> bytes | None:
        """The context as JSON, None if there is none."""
        return None if self.context_at is None else self.wire[self.context_at]


class StoredAnswer(NamedTuple):
    """All parts of one raw id as stored, and what decides whether they are stale."""

    parts: tuple[StoredPart, ...]
    ref: str | None
    data_hash: bytes | None
    resolver_version: int
    retry_at: datetime | None

    def stale(self, state: SymbolSet | None, resolver_version: int, now: datetime) -> bool:
        """Tells whether the answer must be made again.

        It must when the set that bears its ref now has other bytes or the resolver is newer, when
        it needs no set and the resolver is newer, or when its time to be retried has come.
        """
        if self.retry_at is not None and self.retry_at <= now:
            return True
        if self.ref is None:
            return self.resolver_version != resolver_version
        if state is None or not state.usable:
            return False
        return state.data_hash != self.data_hash or self.resolver_version != resolver_version


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The generation that answers came from; one object for all of them, told apart by identity."""

    ref: str | None
    data_hash: bytes | None

    def replaced(self, states: Mapping[str, SymbolSet]) -> bool:
        """Tells whether the ref names other bytes now: the middle rule of `StoredAnswer.stale`."""
        state = states.get(self.ref) if self.ref is not None else None
        return state is not None and state.usable and state.data_hash != self.data_hash


_origin = lru_cache(_ORIGINS)(Origin)


class ReadyPart(NamedTuple):
    """What a hot read needs of a stored part: good for as long as its origin is not replaced."""

    wire: bytes
    origin: Origin


class Saved(NamedTuple):
    """What became of a save: the answers now stored, and those that a new generation outdated."""

    stored: dict[bytes, StoredAnswer]
    outdated: list[Answer]


class FrameStore:
    """Keeps answers; thread-safe."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        cache_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._memory: WeightedCache[tuple[int, bytes], StoredAnswer] = WeightedCache(
            cache_bytes, _weigh, ttl=_seconds, clock=monotonic
        )

    def get(self, team_id: int, raw_ids: Iterable[bytes]) -> dict[bytes, StoredAnswer]:
        """Gives what is stored of these raw ids, from memory where it is there."""
        wanted = list(dict.fromkeys(raw_ids))
        found = self.get_known(team_id, wanted)
        missing = [raw_id for raw_id in wanted if raw_id not in found]
        if missing:
            with self._database.read() as connection:
                rows = frames.load(connection, team_id, missing)
            found |= self.keep(team_id, rows)
        return found

    def ready(self, team_id: int, spellings: Iterable[str]) -> list[ReadyPart] | None:
        """Gives parts by raw ids as they were spelled before; None unless memory holds them all."""
        return self._memory.get_attached(team_id, spellings)

    def make_ready(
        self, team_id: int, spelled: Iterable[tuple[str, bytes, int]], resolver_version: int
    ) -> None:
        """Lets `ready` find parts that memory holds: (spelling, raw id, part) each.

        Only what needs no resolution but for another generation of its set can be ready.
        """
        wanted = list(spelled)
        answers = self.known(team_id, [raw_id for _, raw_id, _ in wanted])
        for (spelling, raw_id, number), answer in zip(wanted, answers, strict=True):
            if answer is None or not 0 <= number < len(answer.parts):
                continue
            if answer.retry_at is None and answer.resolver_version == resolver_version:
                origin = _origin(answer.ref, answer.data_hash)
                ready = ReadyPart(answer.parts[number].wire, origin)
                self._memory.attach((team_id, raw_id), team_id, spelling, ready)

    def get_known(self, team_id: int, raw_ids: Iterable[bytes]) -> dict[bytes, StoredAnswer]:
        """Gives those that memory holds."""
        wanted = list(raw_ids)
        found = zip(wanted, self.known(team_id, wanted), strict=True)
        return {raw_id: answer for raw_id, answer in found if answer is not None}

    def known(self, team_id: int, raw_ids: Sequence[bytes]) -> list[StoredAnswer | None]:
        """Gives what memory holds of each raw id, in order."""
        return self._memory.get_each([(team_id, raw_id) for raw_id in raw_ids])

    def forget(self, team_id: int, raw_ids: Iterable[bytes]) -> None:
        """Drops answers from memory, so that the next look reads the database."""
        for raw_id in raw_ids:
            self._memory.discard((team_id, raw_id))

    def sources(self, team_id: int, raw_ids: Iterable[bytes]) -> dict[bytes, frames.SourceRow]:
        """Gives the raw frames of stored answers, as they were sent."""
        with self._database.read() as connection:
            return frames.sources(connection, team_id, raw_ids)

    def save(self, team_id: int, answers: Sequence[Answer]) -> Saved:
        """Stores answers in one transaction.

        The transaction first reads again which generation serves under each ref; an answer from
        another generation is not written but handed back as outdated.
        """
        with self._database.write() as connection:
            refs = {answer.ref for answer in answers if answer.ref is not None}
            current = frames.hashes_now(connection, team_id, refs)
            outdated = [answer for answer in answers if _outdated(answer, current)]
            late = {answer.raw_id for answer in outdated}
            valid = [answer for answer in answers if answer.raw_id not in late]
            new = [row for answer in valid for row in rows_of(answer)]
            frames.save(connection, team_id, new, self._clock())
            rows = frames.load(connection, team_id, [answer.raw_id for answer in valid])
        return Saved(self.keep(team_id, rows), outdated)

    def keep(self, team_id: int, rows: Sequence[frames.FrameRow]) -> dict[bytes, StoredAnswer]:
        """Remembers rows as they are stored, every part of a raw id among them."""
        grouped: dict[bytes, list[frames.FrameRow]] = {}
        for row in rows:
            grouped.setdefault(row.raw_id, []).append(row)
        answers = {raw_id: _stored(parts) for raw_id, parts in grouped.items()}
        for raw_id, answer in answers.items():
            self._memory.put((team_id, raw_id), answer)
        return answers


def _outdated(answer: Answer, current: Mapping[str, bytes | None]) -> bool:
    serving = current.get(answer.ref) if answer.ref is not None else None
    return serving is not None and answer.asked_hash != serving


def rows_of(answer: Answer) -> list[frames.NewFrame]:
    """Lays out an answer as the rows that store it."""
    raw_frame = _json.encode(answer.raw_frame).decode()
    return [
        frames.NewFrame(
            raw_id=answer.raw_id,
            part=frame.part,
            id=uuid7(),
            raw_frame=raw_frame,
            debug_image=_encoded(answer.debug_image),
            symbol_set_ref=answer.ref,
            symbol_set_data_hash=answer.data_hash,
            resolver_version=answer.resolver_version,
            contents=_json.encode(frame.contents).decode(),
            context=_encoded(frame.context),
            resolved=frame.resolved,
            failure_code=frame.failure_code,
            retry_at=answer.retry_at,
            lang=frame.contents["lang"],
        )
        for frame in answer.frames
    ]


def _encoded(value: dict[str, Any] | Context | None) -> str | None:
    return None if value is None else _json.encode(value).decode()


def _stored(rows: Sequence[frames.FrameRow]) -> StoredAnswer:
    first = rows[0]
    return StoredAnswer(
        tuple(stored_part(row) for row in rows),
        first.symbol_set_ref,
        first.symbol_set_data_hash,
        first.resolver_version,
        first.retry_at,
    )


def stored_part(row: frames.FrameRow) -> StoredPart:
    """Lays out one row as it goes over the wire, up to the facts that are read live."""
    head = (
        f'{{"id":"{row.id}","raw_id":"{row.raw_id.hex()}/{row.part}",'
        f'"created_at":"{wire_time(row.created_at)}","contents":'
    ).encode()
    contents, context = row.contents.encode(), (row.context or "null").encode()
    middle = b',"resolved":%b,"context":' % (b"true" if row.resolved else b"false")
    wire = b"".join((head, contents, middle, context))
    return StoredPart(
        row.raw_id,
        row.part,
        row.symbol_set_ref,
        row.id,
        row.created_at,
        row.resolved,
        row.failure_code,
        wire,
        slice(len(head), len(head) + len(contents)),
        None if row.context is None else slice(len(wire) - len(context), len(wire)),
    )


def _weigh(_key: tuple[int, bytes], answer: StoredAnswer) -> int:
    return sum(_ENTRY_BYTES + len(part.wire) for part in answer.parts)


def _seconds(_key: tuple[int, bytes], answer: StoredAnswer) -> float | None:
    return FAILED_SECONDS if answer.parts[0].failure_code is not None else None
