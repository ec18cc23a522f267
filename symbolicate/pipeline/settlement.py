"""One batch of a team's events inside one transaction: linked to issues, limited, counted."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from symbolicate.database import issues, processed_events, rate_buckets, team_settings
from symbolicate.database.dialect import Transaction
from symbolicate.database.issues import NewIssue
from symbolicate.database.processed_events import Verdict
from symbolicate.identity import uuid7
from symbolicate.pipeline.admission import NEW_ISSUES, Admission, Defaults, Limits, Met, admit
from symbolicate.pipeline.entry import Entry
from symbolicate.pipeline.limits import Bucket, take
from symbolicate.pipeline.spike_detection import Spike, SpikeDetector

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Settlement:
    """Decides about events and moves every counter that they move.

    The transaction must be the only one of its team at a time. What is to be told once it has
    committed is left here: `repeated` events, `new_issues`, limits `met` and `spikes` found.
    """

    def __init__(
        self, connection: Transaction, team_id: int, defaults: Defaults, now: datetime
    ) -> None:
        self._connection = connection
        self._team_id = team_id
        self._defaults = defaults
        self._now = now
        self._second = int(now.timestamp())
        self._buckets: dict[str, Bucket] = {}
        self.repeated = 0
        self.new_issues = 0
        self.met = Met()
        self.spikes: list[Spike] = []

    def settle(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Gives a verdict an entry, in order; a repeated event gets its first and moves nothing."""
        keys = [
            index if entry.event_id is None else entry.event_id
            for index, entry in enumerate(entries)
        ]
        sent = {key: None for key in keys if isinstance(key, bytes)}
        known: dict[int | bytes, Verdict] = dict(
            processed_events.find(self._connection, self._team_id, sent).items()
        )
        fresh: dict[int | bytes, Entry] = {}
        for key, entry in zip(keys, entries, strict=True):
            if key not in known:
                fresh.setdefault(key, entry)
        self.repeated = len(entries) - len(fresh)
        if fresh:
            made = dict(zip(fresh, self._decide(list(fresh.values())), strict=True))
            events = {key: verdict for key, verdict in made.items() if isinstance(key, bytes)}
            processed_events.add(self._connection, self._team_id, events, self._now)
            known |= made
        return [known[key] for key in keys]

    def _decide(self, entries: Sequence[Entry]) -> list[Verdict]:
        linked = self._link(entries)
        wanted = Counter(
            linked[entry.fingerprint] for entry in entries if entry.fingerprint in linked
        )
        admitted = self._limit(wanted).admitted
        rate_buckets.save(self._connection, self._team_id, self._buckets)
        self._count(+Counter(admitted), linked)
        return [_verdict(entry.fingerprint, linked, admitted) for entry in entries]

    def _link(self, entries: Sequence[Entry]) -> dict[str, uuid.UUID]:
        """Gives the issues of fingerprints, making those that the budget admits."""
        events = Counter(entry.fingerprint for entry in entries)
        linked = issues.find(self._connection, self._team_id, events)
        unknown = [fingerprint for fingerprint in events if fingerprint not in linked]
        if not unknown:
            return linked
        admitted = unknown[: self._budget(len(unknown))]
        titles = {entry.fingerprint: entry.title for entry in reversed(entries)}
        new = [NewIssue(self._new_id(), name, titles[name]) for name in admitted]
        issues.add(self._connection, self._team_id, new, self._now)
        self.new_issues = len(new)
        if self._defaults.new_issues is not None:
            passed = sum(events[name] for name in admitted)
            self.met[NEW_ISSUES, "allowed"] += passed
            self.met[NEW_ISSUES, "rate_limited"] += sum(events[name] for name in unknown) - passed
        return linked | {item.fingerprint: item.id for item in new}

    def _budget(self, wanted: int) -> int:
        """Takes from the team's budget of new issues."""
        limit = self._defaults.new_issues
        stored = {} if limit is None else self._stored([NEW_ISSUES])
        admitted, bucket = take(limit, stored.get(NEW_ISSUES), wanted, self._second)
        if bucket is not None:
            self._buckets[NEW_ISSUES] = bucket
        return admitted

    def _limit(self, wanted: Mapping[uuid.UUID, int]) -> Admission:
        """Takes from the rate limits of the team and its issues."""
        team = team_settings.rate_limits(self._connection, self._team_id)
        limits = Limits.of(team, self._defaults)
        stored = self._stored(limits.buckets(wanted))
        admission = admit(limits, stored, wanted, self._second)
        self._buckets |= admission.buckets
        self.met += admission.met
        return admission

    def _stored(self, names: Sequence[str]) -> dict[str, Bucket]:
        found = rate_buckets.find(self._connection, self._team_id, names, self._second)
        return {name: Bucket(*bucket) for name, bucket in found.items()}

    def _count(self, events: Mapping[uuid.UUID, int], linked: Mapping[str, uuid.UUID]) -> None:
        """Counts the events that pass, and finds what they make spike."""
        if not events:
            return
        day = (self._now - _EPOCH).days
        issues.count_day(self._connection, self._team_id, day, events)
        config = team_settings.spike_config(self._connection, self._team_id)
        detector = SpikeDetector(self._connection, self._team_id, config, self._now)
        self.spikes = detector.count(events, {issue: name for name, issue in linked.items()})

    def _new_id(self) -> uuid.UUID:
        return uuid7(int(self._now.timestamp() * 1000))


def _verdict(
    fingerprint: str, linked: Mapping[str, uuid.UUID], admitted: dict[uuid.UUID, int]
) -> Verdict:
    """Decides about the next event in order, and notes that it took one of those admitted."""
    issue_id = linked.get(fingerprint)
    if issue_id is None:
        return Verdict("dropped", "issue_budget", None, fingerprint)
    if admitted[issue_id] == 0:
        return Verdict("dropped", "rate_limited", issue_id, fingerprint)
    admitted[issue_id] -= 1
    return Verdict("ok", None, issue_id, fingerprint)
