"""Events in, one outcome each: normalised, their frames answered, their properties written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from symbolicate.answers import Answers
from symbolicate.database.processed_events import Verdict
from symbolicate.errors import Refused, Unavailable
from symbolicate.frame_store import StoredAnswer
from symbolicate.images import read_debug_images
from symbolicate.json_text import is_json
from symbolicate.metrics import Metrics
from symbolicate.outcome import Outcome
from symbolicate.pipeline.accounts import Accounts
from symbolicate.pipeline.entry import Entry, entry_of
from symbolicate.pipeline.exception_types import MINIFIED, named_type
from symbolicate.pipeline.fingerprint import Fingerprint, fingerprint_of
from symbolicate.pipeline.normalise import NormalEvent, normalise
from symbolicate.pipeline.properties import (
    OURS,
    ReleaseFinder,
    grouping_properties,
    written_properties,
)
from symbolicate.pipeline.spike_detection import Spike
from symbolicate.raw_frame import Submission, read_raw_frame
from symbolicate.text import sanitise

_MASKED = "webkit-masked-url://"
_RETRY = Outcome("retry", "dependency_unavailable")
_BUG = Outcome("retry", "internal")
_INVALID = Outcome("invalid", "invalid_properties")

_log = logging.getLogger("symbolicate.process")

Notify = Callable[[dict[str, Any]], None]
"""Takes an internal event."""


@dataclass(slots=True)
class _Work:
    """An event on its way, with its raw frames read: one list a stack, None for other stacks."""

    event: NormalEvent
    stacks: list[list[Submission] | None] = field(default_factory=list)

    def submissions(self) -> Iterator[Submission]:
        for stack in self.stacks:
            yield from stack or ()


class _Emitted(NamedTuple):
    """An event with its stacks resolved, before it is known whether it goes out."""

    event: dict[str, Any]
    properties: dict[str, Any]
    fingerprint: Fingerprint
    entry: Entry


class Processor:
    """Turns events into outcomes; knows neither broker nor HTTP.

    `ensure_team` makes the team of events that are worth it; it may refuse the team's id.
    `notify` is handed the internal event of each spike, once it is stored.
    """

    def __init__(
        self,
        answers: Answers,
        releases: ReleaseFinder,
        accounts: Accounts,
        metrics: Metrics,
        ensure_team: Callable[[int], None],
        notify: Notify | None = None,
    ) -> None:
        self._answers = answers
        self._releases = releases
        self._accounts = accounts
        self._metrics = metrics
        self._ensure_team = ensure_team
        self._notify = notify

    def process(self, team_id: int, events: Sequence[Any], *, last: bool = False) -> list[Outcome]:
        """Gives one outcome per event, in order; never raises.

        Bad data is `invalid` and harms no neighbour; a dependency out of reach is `retry`, and
        so is an event that meets a bug of ours, which is logged. The `last` time that events are
        tried, frames whose symbol sets are out of reach go out unresolved, and are stored with
        the time when they will be tried again.
        """
        prepared = [self._prepared(event) for event in events]
        works = [work for work in prepared if isinstance(work, _Work)]
        rest = iter(self._finished(team_id, works, last) if works else ())
        outcomes = [next(rest) if isinstance(p, _Work) else p for p in prepared]
        for outcome in outcomes:
            self._metrics.count("symbolicate_events_total", outcome=outcome.status)
        return outcomes

    def _prepared(self, event: Any) -> _Work | Outcome:
        """Reads an event; a bug of ours in that costs this event alone."""
        try:
            return self._prepare(event)
        except Exception:
            return _failed(event, "reading an event failed")

    def _prepare(self, event: Any) -> _Work | Outcome:
        normal = normalise(event)
        if isinstance(normal, Outcome):
            return normal
        images = read_debug_images(sanitise(normal.properties.get("$debug_images")))
        work = _Work(normal)
        for exception in normal.exceptions:
            stack = exception.get("stacktrace")
            raw = stack is not None and stack["type"] == "raw"
            frames = stack["frames"] if stack is not None and raw else None
            work.stacks.append(frames and [read_raw_frame(frame, images) for frame in frames])
        if _masked(work):
            return Outcome("dropped", "masked_extension")
        return work

    def _finished(self, team_id: int, works: list[_Work], last: bool) -> list[Outcome]:
        """Finishes events together; if that shows a bug of ours, each by itself."""
        try:
            return self._finish(team_id, works, last)
        except Unavailable as error:
            _log.warning("%s out of reach: %s", error.dependency, error)
        except Refused as error:
            _log.warning("team %s refused: %s", team_id, error)
            return [_INVALID] * len(works)
        except Exception:
            if len(works) == 1:
                return [_failed(works[0].event.event, "processing an event failed")]
            _log.exception("processing %d events failed; each by itself now", len(works))
            return [self._finished(team_id, [work], last)[0] for work in works]
        return [_RETRY] * len(works)

    def _finish(self, team_id: int, works: list[_Work], last: bool) -> list[Outcome]:
        self._ensure_team(team_id)
        submissions = [submission for work in works for submission in work.submissions()]
        answers, unreachable = self._answers.for_submissions(team_id, submissions, last=last)
        emitted = [
            None
            if any(submission.hash in unreachable for submission in work.submissions())
            else self._emit(team_id, work, answers)
            for work in works
        ]
        settled = self._accounts.settle(team_id, [item.entry for item in emitted if item])
        self._tell(team_id, settled.spikes)
        verdicts = iter(settled.verdicts)
        return [_RETRY if item is None else _judged(item, next(verdicts)) for item in emitted]

    def _emit(self, team_id: int, work: _Work, answers: dict[bytes, StoredAnswer]) -> _Emitted:
        exceptions = [
            self._named(team_id, _explained(exception, stack, answers), stack)
            for exception, stack in zip(work.event.exceptions, work.stacks, strict=True)
        ]
        refs = {answers[s.hash].ref for s in work.submissions()} - {None}
        release = self._releases(team_id, work.event.properties, {ref for ref in refs if ref})
        sent = work.event.properties
        properties = {
            **{name: value for name, value in sent.items() if name not in OURS},
            "$exception_list": exceptions,
            **written_properties(exceptions, release),
        }
        fingerprint = fingerprint_of(sent, exceptions)
        entry = entry_of(work.event.event.get("uuid"), fingerprint.value, sent, exceptions)
        return _Emitted(work.event.event, properties, fingerprint, entry)

    def _tell(self, team_id: int, spikes: Sequence[Spike]) -> None:
        """Gives notice of spikes; they are stored, so what fails here is only logged."""
        if self._notify is None:
            return
        for spike in spikes:
            try:
                self._notify(spike.to_event(team_id))
            except Exception:
                _log.exception("no notice of the spike %s", spike.row.id)

    def _named(
        self, team_id: int, exception: dict[str, Any], stack: list[Submission] | None
    ) -> dict[str, Any]:
        kind = exception["type"]
        if stack is None or not kind.startswith(MINIFIED):
            return exception
        named = named_type(kind, stack, lambda item: self._answers.symbols(team_id, item))
        return {**exception, "type": named}


def _failed(event: Any, what: str) -> Outcome:
    """Judges, while its exception is handled, whose fault it is that an event cannot be done.

    A program in Python may hand over what no JSON holds; anything else is a bug of ours.
    """
    if not is_json(event):
        return _INVALID
    _log.exception(what)
    return _BUG


def _judged(emitted: _Emitted, verdict: Verdict) -> Outcome:
    """Makes the outcome of a verdict, which may be an earlier one with an earlier fingerprint."""
    if verdict.status != "ok":
        return Outcome("dropped", verdict.reason)
    grouping = grouping_properties(emitted.fingerprint, verdict)
    return Outcome("ok", None, {**emitted.event, "properties": emitted.properties | grouping})


def _explained(
    exception: dict[str, Any], stack: list[Submission] | None, answers: dict[bytes, StoredAnswer]
) -> dict[str, Any]:
    """Puts answers in the place of raw frames; other stacks pass through."""
    stacktrace = exception.get("stacktrace")
    if stacktrace is None:
        return exception
    if stack is None:
        frames = [_without_repo_path(frame) for frame in stacktrace["frames"]]
    else:
        frames = [contents for item in stack for contents in _contents(item, answers)]
    return {**exception, "stacktrace": {**stacktrace, "type": "resolved", "frames": frames}}


def _contents(
    submission: Submission, answers: dict[bytes, StoredAnswer]
) -> Iterator[dict[str, Any]]:
    """Gives the contents of every part; a client's variables ride along and are never stored."""
    variables = submission.raw.get("code_variables") if submission.tag == "python" else None
    for part in answers[submission.hash].parts:
        contents: dict[str, Any] = msgspec.json.decode(part.contents)
        if variables is not None:
            contents["code_variables"] = variables
        yield contents


def _without_repo_path(frame: Any) -> Any:
    if isinstance(frame, dict) and "repo_path" in frame:
        return {key: value for key, value in frame.items() if key != "repo_path"}
    return frame


def _masked(work: _Work) -> bool:
    """Tells whether every frame that names a file lies in a browser extension's own code."""
    files = [submission.raw.get("filename") for submission in work.submissions()]
    named = [file for file in files if isinstance(file, str) and file]
    return bool(named) and all(file.startswith(_MASKED) for file in named)
