"""Settings are kept by team, and changes of different fields never undo each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace

import pytest
from sqlalchemy import Table, func, select

from symbolicate.database import tables, team_settings
from symbolicate.database.engine import Database
from symbolicate.database.team_settings import RateLimits, SpikeConfig

Kind = type[RateLimits] | type[SpikeConfig]

KINDS: list[tuple[Kind, Table]] = [
    (RateLimits, tables.settings),
    (SpikeConfig, tables.spike_config),
]


def change(database: Database, team_id: int, kind: Kind, **changes: int | None) -> None:
    with database.write() as connection:
        team_settings.change(connection, kind, team_id, changes)


def limits(database: Database, team_id: int = 1) -> RateLimits:
    with database.read() as connection:
        return team_settings.rate_limits(connection, team_id)


def config(database: Database, team_id: int = 1) -> SpikeConfig:
    with database.read() as connection:
        return team_settings.spike_config(connection, team_id)


def test_without_a_row_the_defaults_are_read_and_nothing_is_written(database: Database) -> None:
    assert limits(database) == RateLimits(None, None, None, None)
    assert config(database) == SpikeConfig(10, 10, 500)
    for kind, table in KINDS:
        with database.read() as connection:
            assert team_settings.find(connection, kind, 1) is None
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


@pytest.mark.parametrize(("kind", "table"), KINDS)
def test_a_change_of_nothing_stores_the_defaults_once(
    database: Database, kind: Kind, table: Table
) -> None:
    for _ in range(2):
        change(database, 1, kind)
    with database.read() as connection:
        assert team_settings.find(connection, kind, 1) == kind()
        assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 1


def test_a_change_leaves_other_fields_and_other_teams_alone(database: Database) -> None:
    change(database, 2, RateLimits, per_issue_rate_limit_value=9)
    change(database, 1, RateLimits, project_rate_limit_value=2000, per_issue_rate_limit_value=50)
    change(database, 1, RateLimits, per_issue_rate_limit_value=75)
    assert limits(database) == RateLimits(2000, None, 75, None)
    change(database, 1, RateLimits, per_issue_rate_limit_value=None)
    assert limits(database) == RateLimits(2000, None, None, None)
    assert limits(database, 2) == RateLimits(None, None, 9, None)


def test_a_first_change_fills_the_rest_with_defaults(database: Database) -> None:
    change(database, 1, SpikeConfig, threshold=50)
    assert config(database) == SpikeConfig(10, 10, 50)
    change(database, 1, SpikeConfig, multiplier=3)
    assert config(database) == SpikeConfig(10, 3, 50)
    assert config(database, 2) == SpikeConfig()


def test_every_field_has_its_column_and_the_highest_value_fits(database: Database) -> None:
    for kind, table in KINDS:
        names = [field.name for field in fields(kind)]
        assert {*names, "team_id"} == set(table.c.keys())
        values = {name: 2_147_483_647 - number for number, name in enumerate(names)}
        change(database, 1, kind, **values)
        with database.read() as connection:
            found = team_settings.find(connection, kind, 1)
        assert found is not None
        assert asdict(found) == values


def test_changes_of_different_fields_at_once_all_survive(database: Database) -> None:
    names = [field.name for field in fields(RateLimits)]
    with ThreadPoolExecutor(len(names)) as threads:
        for value in range(1, 9):
            changes = [{name: value} for name in names]
            list(threads.map(lambda one: change(database, 1, RateLimits, **one), changes))
            assert limits(database) == replace(RateLimits(), **dict.fromkeys(names, value))
