"""Accounts over each database, with a clock that tests turn and a view of all that they write."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Barrier, Lock
from typing import Any

import pytest
from sqlalchemy import select

from symbolicate.database import team_settings
from symbolicate.database.engine import Database
from symbolicate.database.issues import Title
from symbolicate.database.processed_events import Verdict
from symbolicate.database.tables import metadata
from symbolicate.database.team_settings import RateLimits, SpikeConfig
from symbolicate.metrics import NullMetrics
from symbolicate.pipeline.accounts import Accounts
from symbolicate.pipeline.admission import Defaults
from symbolicate.pipeline.entry import Entry, event_id
from symbolicate.pipeline.spike_detection import Spike

WRITTEN = (
    "issue",
    "issue_fingerprint",
    "issue_day",
    "processed_event",
    "rate_bucket",
    "spike_bucket",
    "spike_snooze",
    "spike_event",
)


class Counted(NullMetrics):
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self._lock = Lock()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        super().count(name, amount, **labels)
        with self._lock:
            self.counts[name.removeprefix("symbolicate_"), *labels.values()] += amount


@dataclass
class Books:
    """Accounts of a database, and what tests ask of them."""

    database: Database
    url: str
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    metrics: Counted = field(default_factory=Counted)
    spikes: list[Spike] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open()

    def open(self, defaults: Defaults | None = None) -> None:
        """Opens the accounts again, with other limits of the deployment."""
        self.accounts = self.over(self.database, defaults or Defaults())

    def over(self, database: Database, defaults: Defaults) -> Accounts:
        return Accounts(database, defaults, clock=lambda: self.now, metrics=self.metrics)

    def at_once(self, batches: Sequence[Sequence[Entry]]) -> list[list[Verdict]]:
        """Settles batches at the same moment, each as a process of its own would."""
        ready = Barrier(len(batches))

        def settle(batch: Sequence[Entry]) -> list[Verdict]:
            with closing(Database(self.url)) as database:
                accounts = self.over(database, Defaults())
                ready.wait(30)
                return accounts.settle(1, batch).verdicts

        with ThreadPoolExecutor(len(batches)) as pool:
            return list(pool.map(settle, batches))

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def settle(self, *entries: Entry, team: int = 1) -> list[Verdict]:
        settled = self.accounts.settle(team, entries)
        self.spikes += settled.spikes
        return settled.verdicts

    def admitted(self, fingerprint: str, events: int, team: int = 1) -> int:
        """Settles so many new events and tells how many of them pass."""
        verdicts = self.settle(*(entry(fingerprint) for _ in range(events)), team=team)
        statuses = [verdict.status for verdict in verdicts]
        passed = statuses.count("ok")
        assert statuses == ["ok"] * passed + ["dropped"] * (events - passed)
        return passed

    def configure(self, kind: type[RateLimits | SpikeConfig], team: int = 1, **given: int) -> None:
        with self.database.write() as connection:
            team_settings.change(connection, kind, team, given)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Gives the columns of all rows of a table, sorted."""
        chosen = metadata.tables[table]
        with self.database.read() as connection:
            found = connection.execute(select(*(chosen.c[name] for name in columns)))
            return sorted(tuple(row) for row in found)

    def everything(self) -> dict[str, list[str]]:
        """Gives all rows of all tables that accounts write, as texts."""
        with self.database.read() as connection:
            return {
                name: sorted(repr(row) for row in connection.execute(select(metadata.tables[name])))
                for name in WRITTEN
            }


def entry(fingerprint: str = "f", event: str | None = None, name: str = "E") -> Entry:
    """Makes an entry of an event, a new one unless it is named."""
    return Entry(event_id(event or str(uuid.uuid4())), fingerprint, Title(name, None))


@pytest.fixture
def make_entry() -> Any:
    return entry


@pytest.fixture
def books(database: Database, database_url: str) -> Books:
    return Books(database, database_url)
