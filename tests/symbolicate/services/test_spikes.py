"""What a team calls a spike, and the list of those that were seen."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from symbolicate.database import tables
from symbolicate.database.team_settings import SpikeConfig
from symbolicate.errors import Refused

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

A, B = uuid.UUID(int=0xA), uuid.UUID(int=0xB)


def configs(bench: Bench) -> list[Any]:
    with bench.database.read() as connection:
        return list(connection.execute(select(tables.spike_config)))


def store(bench: Bench, *minutes: int) -> None:
    """Stores spikes so many minutes after the clock's present; odd ones are of issue A."""
    rows = [
        {
            "id": uuid.UUID(int=minute),
            "team_id": 1,
            "issue_id": A if minute % 2 else B,
            "detected_at": bench.clock.now + timedelta(minutes=minute),
            "computed_baseline": 10.0 - minute,
            "current_bucket_value": 500 + minute,
        }
        for minute in minutes
    ]
    with bench.database.write() as connection:
        connection.execute(insert(tables.spike_event), rows)


def listed(bench: Bench, asked: Mapping[str, str]) -> list[int]:
    count, found = bench.symbolicator.spikes.events(1, asked, limit=100, offset=0)
    assert count == len(found)
    return [event.id.int for event in found]


def test_the_first_read_stores_the_defaults(light_bench: Bench) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(light_bench.symbolicator.spikes.config.retrieve, [1] * 8))
    assert found == {SpikeConfig(10, 10, 500)}
    assert configs(light_bench) == [(1, 10, 10, 500)]


def test_an_update_changes_what_it_names(light_bench: Bench) -> None:
    config = light_bench.symbolicator.spikes.config
    assert config.update(1, {"threshold": 50, "x": 0}) == SpikeConfig(10, 10, 50)
    assert config.update(1, {"multiplier": "3"}) == SpikeConfig(10, 3, 50)
    assert config.retrieve(1) == SpikeConfig(10, 3, 50)
    assert config.retrieve(2) == SpikeConfig()


@pytest.mark.parametrize(("value", "code"), [(None, "null"), (0, "min_value"), ("x", None)])
def test_one_bad_field_changes_none(light_bench: Bench, value: Any, code: str | None) -> None:
    with pytest.raises(Refused) as refused:
        light_bench.symbolicator.spikes.config.update(1, {"threshold": 50, "multiplier": value})
    assert (refused.value.code, refused.value.attr) == (code or "invalid_input", "multiplier")
    assert configs(light_bench) == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, [3, 2, 1], id="newest first"),
        pytest.param({"issue_ids": f" {A} , "}, [3, 1], id="blank ids left out"),
        pytest.param({"issue_ids": f"{A},{B}"}, [3, 2, 1], id="two issues"),
        pytest.param({"issue_ids": " , "}, [3, 2, 1], id="no ids, no filter"),
        pytest.param({"date_from": "2026-01-01T00:02:00Z"}, [3, 2], id="from"),
        pytest.param({"date_to": "2026-01-01T00:02:00Z"}, [2, 1], id="to"),
        pytest.param({"date_from": "2026-01-01T00:02:00"}, [3, 2], id="without zone: UTC"),
        pytest.param({"date_from": "2026-01-01T02:02:00.000001+02:00"}, [3], id="with zone"),
        pytest.param({"date_from": "2025-12-31T22:03-02"}, [3], id="short zone"),
        pytest.param({"date_from": "20260101T000200Z"}, [3, 2], id="basic form"),
        pytest.param({"date_from": "2026-01-01"}, [3, 2, 1], id="date only is its midnight"),
        pytest.param({"date_to": "2026-01-01"}, [], id="date only, to"),
        pytest.param({"date_from": " ", "date_to": ""}, [3, 2, 1], id="blank, no filter"),
        pytest.param({"order_by": "detected_at"}, [1, 2, 3], id="oldest first"),
        pytest.param({"order_by": "-computed_baseline"}, [1, 2, 3], id="by baseline"),
        pytest.param({"order_by": "current_bucket_value"}, [1, 2, 3], id="by value"),
        pytest.param({"other": "x"}, [3, 2, 1], id="what is unknown is ignored"),
    ],
)
def test_spikes_are_listed_as_asked(
    light_bench: Bench, asked: dict[str, str], expected: list[int]
) -> None:
    store(light_bench, 1, 2, 3)
    assert listed(light_bench, asked) == expected


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("issue_ids", f"{A},nope", "invalid_input"),
        ("issue_ids", "\0", "invalid_input"),
        ("date_from", "yesterday", "invalid_input"),
        ("date_from", "-7d", "invalid_input"),
        ("date_from", "1767225600", "invalid_input"),
        ("date_from", "2026-13-01", "invalid_input"),
        ("date_from", "2026-01-01x00:00:00", "invalid_input"),
        ("date_from", "2026-01-01T00:00:00 02:00", "invalid_input"),
        ("date_from", "0001-01-01T00:00:00+02:00", "invalid_input"),
        ("date_from", "２０２６-01-01", "invalid_input"),
        ("date_to", "'", "invalid_input"),
        ("date_to", "9999-12-31T23:59:59-02:00", "invalid_input"),
        ("order_by", "x", "invalid_choice"),
        ("order_by", "id", "invalid_choice"),
        ("order_by", "--detected_at", "invalid_choice"),
        ("order_by", "", "invalid_choice"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    light_bench: Bench, name: str, text: str, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        listed(light_bench, {name: text})
    assert (refused.value.code, refused.value.attr) == (code, name)


def test_a_page_is_a_part_with_the_whole_count(light_bench: Bench) -> None:
    store(light_bench, 1, 2, 3)
    count, found = light_bench.symbolicator.spikes.events(1, {}, limit=1, offset=1)
    assert (count, [event.id.int for event in found]) == (3, [2])
    assert light_bench.symbolicator.spikes.events(2, {}, limit=9, offset=0) == (0, [])
