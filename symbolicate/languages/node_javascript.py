"""JavaScript on Node.js."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from symbolicate import context
from symbolicate.in_app import is_foreign_script
from symbolicate.languages.echo import junk_of, one_based
from symbolicate.languages.javascript import (
    LANG,
    MappedScript,
    chunk_id_failure,
    mapped_part,
    no_token,
    ref_too_long,
    script_ref,
)
from symbolicate.outcome import Failed, Failure, FrameOutcome, FramePart, NotNeeded, Resolved
from symbolicate.raw_frame import NodeFrame, Submission
from symbolicate.release import SymbolSetRef


class NodeJavaScript:
    """Frames of Node.js: mapped only by chunk id, readable as they came without one."""

    version = 1

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names the set of a frame with a location and a chunk id; others pass through."""
        frame = _frame(submission)
        return script_ref(frame.chunk_id) if frame.located and frame.chunk_id else None

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        """Explains frames by their `SourceMap`, or by what kept it from being opened."""
        if symbols is None:
            return [_unnamed(submission) for submission in submissions]
        if isinstance(symbols, Failure):
            return [_failed(submission, _worded(submission, symbols)) for submission in submissions]
        script = MappedScript(symbols)
        return [_mapped(submission, script) for submission in submissions]


def _frame(submission: Submission) -> NodeFrame:
    return cast(NodeFrame, submission.frame)


def _unnamed(submission: Submission) -> FrameOutcome:
    frame = _frame(submission)
    if frame.located and frame.chunk_id:
        return _failed(submission, ref_too_long(frame.chunk_id))
    return NotNeeded(_as_sent(frame)._replace(resolved=True, resolved_name=frame.function))


def _worded(submission: Submission, failure: Failure) -> Failure:
    return chunk_id_failure(failure, _frame(submission).chunk_id or "")


def _mapped(submission: Submission, script: MappedScript) -> FrameOutcome:
    frame = _frame(submission)
    lineno, colno = frame.lineno or 0, frame.colno or 0
    original = script.original(lineno, colno)
    if original is None:
        return _failed(submission, no_token(frame.function, lineno, colno))
    part = mapped_part(frame, submission.raw, original)
    in_app = part.in_app and not is_foreign_script(frame.filename)
    return Resolved((part._replace(in_app=in_app, module=frame.module),))


def _failed(submission: Submission, failure: Failure) -> Failed:
    """Shows the frame as sent, unresolved: it carries a chunk id, and so waits for its set."""
    part = _as_sent(_frame(submission))
    return Failed(part._replace(junk=junk_of(submission.raw, part.context)), failure)


def _as_sent(frame: NodeFrame) -> FramePart:
    return FramePart(
        mangled_name=frame.function,
        lang=LANG,
        in_app=frame.in_app and not is_foreign_script(frame.filename),
        resolved=False,
        line=one_based(frame.lineno),
        column=one_based(frame.colno),
        source=frame.filename,
        module=frame.module,
        synthetic=frame.synthetic,
        context=context.from_client(
            frame.lineno, frame.context_line, frame.pre_context, frame.post_context
        ),
    )
