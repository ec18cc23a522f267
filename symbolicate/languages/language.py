"""What a platform must be able to do: name the symbol set of a frame, and explain frames by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from symbolicate.outcome import Failure, FrameOutcome
from symbolicate.raw_frame import Submission
from symbolicate.release import SymbolSetRef


class Language(Protocol):
    """One platform; pure: it sees frames and opened symbols, never a store."""

    version: int
    """Rises when an answer of this platform can change for the same frame and the same set."""

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        """Names the one symbol set that can explain the frame; None if it asks for none."""
        ...

    def resolve(
        self, submissions: Sequence[Submission], symbols: Any | Failure | None
    ) -> list[FrameOutcome]:
        """Explains frames that share one reference, one outcome a frame, in order.

        `symbols` is what the catalog opened for the reference's kind, the failure to open it, or
        None for frames without a reference.
        """
        ...
