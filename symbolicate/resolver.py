"""The resolver: raw frames in, answers out, grouped so that each symbol set is opened once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.frame import frames_of
from symbolicate.frame_store import Answer
from symbolicate.languages.language import Language
from symbolicate.languages.registry import RESOLVER_VERSION, language_of
from symbolicate.languages.unsupported import fallback_part
from symbolicate.outcome import (
    INTERNAL,
    WITHOUT_USABLE_BYTES,
    Failed,
    Failure,
    FrameOutcome,
    Resolved,
)
from symbolicate.raw_frame import MachineFrame, Submission
from symbolicate.release import SymbolSet, SymbolSetRef

RETRY_AFTER = timedelta(seconds=60)

_log = logging.getLogger("symbolicate.resolver")

_Group = tuple[Language, SymbolSetRef | None]


class Resolver:
    """Answers raw frames; every raw frame gets exactly one answer, whatever is wrong with it."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock

    def resolve(self, team_id: int, submissions: Sequence[Submission]) -> list[Answer]:
        """Answers each submission, in order."""
        groups = _grouped(submissions)
        wanted = {reference for _, reference in groups if reference is not None}
        states = self._catalog.states(team_id, {reference.ref for reference in wanted})
        symbols = self._catalog.load(team_id, wanted, states)
        answers: list[Answer | None] = [None] * len(submissions)
        for (language, reference), places in groups.items():
            members = [submissions[place] for place in places]
            opened = symbols[reference] if reference is not None else None
            state = states.get(reference.ref) if reference is not None else None
            outcomes = _explain(language, members, opened)
            for place, member, outcome in zip(places, members, outcomes, strict=True):
                answers[place] = self._answer(member, outcome, reference, state)
        return [answer for answer in answers if answer is not None]

    def symbols(self, team_id: int, submission: Submission) -> Any | Failure | None:
        """Opens the symbol set that a frame names; None if it names none."""
        reference = language_of(submission).reference(submission)
        if reference is None:
            return None
        states = self._catalog.states(team_id, {reference.ref})
        return self._catalog.load(team_id, [reference], states)[reference]

    def _answer(
        self,
        submission: Submission,
        outcome: FrameOutcome,
        reference: SymbolSetRef | None,
        state: SymbolSet | None,
    ) -> Answer:
        code = outcome.failure.code if isinstance(outcome, Failed) else None
        ref = reference.ref if reference is not None else None
        retry_at = self._clock() + RETRY_AFTER if code in ("transient", "internal") else None
        asked_hash = state.data_hash if state is not None else None
        return Answer(
            raw_id=submission.hash,
            raw_frame=_kept(submission),
            debug_image=_image(submission),
            frames=frames_of(submission.hash, outcome, ref, retry_at),
            ref=ref,
            asked_hash=asked_hash,
            data_hash=None if code in WITHOUT_USABLE_BYTES else asked_hash,
            resolver_version=RESOLVER_VERSION,
            retry_at=retry_at,
        )


def _grouped(submissions: Sequence[Submission]) -> dict[_Group, list[int]]:
    groups: dict[_Group, list[int]] = {}
    for place, submission in enumerate(submissions):
        language = language_of(submission)
        groups.setdefault((language, language.reference(submission)), []).append(place)
    return groups


def _explain(
    language: Language, members: Sequence[Submission], symbols: Any | Failure | None
) -> list[FrameOutcome]:
    """Asks the language for a whole group; a bug in it costs the one frame that shows it."""
    try:
        return _complete(language.resolve(members, symbols), len(members))
    except Exception:
        _log.exception("explaining a frame failed")
        if len(members) == 1:
            return [Failed(fallback_part(members[0]), INTERNAL)]
        return [outcome for member in members for outcome in _explain(language, [member], symbols)]


def _complete(outcomes: list[FrameOutcome], wanted: int) -> list[FrameOutcome]:
    """Checks what every caller relies on: one outcome a frame, and at least one part in each."""
    if len(outcomes) != wanted:
        raise ValueError(f"{len(outcomes)} outcomes for {wanted} frames")
    if any(isinstance(outcome, Resolved) and not outcome.parts for outcome in outcomes):
        raise ValueError("a frame was resolved to no frames")
    return outcomes


def _kept(submission: Submission) -> dict[str, Any]:
    """Leaves out what no answer may depend on and no store should hold.

    A frame that was not read is named by all that it holds, so it is kept as it is.
    """
    raw = submission.raw
    if submission.frame is not None and "code_variables" in raw:
        return {key: value for key, value in raw.items() if key != "code_variables"}
    return raw


def _image(submission: Submission) -> dict[str, Any] | None:
    frame = submission.frame
    if isinstance(frame, MachineFrame) and frame.address is not None:
        image: dict[str, Any] = msgspec.to_builtins(frame.address)
        return image
    return None
