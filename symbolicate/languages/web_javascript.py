"""JavaScript in browsers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from symbolicate.languages.echo import junk_of, one_based, said
from symbolicate.languages.javascript import (
    LANG,
    MappedScript,
    chunk_id_failure,
    mapped_part,
    no_token,
    ref_too_long,
    script_ref,
)
from symbolicate.languages.script_url import cleaned_url, url_path
from symbolicate.outcome import Failed, Failure, FrameOutcome, FramePart, NotNeeded, Resolved
from symbolicate.raw_frame import Submission, WebFrame
from symbolicate.release import SymbolSetRef

_ANONYMOUS = "<anonymous>"
_WIDEST_WRITTEN_COLUMN = 300
_NO_REFERENCE = Failure("no_reference", "This frame had no source url or chunk id")


class WebJavaScript:
    """Frames of browsers: named by chunk id, else by the script's URL, and never by both."""

    version = 1

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names the set of a frame with a location; one without needs none."""
        frame = _frame(submission)
        name = _name(frame) if frame.located else None
        return None if name is None else script_ref(name)

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        """Explains frames by their `SourceMap`, or by what kept it from being opened."""
        if symbols is None:
            return [_unnamed(submission) for submission in submissions]
        if isinstance(symbols, Failure):
            return [_failed(submission, _worded(submission, symbols)) for submission in submissions]
        script = MappedScript(symbols)
        return [_mapped(submission, script) for submission in submissions]


def _frame(submission: Submission) -> WebFrame:
    return cast(WebFrame, submission.frame)


def _name(frame: WebFrame) -> str | None:
    return frame.chunk_id or (cleaned_url(frame.filename) if frame.filename else None)


def _unnamed(submission: Submission) -> FrameOutcome:
    frame = _frame(submission)
    if not frame.located:
        return NotNeeded(_as_sent(submission))
    name = _name(frame)
    if name is not None:
        return _failed(submission, ref_too_long(name))
    if not frame.filename:
        return _failed(submission, _NO_REFERENCE)
    sentence = f"Invalid source url: {said(frame.filename)}"
    return _failed(submission, Failure("malformed", sentence))


def _worded(submission: Submission, failure: Failure) -> Failure:
    frame = _frame(submission)
    if frame.chunk_id:
        return chunk_id_failure(failure, frame.chunk_id)
    if failure.code != "no_symbol_set":
        return failure
    sentence = f"Could not find sourcemap for source url: {_name(frame)}"
    return Failure(failure.code, sentence)


def _mapped(submission: Submission, script: MappedScript) -> FrameOutcome:
    frame = _frame(submission)
    lineno, colno = frame.lineno or 0, frame.colno or 0
    original = script.original(lineno, colno)
    if original is None:
        return _failed(submission, no_token(frame.function, lineno, colno))
    return Resolved((mapped_part(frame, submission.raw, original),))


def _as_sent(submission: Submission) -> FramePart:
    """Shows a frame without a location, which is readable as it is."""
    frame = _frame(submission)
    return FramePart(
        mangled_name=frame.function,
        lang=LANG,
        in_app=frame.in_app and frame.filename != _ANONYMOUS,
        resolved=True,
        source=url_path(frame.filename) if frame.filename else None,
        resolved_name=frame.function,
        synthetic=frame.synthetic,
        junk=junk_of(submission.raw, None),
    )


def _failed(submission: Submission, failure: Failure) -> Failed:
    frame = _frame(submission)
    minified = _is_minified(frame, failure)
    part = FramePart(
        mangled_name=frame.function,
        lang=LANG,
        in_app=frame.in_app,
        resolved=not minified,
        line=one_based(frame.lineno),
        column=one_based(frame.colno),
        source=url_path(frame.filename) if frame.filename else None,
        resolved_name=None if minified else frame.function,
        synthetic=frame.synthetic,
        junk=junk_of(submission.raw, None),
    )
    return Failed(part, failure)


def _is_minified(frame: WebFrame, failure: Failure) -> bool:
    """Judges whether a frame that could not be mapped is unreadable as it came.

    A chunk id is put in by a build, so what carries one has been through a minifier.
    """
    if frame.chunk_id:
        return True
    if failure.code == "no_symbol_set":
        return frame.colno is not None and frame.colno > _WIDEST_WRITTEN_COLUMN
    return failure.code != "no_reference"
