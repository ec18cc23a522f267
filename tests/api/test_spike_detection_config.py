"""`spike_detection_config`: what a team calls a spike, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api

BASE = "/api/environments/1/error_tracking/spike_detection_config"
UPDATE = f"{BASE}/update_config"
DEFAULTS = {"snooze_duration_minutes": 10, "multiplier": 10, "threshold": 500}


def read(api: Api, path: str = BASE) -> dict[str, int]:
    answer = api.http.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, int] = answer.json()
    return found


def update(api: Api, body: dict[str, Any]) -> dict[str, int]:
    answer = api.http.patch(UPDATE, json=body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, int] = answer.json()
    return changed


def test_at_first_it_is_the_defaults_as_a_bare_object(any_api: Api) -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: read(any_api), range(4))) == [DEFAULTS] * 4
    assert list(read(any_api)) == list(DEFAULTS)


def test_a_change_is_partial_and_gives_all_back(any_api: Api) -> None:
    assert update(any_api, {"threshold": 50}) == DEFAULTS | {"threshold": 50}
    changed = update(any_api, {"multiplier": "3", "snooze_duration_minutes": 5.0, "other": None})
    assert changed == {"snooze_duration_minutes": 5, "multiplier": 3, "threshold": 50}
    assert update(any_api, {}) == read(any_api, f"{BASE}/") == changed


def test_a_form_is_taken(api: Api) -> None:
    answer = api.http.patch(f"{UPDATE}/", data={"threshold": "7"})
    assert (answer.status_code, answer.json()) == (200, DEFAULTS | {"threshold": 7})


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "null"),
        (0, "min_value"),
        (-5, "min_value"),
        (2**31, "max_value"),
        ("", "invalid_input"),
        (False, "invalid_input"),
        (0.5, "invalid_input"),
        ({}, "invalid_input"),
    ],
)
@pytest.mark.parametrize("field", DEFAULTS)
def test_bad_values_are_refused_by_field(
    shared_api: Api, field: str, value: Any, code: str
) -> None:
    before = read(shared_api)
    answer = shared_api.http.patch(UPDATE, json=dict.fromkeys(DEFAULTS, 7) | {field: value})
    shared_api.refused(answer, 400, code, field)
    assert read(shared_api) == before


def test_a_teams_config_is_its_own(any_api: Api) -> None:
    update(any_api, {"threshold": 1})
    theirs = any_api.with_key(2)
    path = BASE.replace("/1/", "/2/")
    assert any_api.http.get(path, headers=theirs).json() == DEFAULTS
    any_api.http.patch(f"{path}/update_config", json={"threshold": 2}, headers=theirs)
    assert read(any_api)["threshold"] == 1
    any_api.refused(any_api.http.get(path), 403, "permission_denied")
    answer = any_api.http.patch(f"{path}/update_config", json={"threshold": 3})
    any_api.refused(answer, 403, "permission_denied")


def test_readers_do_not_change_it(api: Api) -> None:
    reader = api.with_key(1, "error_tracking:read")
    writer = api.with_key(1, "error_tracking:write")
    assert api.http.get(BASE, headers=reader).json() == DEFAULTS
    api.refused(api.http.patch(UPDATE, json={}, headers=reader), 403, "permission_denied")
    assert api.http.patch(UPDATE, json={}, headers=writer).json() == DEFAULTS


def test_changes_of_different_fields_at_once_all_survive(any_api: Api) -> None:
    with ThreadPoolExecutor(3) as threads:
        for value in range(1, 6):
            changes = [{field: value} for field in DEFAULTS]
            list(threads.map(partial(update, any_api), changes))
            assert read(any_api) == dict.fromkeys(DEFAULTS, value)
