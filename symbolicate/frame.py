"""Frames: raw as an SDK sent them, and resolved as they go out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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


@dataclass(frozen=True, slots=True)
class MadeFrame:
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
    pairs: tuple[tuple[str, Any], ...] = (
        ("raw_id", raw_id),
        ("mangled_name", part.mangled_name),
        ("line", part.line),
        ("column", part.column),
        ("source", part.source),
        ("module", part.module),
        ("in_app", part.in_app),
        ("resolved_name", part.resolved_name),
        ("lang", part.lang),
        ("resolved", part.resolved),
        ("resolve_failure", failure and failure.sentence),
        ("failure_code", failure and failure.code),
        ("retry_at", retry_at and wire_time(retry_at)),
        ("synthetic", part.synthetic),
        ("suspicious", part.suspicious),
        ("junk_drawer", None if part.junk is None else {"raw_frame": part.junk}),
    )
    return {key: value for key, value in pairs if value is not None}


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
