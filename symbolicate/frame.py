"""Frames: raw as an SDK sent them, and resolved as they go out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from symbolicate.clock import wire_time
from symbolicate.frame_context import Context
from symbolicate.outcome import Failed, Failure, FrameOutcome, FramePart, Resolved
from symbolicate.release import Release


@dataclass(frozen=True, slots=True)
class Frame:
    """One output frame; `raw_id` is `<64 hex digits>/<part>`, lines and columns are 1-based."""

    raw_id: str
    part: int
    contents: dict[str, Any]
    context: dict[str, Any] | None
    resolved: bool
    failure_code: str | None
    symbol_set_ref: str | None


class MadeFrame(NamedTuple):
    """A frame as the resolver made it, ready to be stored."""

    raw_id: str
    part: int
    contents: dict[str, Any]
    context: Context | None
    resolved: bool
    failure_code: str | None
    symbol_set_ref: str | None

    def to_frame(self) -> Frame:
        """Gives the frame that a caller sees."""
        return Frame(
            self.raw_id,
            self.part,
            self.contents,
            None if self.context is None else self.context.to_wire(),
            self.resolved,
            self.failure_code,
            self.symbol_set_ref,
        )


@dataclass(frozen=True, slots=True)
class StoredFrame(Frame):
    """A frame as the store keeps it; `created_at` is the time of its last resolution."""

    id: uuid.UUID
    created_at: datetime
    release: Release | None


def contents_of(
    part: FramePart, raw_id: str, failure: Failure | None, retry_at: datetime | None
) -> dict[str, Any]:
    """Lays out the wire form of one frame, keys in their documented order, unset keys absent."""
    contents: dict[str, Any] = {"raw_id": raw_id, "mangled_name": part.mangled_name}
    if part.line is not None:
        contents["line"] = part.line
    if part.column is not None:
        contents["column"] = part.column
    if part.source is not None:
        contents["source"] = part.source
    if part.module is not None:
        contents["module"] = part.module
    contents["in_app"] = part.in_app
    if part.resolved_name is not None:
        contents["resolved_name"] = part.resolved_name
    contents["lang"] = part.lang
    contents["resolved"] = part.resolved
    if failure is not None:
        contents["resolve_failure"] = failure.sentence
        contents["failure_code"] = failure.code
    if retry_at is not None:
        contents["retry_at"] = wire_time(retry_at)
    contents["synthetic"] = part.synthetic
    contents["suspicious"] = part.suspicious
    if part.junk is not None:
        contents["junk_drawer"] = {"raw_frame": part.junk}
    return contents


def frames_of(
    raw_id_hash: bytes, outcome: FrameOutcome, ref: str | None, retry_at: datetime | None = None
) -> list[MadeFrame]:
    """Numbers the parts of one raw frame's outcome, outermost first."""
    parts = outcome.parts if isinstance(outcome, Resolved) else (outcome.part,)
    failure = outcome.failure if isinstance(outcome, Failed) else None
    stem = raw_id_hash.hex()
    return [
        MadeFrame(
            f"{stem}/{number}",
            number,
            contents_of(part, f"{stem}/{number}", failure, retry_at),
            part.context,
            part.resolved,
            failure and failure.code,
            ref,
        )
        for number, part in enumerate(parts)
    ]
