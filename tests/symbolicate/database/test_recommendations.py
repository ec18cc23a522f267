"""Recommendations: one row of each type in a team, and one claim on a row at a time."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from symbolicate.database import recommendations
from symbolicate.database.engine import Database
from symbolicate.database.recommendations import (
    COMPUTING,
    READY,
    STUCK_AFTER,
    Claim,
    RecommendationRow,
)

Moment = Callable[[float], datetime]
STUCK = STUCK_AFTER.total_seconds()
NEVER = uuid.UUID(int=7)


@pytest.fixture
def one(database: Database, moment: Moment) -> RecommendationRow:
    """Gives the row of a team that has one type, next to another team's."""
    with database.write() as connection:
        for team in (1, 2):
            recommendations.ensure(connection, team, ["a"], moment(0))
        (row,) = recommendations.page(connection, 1, limit=9, offset=0)
    return row


def claim(database: Database, row: RecommendationRow, now: datetime, team: int = 1) -> Claim | None:
    with database.write() as connection:
        return recommendations.claim(connection, team, row.id, now)


def claim_stale(database: Database, before: datetime, now: datetime) -> Claim | None:
    with database.write() as connection:
        return recommendations.claim_stale(connection, 1, "a", before, now)


def finish(database: Database, claimed: Claim | None, meta: str, now: datetime) -> bool:
    assert claimed is not None
    with database.write() as connection:
        return recommendations.finish(connection, claimed, meta, now)


def read(database: Database, row: RecommendationRow) -> RecommendationRow:
    with database.read() as connection:
        found = recommendations.find(connection, 1, row.id)
    assert found is not None
    return found


def test_a_row_of_each_type_is_made_once(database: Database, moment: Moment) -> None:
    for types, now in ((["b", "a"], 0), (["c", "a"], 1)):
        with database.write() as connection:
            recommendations.ensure(connection, 1, types, moment(now))
    with database.read() as connection:
        rows = recommendations.page(connection, 1, limit=9, offset=0)
        assert recommendations.count(connection, 1) == 3
        assert recommendations.count(connection, 2) == 0
    assert [row.type for row in rows] == ["a", "b", "c"]
    assert [row.created_at for row in rows] == [moment(0), moment(0), moment(1)]
    assert rows[0][2:] == ("{}", READY, None, None, moment(0), moment(0))


def test_pages_are_cut_from_the_types_in_order(database: Database, moment: Moment) -> None:
    with database.write() as connection:
        recommendations.ensure(connection, 1, ["c", "a", "b"], moment(0))
        rows = recommendations.page(connection, 1, limit=1, offset=1)
    assert [row.type for row in rows] == ["b"]


def test_another_teams_row_is_not_found(
    database: Database, one: RecommendationRow, moment: Moment
) -> None:
    with database.write() as connection:
        assert recommendations.find(connection, 2, one.id) is None
        recommendations.dismiss(connection, 2, one.id, moment(1))
    assert claim(database, one, moment(1), team=2) is None
    assert read(database, one) == one


def test_a_claim_is_given_once(database: Database, one: RecommendationRow, moment: Moment) -> None:
    with ThreadPoolExecutor(4) as threads:
        claims = list(threads.map(lambda _: claim(database, one, moment(1)), range(8)))
    assert [made for made in claims if made is not None] == [Claim(1, one.id, "a", moment(1))]
    assert read(database, one) == one._replace(status=COMPUTING)


def test_a_claim_that_got_stuck_is_anybodys(
    database: Database, one: RecommendationRow, moment: Moment
) -> None:
    assert claim(database, one, moment(0)) is not None
    assert claim(database, one, moment(STUCK)) is None
    assert claim(database, one, moment(STUCK + 1)) is not None


def test_what_was_computed_is_stored_and_the_row_is_ready(
    database: Database, one: RecommendationRow, moment: Moment
) -> None:
    claimed = claim(database, one, moment(1))
    assert finish(database, claimed, '{"x":1}', moment(2))
    assert read(database, one) == one._replace(meta='{"x":1}', computed_at=moment(2))
    assert claim(database, one, moment(3)) is not None


def test_a_claim_given_back_leaves_the_row_as_it_was(
    database: Database, one: RecommendationRow, moment: Moment
) -> None:
    claimed = claim(database, one, moment(1))
    assert claimed is not None
    with database.write() as connection:
        assert recommendations.give_back(connection, claimed)
    assert read(database, one) == one
    assert claim(database, one, moment(1)) is not None


def test_a_claim_that_was_lost_changes_nothing(
    database: Database, one: RecommendationRow, moment: Moment
) -> None:
    lost = claim(database, one, moment(0))
    assert claim(database, one, moment(STUCK + 1)) is not None
    assert not finish(database, lost, '{"lost":1}', moment(STUCK + 2))
    assert lost is not None
    with database.write() as connection:
        assert not recommendations.give_back(connection, lost)
    assert read(database, one) == one._replace(status=COMPUTING)


@pytest.mark.parametrize(
    ("before", "stale"),
    [
        pytest.param(9, False, id="computed later"),
        pytest.param(10, True, id="computed then"),
        pytest.param(11, True, id="computed before"),
    ],
)
def test_a_row_is_stale_by_when_it_was_computed(
    database: Database, one: RecommendationRow, moment: Moment, before: float, stale: bool
) -> None:
    finish(database, claim_stale(database, moment(-99), moment(5)), "{}", moment(10))
    assert (claim_stale(database, moment(before), moment(20)) is not None) is stale


def test_a_stale_row_that_is_being_computed_is_left_alone(
    database: Database, one: RecommendationRow, moment: Moment
) -> None:
    assert claim(database, one, moment(0)) is not None
    assert claim_stale(database, moment(0), moment(1)) is None
    assert claim_stale(database, moment(0), moment(STUCK + 1)) is not None


def test_a_dismissal_changes_when_the_row_was_updated(
    database: Database, one: RecommendationRow, moment: Moment
) -> None:
    with database.write() as connection:
        recommendations.dismiss(connection, 1, one.id, moment(5))
        recommendations.dismiss(connection, 1, NEVER, moment(5))
    dismissed = one._replace(dismissed_at=moment(5), updated_at=moment(5))
    assert read(database, one) == dismissed
    finish(database, claim(database, one, moment(6)), '{"x":1}', moment(7))
    assert read(database, one) == dismissed._replace(meta='{"x":1}', computed_at=moment(7))
    with database.write() as connection:
        recommendations.dismiss(connection, 1, one.id, moment(8), dismissed=False)
    found = read(database, one)
    assert (found.dismissed_at, found.updated_at) == (None, moment(8))
