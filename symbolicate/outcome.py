"""What became of an event, and what became of a frame.

A frame is *resolved* (a symbol set explained it), *not needed* (it was readable as it came) or
*failed*; a failure is a value with one of the twelve codes below and a sentence for people.
Codes fall into two classes that are never mixed: what the data says may be stored as a fact,
what we could not find out may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from symbolicate.frame_context import Context

DATA_CODES = frozenset(
    {
        "no_reference",
        "no_symbol_set",
        "upload_pending",
        "blob_missing",
        "symbol_not_found",
        "malformed",
        "limit_exceeded",
        "permission_denied",
        "unsupported",
    }
)
OUR_CODES = frozenset({"corrupt_object", "transient", "internal"})
FAILURE_CODES = DATA_CODES | OUR_CODES

WITHOUT_USABLE_BYTES = frozenset(
    {"no_symbol_set", "upload_pending", "blob_missing", "corrupt_object", "transient", "internal"}
)
"""Failures that never replace an answer that a symbol set once gave."""


class Failure(NamedTuple):
    """Why a frame could not be explained: a code of `FAILURE_CODES` and the sentence."""

    code: str
    sentence: str


TRANSIENT = Failure("transient", "Temporarily unavailable, will be retried")
INTERNAL = Failure("internal", "Internal error")


def unsupported(what: str) -> Failure:
    """Says that a tag or format is known to be one we do not handle."""
    return Failure("unsupported", f"Not supported: {what}")


def upload_pending(ref: str) -> Failure:
    """Says that an upload for this ref was started and not finished."""
    return Failure("upload_pending", f"The upload for {ref} has not finished yet")


def blob_missing(ref: str) -> Failure:
    """Says that the set is known and its stored object is gone."""
    return Failure("blob_missing", f"The stored file for {ref} is missing")


def corrupt_object(ref: str) -> Failure:
    """Says that the stored bytes differ from the hash recorded at upload."""
    return Failure("corrupt_object", f"The stored file for {ref} is damaged")


class FramePart(NamedTuple):
    """One output frame before it is numbered; None means the key is absent.

    `line` and `column` are 1-based; `junk` is the raw frame to echo, without its tag.
    """

    mangled_name: str
    lang: str
    in_app: bool
    resolved: bool
    line: int | None = None
    column: int | None = None
    source: str | None = None
    module: str | None = None
    resolved_name: str | None = None
    synthetic: bool = False
    suspicious: bool = False
    junk: dict[str, Any] | None = None
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A symbol set explained the frame: 1..n parts, the outermost first."""

    parts: tuple[FramePart, ...]


@dataclass(frozen=True, slots=True)
class NotNeeded:
    """The frame was readable as it came."""

    part: FramePart


@dataclass(frozen=True, slots=True)
class Failed:
    """The frame could not be explained; `part` says what is known of it all the same."""

    part: FramePart
    failure: Failure


FrameOutcome = Resolved | NotNeeded | Failed

Status = Literal["ok", "dropped", "invalid", "retry"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event; `event` is present exactly when `status` is `ok`."""

    status: Status
    reason: str | None = None
    event: dict[str, Any] | None = None

    def tagged(self) -> dict[str, Any]:
        """Gives the wire form: `{"status": "ok", "event": …}` or `{"status": …, "reason": …}`."""
        if self.status == "ok":
            return {"status": "ok", "event": self.event}
        return {"status": self.status, "reason": self.reason}
