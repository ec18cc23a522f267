"""Teams: made on first sight, once, and found by the token that SDKs send."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from symbolicate.database import teams as rows
from symbolicate.database.engine import Database
from symbolicate.database.tables import team
from symbolicate.errors import Refused
from symbolicate.services.teams import MAX_TEAM_ID, Teams

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import MovableClock


@pytest.fixture
def teams(database: Database, clock: MovableClock) -> Teams:
    return Teams(database, clock)


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(team)).scalar_one())


def test_a_team_is_made_on_first_sight_and_only_once(
    teams: Teams, database: Database, clock: MovableClock
) -> None:
    assert not teams.exists(7)
    teams.ensure(7)
    teams.ensure(7)
    with database.read() as connection:
        made = rows.find(connection, 7)
    Teams(database, clock).ensure(7)
    with database.read() as connection:
        assert rows.find(connection, 7) == made
    assert made is not None
    assert made.name == "Team 7"
    assert teams.exists(7)


def test_a_team_that_was_seen_costs_no_query(teams: Teams, monkeypatch: pytest.MonkeyPatch) -> None:
    teams.ensure(7)
    monkeypatch.setattr(Database, "write", None)
    teams.ensure(7)


def test_a_team_has_its_own_name_or_the_one_that_it_will_get(teams: Teams) -> None:
    teams.create(3, "shop")
    assert teams.name(3) == "shop"
    promised = teams.name(4)
    assert not teams.exists(4)
    assert teams.create(4).name == promised


def test_a_created_team_has_a_name_and_a_token_of_its_own(teams: Teams) -> None:
    first, second = teams.create(name="shop"), teams.create()
    assert (first.id, first.name) == (1, "shop")
    assert (second.id, second.name) == (2, "Team 2")
    assert first.project_token.startswith("phc_")
    assert first.project_token != second.project_token


def test_the_next_id_is_above_all_that_are_taken(teams: Teams) -> None:
    teams.ensure(41)
    assert teams.create().id == 42


def test_creating_a_team_that_is_there_gives_it_back(teams: Teams) -> None:
    made = teams.create(5, "shop")
    assert teams.create(5) == made
    assert teams.create(5, "shop") == made


def test_a_team_that_was_made_on_first_sight_may_be_named_once(teams: Teams) -> None:
    teams.ensure(5)
    token = teams.create(5).project_token
    named = teams.create(5, "shop")
    assert (named.name, named.project_token) == ("shop", token)
    assert teams.create(5) == named
    with pytest.raises(Refused):
        teams.create(5, "bank")


def test_a_team_keeps_its_name(teams: Teams) -> None:
    teams.create(5, "shop")
    with pytest.raises(Refused, match="'shop' already") as refused:
        teams.create(5, "bank")
    assert (refused.value.code, refused.value.attr) == ("team_exists", "name")


@pytest.mark.parametrize("team_id", [0, -1, MAX_TEAM_ID + 1, "1", 1.5, True, [1]])
def test_an_id_that_no_database_holds_is_refused(teams: Teams, team_id: Any) -> None:
    for call in (teams.ensure, teams.create):
        with pytest.raises(Refused, match=str(MAX_TEAM_ID)) as refused:
            call(team_id)
        assert refused.value.attr == "team_id"


def test_the_largest_id_is_a_team_and_leaves_no_next_one(teams: Teams) -> None:
    assert teams.create(MAX_TEAM_ID).id == MAX_TEAM_ID
    with pytest.raises(Refused, match=str(MAX_TEAM_ID)):
        teams.create()


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"], ids=["NUL", "lone surrogate"])
def test_a_name_that_cannot_be_stored_is_refused(teams: Teams, name: str) -> None:
    with pytest.raises(Refused) as refused:
        teams.create(name=name)
    assert (refused.value.code, refused.value.attr) == ("invalid_input", "name")


@pytest.mark.parametrize("token", ["", "phc_x", "a\0b", "a\ud800"], ids=ascii)
def test_an_unknown_token_belongs_to_no_team(teams: Teams, token: str) -> None:
    teams.create()
    assert teams.by_project_token(token) is None


def test_a_token_names_its_team_and_is_remembered(
    teams: Teams, monkeypatch: pytest.MonkeyPatch
) -> None:
    teams.create()
    second = teams.create()
    assert teams.by_project_token(second.project_token) == second.id
    monkeypatch.setattr(Database, "read", None)
    assert teams.by_project_token(second.project_token) == second.id


def test_teams_created_at_once_get_different_ids(database: Database, clock: MovableClock) -> None:
    together = threading.Barrier(4, timeout=30)
    made: list[int] = []

    def create() -> None:
        own = Teams(database, clock)
        together.wait()
        made.append(own.create().id)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [1, 2, 3, 4]
    assert count(database) == 4
