"""Answers kept fresh: stored where they are, made where they are missing or stale, then stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.frame_store import Answer, FrameStore, StoredAnswer
from symbolicate.images import Address
from symbolicate.languages.registry import RESOLVER_VERSION
from symbolicate.metrics import Metrics
from symbolicate.outcome import Failure
from symbolicate.raw_frame import Submission, read_raw_frame
from symbolicate.resolver import Resolver

SAVE_ATTEMPTS = 3


class Answers:
    """The one way by which frames are answered from the store; thread-safe.

    An answer made from a generation that was replaced meanwhile is made again before it is
    written, and an answer from a symbol set is never replaced by one that had no bytes to read.
    """

    def __init__(
        self,
        store: FrameStore,
        resolver: Resolver,
        catalog: Catalog,
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._catalog = catalog
        self._clock = clock
        self._metrics = metrics

    def for_submissions(
        self, team_id: int, submissions: Iterable[Submission], *, last: bool = False
    ) -> tuple[dict[bytes, StoredAnswer], set[bytes]]:
        """Answers frames as they come in.

        Gives the answers by raw id, and apart from them the raw ids that could not be answered
        now, because a dependency was out of reach or their symbol set changed over and over: of
        those nothing is written. The `last` time, a dependency out of reach is an answer too,
        which is stored until it can be had, unless a better one is.
        """
        unique = {submission.hash: submission for submission in submissions}
        stored = self._store.get(team_id, unique)
        stale = self.stale(team_id, stored)
        refs = {answer.ref for answer in stored.values() if answer.ref}
        self._catalog.note_used(team_id, self._catalog.states(team_id, refs).values())
        todo = [
            submission
            for raw_id, submission in unique.items()
            if raw_id not in stored or raw_id in stale
        ]
        self._count("fresh", len(unique) - len(todo))
        made, unreachable = self._make(team_id, todo, stored, last)
        answers = stored | made
        return answers, unreachable - (answers if last else made).keys()

    def symbols(self, team_id: int, submission: Submission) -> Any | Failure | None:
        """Opens the symbol set that a frame names; None if it names none."""
        return self._resolver.symbols(team_id, submission)

    def refreshed(self, team_id: int, raw_ids: Iterable[bytes]) -> dict[bytes, StoredAnswer]:
        """Makes stored answers again from the raw frames kept beside them, and stores them.

        Those that end in ignorance come back as they are stored.
        """
        wanted = list(raw_ids)
        stored = self._store.get(team_id, wanted)
        sources = self._store.sources(team_id, wanted)
        submissions = [_submission(row.raw_frame, row.debug_image) for row in sources.values()]
        made, _ = self._make(team_id, submissions, stored)
        return stored | made

    def stale(self, team_id: int, stored: dict[bytes, StoredAnswer]) -> set[bytes]:
        """Tells which stored answers must be made again."""
        states = self._catalog.states(team_id, {a.ref for a in stored.values() if a.ref})
        now = self._clock()
        return {
            raw_id
            for raw_id, answer in stored.items()
            if answer.stale(states.get(answer.ref or ""), RESOLVER_VERSION, now)
        }

    def _make(
        self,
        team_id: int,
        submissions: Sequence[Submission],
        stored: dict[bytes, StoredAnswer],
        last: bool = False,
    ) -> tuple[dict[bytes, StoredAnswer], set[bytes]]:
        made: dict[bytes, StoredAnswer] = {}
        unreachable: set[bytes] = set()
        by_hash = {submission.hash: submission for submission in submissions}
        for _attempt in range(SAVE_ATTEMPTS):
            answers = self._resolver.resolve(team_id, list(by_hash.values()))
            unreachable |= {a.raw_id for a in answers if a.failure_code == "transient"}
            worth = [a for a in answers if _worth_storing(a, stored.get(a.raw_id), last)]
            saved = self._store.save(team_id, worth) if worth else None
            if saved is None:
                break
            made |= saved.stored
            self._count_made(worth)
            by_hash = {a.raw_id: by_hash[a.raw_id] for a in saved.outdated}
            if not by_hash:
                break
            self._catalog.forget(team_id, {a.ref for a in saved.outdated if a.ref})
        else:
            unreachable |= by_hash.keys()
        return made, unreachable

    def _count_made(self, answers: Sequence[Answer]) -> None:
        failed = sum(answer.failure_code is not None for answer in answers)
        self._count("failed", failed)
        self._count("resolved", len(answers) - failed)

    def _count(self, answer: str, amount: int) -> None:
        if amount:
            self._metrics.count("symbolicate_frames_total", amount, answer=answer)


def _worth_storing(answer: Answer, stored: StoredAnswer | None, last: bool) -> bool:
    """Leaves out what we could not find out, and ignorance that is stored already."""
    if answer.failure_code == "transient":
        return last and stored is None
    if stored is None or answer.data_hash is not None or answer.ref is None:
        return True
    same = answer.failure_code == stored.parts[0].failure_code
    return not (same and stored.retry_at is None) and stored.data_hash is None


def _submission(raw_frame: str, debug_image: str | None) -> Submission:
    address = msgspec.json.decode(debug_image, type=Address) if debug_image else None
    return read_raw_frame(msgspec.json.decode(raw_frame), address=address)
