"""The properties that processing writes beside an event's exceptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from symbolicate.database.processed_events import Verdict
from symbolicate.pipeline.fingerprint import VERSION, Fingerprint
from symbolicate.release import Release

ReleaseFinder = Callable[[int, dict[str, Any], set[str]], Release | None]
"""(team id, event properties, refs of the event's frames) → the event's one release."""

OURS = frozenset(
    {
        "$exception_sources",
        "$exception_types",
        "$exception_values",
        "$exception_functions",
        "$exception_handled",
        "$exception_release",
        "$exception_proposed_fingerprint",
        "$exception_fingerprint_record",
        "$exception_fingerprint_version",
        "$exception_issue_id",
    }
)
"""Properties that only processing writes: what a client puts there does not pass."""


def written_properties(exceptions: list[dict[str, Any]], release: Release | None) -> dict[str, Any]:
    """Gives the lists that queries need, and the release.

    A list holds each value once; sources and functions are those of in-app frames.
    """
    frames = [frame for exception in exceptions for frame in _in_app(exception)]
    written = {
        "$exception_sources": _unique(frame.get("source") for frame in frames),
        "$exception_types": _unique(exception.get("type") for exception in exceptions),
        "$exception_values": _unique(exception.get("value") for exception in exceptions),
        "$exception_functions": _unique(frame.get("resolved_name") for frame in frames),
        "$exception_handled": _handled(exceptions),
    }
    if release is not None:
        written["$exception_release"] = release.to_wire()
    return written


def grouping_properties(fingerprint: Fingerprint, verdict: Verdict) -> dict[str, Any]:
    """Gives the issue of an event, and the fingerprint that led to it with what went into it."""
    return {
        "$exception_fingerprint": verdict.fingerprint,
        "$exception_proposed_fingerprint": fingerprint.proposed,
        "$exception_fingerprint_record": fingerprint.record,
        "$exception_fingerprint_version": VERSION,
        "$exception_issue_id": str(verdict.issue_id),
    }


def _in_app(exception: dict[str, Any]) -> list[dict[str, Any]]:
    frames = (exception.get("stacktrace") or {}).get("frames", ())
    return [frame for frame in frames if isinstance(frame, dict) and frame.get("in_app") is True]


def _unique(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def _handled(exceptions: list[dict[str, Any]]) -> bool:
    """Says what the outermost exception's mechanism says; silence is unhandled."""
    mechanism = exceptions[0].get("mechanism") or {}
    return mechanism.get("handled") is True
