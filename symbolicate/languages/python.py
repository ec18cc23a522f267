"""Python: frames are readable as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from symbolicate import context
from symbolicate.in_app import is_foreign_python
from symbolicate.languages.echo import one_based
from symbolicate.outcome import FrameOutcome, FramePart, NotNeeded
from symbolicate.raw_frame import PythonFrame, Submission
from symbolicate.release import SymbolSetRef


class Python:
    """Frames of Python: no symbol set; what is left to do is to tell whose code they are."""

    version = 1

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names nothing."""
        return None

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        """Shows each frame as it was sent, without `code_variables`."""
        return [NotNeeded(_part(cast(PythonFrame, item.frame))) for item in submissions]


def _part(frame: PythonFrame) -> FramePart:
    foreign = is_foreign_python(frame.filename, frame.abs_path, frame.module)
    return FramePart(
        mangled_name=frame.function,
        lang="python",
        in_app=frame.in_app and not foreign,
        resolved=True,
        line=one_based(frame.lineno),
        source=frame.filename,
        module=frame.module,
        resolved_name=frame.function,
        synthetic=frame.synthetic,
        context=context.from_client(
            frame.lineno, frame.context_line, frame.pre_context, frame.post_context
        ),
    )
