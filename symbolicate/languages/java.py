"""Java and Kotlin, on Android and on servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from symbolicate import context
from symbolicate.languages.echo import junk_of, one_based
from symbolicate.languages.unsupported import fallback_part
from symbolicate.outcome import Failed, FrameOutcome, FramePart, NotNeeded, unsupported
from symbolicate.raw_frame import JavaFrame, Submission
from symbolicate.release import SymbolSetRef


class Java:
    """Frames of the JVM: readable as they come unless a build renamed their classes."""

    version = 1

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names nothing: mappings are not read."""
        return None

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        """Shows each frame without a map id as it was sent, and fails one that carries one."""
        return [_outcome(submission) for submission in submissions]


def _outcome(submission: Submission) -> FrameOutcome:
    frame = cast(JavaFrame, submission.frame)
    if frame.map_id:
        return Failed(fallback_part(submission), unsupported(frame.platform))
    return NotNeeded(_as_sent(submission, frame))


def _as_sent(submission: Submission, frame: JavaFrame) -> FramePart:
    """Shows a frame as it came: without a resolved name, for its build may have renamed it."""
    around = context.from_client(
        frame.lineno, frame.context_line, frame.pre_context, frame.post_context
    )
    return FramePart(
        mangled_name=frame.function,
        lang=frame.platform,
        in_app=frame.in_app,
        resolved=True,
        line=one_based(frame.lineno),
        source=frame.filename,
        module=frame.module,
        synthetic=frame.synthetic,
        junk=junk_of(submission.raw, around),
        context=around,
    )
