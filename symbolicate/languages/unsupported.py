"""Frames that no platform explains: an unknown tag, or one whose form the frame does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from symbolicate.languages.echo import one_based, said
from symbolicate.outcome import Failed, Failure, FrameOutcome, FramePart, unsupported
from symbolicate.raw_frame import PLATFORMS, Submission
from symbolicate.release import SymbolSetRef

_MAX_U32 = 4_294_967_295


class Unsupported:
    """Shows whatever of a frame is usable; asks for no symbol set."""

    version = 1

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names nothing."""
        return None

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        """Fails each frame with `malformed` or `unsupported`."""
        return [Failed(fallback_part(item), _failure(item)) for item in submissions]


def fallback_part(submission: Submission) -> FramePart:
    """Shows whatever of a frame is usable, whether or not it was read."""
    raw = submission.raw
    in_app = raw.get("in_app")
    return FramePart(
        mangled_name=_text(raw.get("function")) or "",
        lang=submission.tag,
        in_app=in_app if isinstance(in_app, bool) else True,
        resolved=False,
        line=one_based(_number(raw.get("lineno"))),
        column=one_based(_number(raw.get("colno"))),
        source=_text(raw.get("filename")),
        synthetic=raw.get("synthetic") is True,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    """Takes a JSON integer that fits the wire; `bool` is an `int` in Python and is none here."""
    return value if type(value) is int and 0 <= value <= _MAX_U32 else None


def _failure(submission: Submission) -> Failure:
    if not submission.malformed:
        return unsupported(said(submission.tag))
    return Failure("malformed", f"The frame cannot be read: {said(_misfit(submission))}")


def _misfit(submission: Submission) -> str:
    """Says which field is at fault; types and names only, never a client's value."""
    kind = PLATFORMS.get(submission.tag)
    if kind is None:
        return "it has no platform"
    given = {key: value for key, value in submission.raw.items() if value is not None}
    try:
        msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        return str(error)
    except UnicodeEncodeError:
        pass
    return f"it does not fit {submission.tag}"
