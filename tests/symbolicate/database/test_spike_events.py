"""Past spikes are listed by team, filter and order, with what their issues are called now."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from symbolicate.database import spike_events
from symbolicate.database.engine import Database
from symbolicate.database.spike_events import SpikeEvent, SpikeFilter
from symbolicate.database.tables import issue, spike_event

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)


def add_issue(database: Database, issue_id: uuid.UUID, name: str | None, team_id: int = 1) -> None:
    row = {"id": issue_id, "team_id": team_id, "name": name, "description": None}
    with database.write() as connection:
        connection.execute(insert(issue).values(**row, status="active", created_at=NOON))


def add(database: Database, number: int, **given: Any) -> uuid.UUID:
    """Stores a spike `number` minutes after noon and gives its id."""
    row = {
        "id": uuid.UUID(int=number),
        "team_id": 1,
        "issue_id": A,
        "detected_at": NOON + timedelta(minutes=number),
        "computed_baseline": 10.0,
        "current_bucket_value": 500,
    }
    with database.write() as connection:
        connection.execute(insert(spike_event).values(row | given))
    return uuid.UUID(int=number)


def page(
    database: Database, wanted: SpikeFilter | None = None, team_id: int = 1, **asked: Any
) -> list[SpikeEvent]:
    with database.read() as connection:
        options = {"limit": 100} | asked
        return spike_events.page(connection, team_id, wanted or SpikeFilter(), **options)


def numbers(found: list[SpikeEvent]) -> list[int]:
    return [event.id.int for event in found]


def count(database: Database, wanted: SpikeFilter, team_id: int = 1) -> int:
    with database.read() as connection:
        return spike_events.count(connection, team_id, wanted)


def test_a_spike_comes_back_whole(database: Database) -> None:
    add_issue(database, A, "TypeError")
    at = NOON + timedelta(microseconds=1)
    made = add(database, 1, detected_at=at, computed_baseline=4.1, current_bucket_value=2**40)
    (found,) = page(database)
    assert found == (made, A, "TypeError", None, at, 4.1, 2**40)


def test_names_are_read_live_and_only_from_the_teams_issue(database: Database) -> None:
    add_issue(database, A, None)
    add_issue(database, B, "theirs", team_id=2)
    add(database, 1)
    add(database, 2, issue_id=B)
    assert [event.issue_name for event in page(database)] == [None, None]
    with database.write() as connection:
        connection.execute(update(issue).where(issue.c.id == A).values(name="now", description="d"))
    assert page(database)[1][2:4] == ("now", "d")


def test_other_teams_are_neither_listed_nor_counted(database: Database) -> None:
    add(database, 1)
    add(database, 2, team_id=2)
    assert (numbers(page(database)), count(database, SpikeFilter())) == ([1], 1)
    assert numbers(page(database, team_id=2)) == [2]
    assert (page(database, team_id=3), count(database, SpikeFilter(), 3)) == ([], 0)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(SpikeFilter(), [4, 3, 2, 1], id="all"),
        pytest.param(SpikeFilter(frozenset({A})), [3, 1], id="one issue"),
        pytest.param(SpikeFilter(frozenset({A, B})), [4, 3, 2, 1], id="two issues"),
        pytest.param(SpikeFilter(frozenset({uuid.UUID(int=9)})), [], id="another issue"),
        pytest.param(SpikeFilter(date_from=NOON + timedelta(minutes=3)), [4, 3], id="from, incl."),
        pytest.param(SpikeFilter(date_to=NOON + timedelta(minutes=3)), [3, 2, 1], id="to, incl."),
        pytest.param(
            SpikeFilter(frozenset({B}), NOON, NOON + timedelta(minutes=3)), [2], id="all at once"
        ),
        pytest.param(SpikeFilter(date_from=datetime.max.replace(tzinfo=UTC)), [], id="last moment"),
        pytest.param(SpikeFilter(date_to=datetime.min.replace(tzinfo=UTC)), [], id="first moment"),
    ],
)
def test_filters_narrow_list_and_count(
    database: Database, wanted: SpikeFilter, expected: list[int]
) -> None:
    for number in (1, 2, 3, 4):
        add(database, number, issue_id=A if number % 2 else B)
    assert numbers(page(database, wanted)) == expected
    assert count(database, wanted) == len(expected)


@pytest.mark.parametrize(
    ("order", "ascending"),
    [
        ("detected_at", [3, 1, 2]),
        ("computed_baseline", [1, 2, 3]),
        ("current_bucket_value", [2, 1, 3]),
    ],
)
def test_order_is_by_a_column_and_then_by_id(
    database: Database, order: str, ascending: list[int]
) -> None:
    for number, minute, baseline, value in ((1, 5, 1.0, 7), (2, 5, 1.0, 6), (3, 0, 2.0, 8)):
        row = {"computed_baseline": baseline, "current_bucket_value": value}
        add(database, number, detected_at=NOON + timedelta(minutes=minute), **row)
    assert numbers(page(database, order=order, descending=False)) == ascending
    assert numbers(page(database, order=order, descending=True)) == ascending[::-1]


def test_pages_are_cut_by_the_database(database: Database) -> None:
    for number in range(5):
        add(database, number + 1)
    assert numbers(page(database, limit=2)) == [5, 4]
    assert numbers(page(database, limit=2, offset=1)) == [4, 3]
    assert page(database, limit=2, offset=9) == []


def test_many_issues_may_be_asked_for(database: Database) -> None:
    add(database, 1)
    many = frozenset(uuid.UUID(int=number) for number in range(5000))
    assert numbers(page(database, SpikeFilter(many))) == [1]
