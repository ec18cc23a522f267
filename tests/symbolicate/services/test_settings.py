"""A team's rate limits, read and changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from symbolicate.database import tables
from symbolicate.database.team_settings import RateLimits
from symbolicate.errors import Refused

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench


def rows(bench: Bench) -> list[int]:
    with bench.database.read() as connection:
        return list(connection.execute(select(tables.settings.c.team_id)).scalars())


def test_the_first_read_makes_the_row_and_the_next_changes_nothing(light_bench: Bench) -> None:
    settings = light_bench.symbolicator.team_settings
    assert rows(light_bench) == []
    assert settings.retrieve(1) == RateLimits()
    assert settings.retrieve(1) == RateLimits()
    assert rows(light_bench) == [1]


def test_first_reads_at_once_agree(light_bench: Bench) -> None:
    retrieve = light_bench.symbolicator.team_settings.retrieve
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(retrieve, [1, 2] * 4)) == {RateLimits()}
    assert sorted(rows(light_bench)) == [1, 2]


def test_an_update_gives_everything_back(light_bench: Bench) -> None:
    settings = light_bench.symbolicator.team_settings
    body = {"project_rate_limit_value": 2000, "per_issue_rate_limit_value": "50", "other": []}
    assert settings.update(1, body) == RateLimits(2000, None, 50, None)
    assert settings.update(1, {}) == RateLimits(2000, None, 50, None)
    assert settings.update(1, {"per_issue_rate_limit_value": None}) == RateLimits(2000)
    assert settings.retrieve(1) == RateLimits(2000)
    assert settings.retrieve(2) == RateLimits()


def test_one_bad_field_changes_none(light_bench: Bench) -> None:
    settings = light_bench.symbolicator.team_settings
    body = {"project_rate_limit_value": 1, "per_issue_rate_limit_value": 0}
    with pytest.raises(Refused) as refused:
        settings.update(1, body)
    assert (refused.value.code, refused.value.attr) == ("min_value", "per_issue_rate_limit_value")
    assert rows(light_bench) == []
