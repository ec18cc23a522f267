"""Ruby, PHP, Go, Dart and languages of the client's own: frames are readable as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from symbolicate import context
from symbolicate.languages.echo import junk_of, one_based
from symbolicate.outcome import FrameOutcome, FramePart, NotNeeded
from symbolicate.raw_frame import (
    CustomFrame,
    DartFrame,
    GoFrame,
    PhpFrame,
    RubyFrame,
    Submission,
    WithContext,
)
from symbolicate.release import SymbolSetRef

_NAMELESS = "<unknown>"


class PassThrough:
    """Frames of one platform that no symbol set explains: `show` says how each one looks."""

    def __init__(self, show: Callable[[Submission], FramePart], version: int = 1) -> None:
        self.version = version
        self._show = show

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names nothing."""
        return None

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        """Shows each frame as it was sent."""
        return [NotNeeded(self._show(submission)) for submission in submissions]


def ruby(submission: Submission) -> FramePart:
    """Shows a Ruby frame."""
    frame = cast(RubyFrame, submission.frame)
    return _part(frame, frame.function, "ruby", frame.filename, frame.lineno)


def php(submission: Submission) -> FramePart:
    """Shows a PHP frame; code outside of functions has no name, and internal functions no file."""
    frame = cast(PhpFrame, submission.frame)
    name = _NAMELESS if frame.function is None else frame.function
    part = _part(frame, name, "php", frame.filename, frame.lineno)
    return part._replace(resolved_name=frame.function)


def go(submission: Submission) -> FramePart:
    """Shows a Go frame, with which no source lines come."""
    frame = cast(GoFrame, submission.frame)
    return FramePart(
        mangled_name=frame.function,
        lang="go",
        in_app=frame.in_app,
        resolved=True,
        line=one_based(frame.lineno),
        source=frame.filename,
        resolved_name=frame.function,
        synthetic=frame.synthetic,
    )


def dart(submission: Submission) -> FramePart:
    """Shows a Dart frame, whose path is its `abs_path`; an asynchronous gap has no name."""
    frame = cast(DartFrame, submission.frame)
    name = frame.function or ""
    return FramePart(
        mangled_name=name,
        lang="dart",
        in_app=frame.in_app,
        resolved=True,
        line=one_based(frame.lineno),
        column=one_based(frame.colno),
        source=frame.abs_path,
        resolved_name=name,
        synthetic=frame.synthetic,
        junk=junk_of(submission.raw, None),
    )


def custom(submission: Submission) -> FramePart:
    """Shows a frame of a language of the client's own; whether it is resolved is its word."""
    frame = cast(CustomFrame, submission.frame)
    part = _part(
        frame, frame.function, frame.lang, frame.filename, frame.lineno, nearest_first=True
    )
    return part._replace(
        resolved=frame.resolved, column=one_based(frame.colno), module=frame.module
    )


def _part(
    frame: WithContext,
    name: str,
    lang: str,
    source: str | None,
    lineno: int | None,
    *,
    nearest_first: bool = False,
) -> FramePart:
    lines = (frame.context_line, frame.pre_context, frame.post_context)
    return FramePart(
        mangled_name=name,
        lang=lang,
        in_app=frame.in_app,
        resolved=True,
        line=one_based(lineno),
        source=source,
        resolved_name=name,
        synthetic=frame.synthetic,
        context=context.from_client(lineno, *lines, nearest_first=nearest_first),
    )
