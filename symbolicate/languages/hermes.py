"""JavaScript on Hermes, React Native's engine: compiled to bytecode, so a frame has no line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from symbolicate.languages.echo import junk_of, said
from symbolicate.languages.javascript import (
    LANG,
    MappedScript,
    chunk_id_failure,
    mapped_part,
    ref_too_long,
    script_ref,
)
from symbolicate.outcome import Failed, Failure, FrameOutcome, FramePart, NotNeeded, Resolved
from symbolicate.raw_frame import HermesFrame, Submission
from symbolicate.release import SymbolSetRef
from symbolicate.text import clean

KIND = "hermes"

_ANONYMOUS = "<anonymous>"
_MAX_U32 = 4_294_967_295
_NO_REFERENCE = Failure("no_reference", "No chunk id sent with frame")


class HermesScript(MappedScript):
    """A composed map: names come from its function maps alone, never from minified tokens."""

    def _function(self, line: int, column: int) -> str | None:
        found = self._map.function_at(line, column)
        return clean(found.name) if found is not None and found.how == "function_map" else None


class Hermes:
    """Frames of Hermes: `colno` is a 0-based bytecode offset, and the set has a chunk id."""

    version = 1

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names the set of a frame with a chunk id, even of one that has no column."""
        chunk_id = _frame(submission).chunk_id
        named = script_ref(chunk_id) if chunk_id else None
        return named and named._replace(kind=KIND)

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        """Explains frames by their `SourceMap`, or by what kept it from being opened."""
        if symbols is None:
            return [_unnamed(submission) for submission in submissions]
        if isinstance(symbols, Failure):
            return [_failed(submission, _worded(submission, symbols)) for submission in submissions]
        script = HermesScript(symbols)
        return [_mapped(submission, script) for submission in submissions]


def _frame(submission: Submission) -> HermesFrame:
    return cast(HermesFrame, submission.frame)


def _unnamed(submission: Submission) -> FrameOutcome:
    chunk_id = _frame(submission).chunk_id
    return _failed(submission, ref_too_long(chunk_id) if chunk_id else _NO_REFERENCE)


def _worded(submission: Submission, failure: Failure) -> Failure:
    return chunk_id_failure(failure, _frame(submission).chunk_id or "")


def _mapped(submission: Submission, script: MappedScript) -> FrameOutcome:
    frame = _frame(submission)
    if frame.colno is None:
        return NotNeeded(_as_sent(submission))
    original = script.original(1, frame.colno + 1)
    if original is None:
        where = f"column {frame.colno} on chunk {said(frame.chunk_id or '')}"
        return _failed(submission, Failure("symbol_not_found", f"No token for {where}"))
    return Resolved((mapped_part(frame, submission.raw, original),))


def _as_sent(submission: Submission) -> FramePart:
    """Shows a frame without a column, which is readable as it is."""
    frame = _frame(submission)
    return FramePart(
        mangled_name=frame.function,
        lang=LANG,
        in_app=frame.in_app and frame.filename != _ANONYMOUS,
        resolved=True,
        source=frame.filename,
        resolved_name=frame.function,
        synthetic=frame.synthetic,
        junk=junk_of(submission.raw, None),
    )


def _failed(submission: Submission, failure: Failure) -> Failed:
    frame = _frame(submission)
    part = FramePart(
        mangled_name=frame.function,
        lang=LANG,
        in_app=frame.in_app,
        resolved=False,
        line=1,
        column=None if frame.colno is None else min(frame.colno + 1, _MAX_U32),
        source=frame.filename,
        synthetic=frame.synthetic,
        junk=junk_of(submission.raw, None),
    )
    return Failed(part, failure)
