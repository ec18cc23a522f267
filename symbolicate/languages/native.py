"""Native programs: C, C++, Rust, Go, Swift and their like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from symbolicate.languages.echo import junk_of, one_based
from symbolicate.languages.native_source import is_foreign_native, lang_of_source
from symbolicate.languages.unsupported import fallback_part
from symbolicate.outcome import Failed, FrameOutcome, FramePart, NotNeeded, unsupported
from symbolicate.raw_frame import NativeFrame, Submission
from symbolicate.release import SymbolSetRef


class Native:
    """Frames of native programs: shown as they come where the client explained them itself."""

    version = 1

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names nothing: debug files are not read."""
        return None

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        """Shows frames that have no address of their own, and fails those that have one."""
        return [_outcome(submission) for submission in submissions]


def _outcome(submission: Submission) -> FrameOutcome:
    frame = cast(NativeFrame, submission.frame)
    if frame.inline or frame.instruction_addr is None:
        return NotNeeded(_as_sent(submission, frame))
    return Failed(fallback_part(submission), unsupported(frame.platform))


def _as_sent(submission: Submission, frame: NativeFrame) -> FramePart:
    """Shows a frame verbatim; it is resolved if it says in which function it was."""
    foreign = frame.filename is not None and is_foreign_native(frame.filename)
    return FramePart(
        mangled_name=frame.function or "",
        lang=lang_of_source(frame.filename) or frame.lang or frame.platform,
        in_app=frame.in_app and not foreign,
        resolved=bool(frame.function),
        line=one_based(frame.lineno),
        column=one_based(frame.colno),
        source=frame.filename,
        module=frame.module,
        resolved_name=frame.function,
        synthetic=frame.synthetic,
        junk=junk_of(submission.raw, None),
    )
