"""Events in buckets of time, snoozes, and the spikes that are found."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from symbolicate.database import spike_buckets
from symbolicate.database.engine import Database
from symbolicate.database.spike_buckets import SpikeRow
from symbolicate.database.tables import spike_event

Moment = Callable[[float], datetime]

ONE, TWO, THREE = (uuid.UUID(int=number) for number in (1, 2, 3))


@pytest.fixture
def filled(database: Database) -> Database:
    """Holds three buckets of two teams."""
    counts: dict[tuple[int, int], dict[uuid.UUID, int]] = {
        (1, 300): {ONE: 3, TWO: 5},
        (1, 600): {ONE: 4},
        (1, 900): {ONE: 10, TWO: 20},
        (2, 600): {ONE: 999, THREE: 1},
    }
    with database.write() as connection:
        for (team, start), events in counts.items():
            spike_buckets.count(connection, team, start, events)
    return database


def test_events_of_a_bucket_add_up(filled: Database) -> None:
    with filled.write() as connection:
        spike_buckets.count(connection, 1, 900, {TWO: 1, THREE: 7})
        found = spike_buckets.reaching(connection, 1, 900, [ONE, TWO, THREE], 1)
    assert found == {ONE: 10, TWO: 21, THREE: 7}


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(10, {ONE: 10, TWO: 20}), (11, {TWO: 20}), (21, {})],
    ids=["reached by both", "reached by one", "reached by none"],
)
def test_those_that_reach_a_threshold(
    filled: Database, threshold: int, expected: dict[uuid.UUID, int]
) -> None:
    with filled.read() as connection:
        found = spike_buckets.reaching(connection, 1, 900, [ONE, TWO, THREE], threshold)
        assert found == expected
        asked = spike_buckets.reaching(connection, 1, 900, [TWO], threshold)
        assert asked == {issue: events for issue, events in expected.items() if issue == TWO}
        assert spike_buckets.reaching(connection, 2, 900, [ONE, TWO, THREE], threshold) == {}


@pytest.mark.parametrize(
    ("since", "before", "expected"),
    [
        (300, 900, {ONE: [3, 4], TWO: [5]}),
        (301, 900, {ONE: [4]}),
        (300, 901, {ONE: [3, 4, 10], TWO: [5, 20]}),
        (900, 900, {}),
    ],
    ids=["both ends on a bucket", "the first begins before", "the last begins within", "empty"],
)
def test_the_history_of_issues_is_that_of_their_team_in_a_span(
    filled: Database, since: int, before: int, expected: dict[uuid.UUID, list[int]]
) -> None:
    with filled.read() as connection:
        found = spike_buckets.history(connection, 1, [ONE, TWO, THREE], since, before)
    assert {issue: sorted(events) for issue, events in found.items()} == expected


def test_the_history_of_a_team_counts_its_events_and_issues(filled: Database) -> None:
    with filled.read() as connection:
        assert sorted(spike_buckets.team_history(connection, 1, 300, 900)) == [(4, 1), (8, 2)]
        assert spike_buckets.team_history(connection, 2, 300, 900) == [(1000, 2)]
        assert spike_buckets.team_history(connection, 1, 900, 900) == []


def test_a_snooze_ends_at_its_moment(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        spike_buckets.snooze(connection, 1, [ONE, TWO], moment(60))
        spike_buckets.snooze(connection, 1, [TWO], moment(90))
        snoozed = {
            seconds: spike_buckets.snoozed(connection, 1, [ONE, TWO, THREE], moment(seconds))
            for seconds in (59, 60, 90)
        }
        assert snoozed == {59: {ONE, TWO}, 60: {TWO}, 90: set()}
        assert spike_buckets.snoozed(connection, 2, [ONE], moment(0)) == set()


def test_a_spike_is_stored_with_its_figures(database: Database, moment: Moment) -> None:
    row = SpikeRow(uuid.UUID(int=9), ONE, moment(1.5), 10 / 3, 2**40)
    with database.write() as connection:
        spike_buckets.add_spikes(connection, 1, [row])
        columns = [spike_event.c[name] for name in ("team_id", *SpikeRow._fields)]
        stored = connection.execute(select(*columns)).all()
    assert [tuple(found) for found in stored] == [(1, *row)]
