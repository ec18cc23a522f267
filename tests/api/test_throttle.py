"""A key that asks too often is told how long to wait; windows are fixed and forgotten."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.config import from_env
from symbolicate.metrics import NullMetrics
from symbolicate_api.errors import ApiError
from symbolicate_api.throttle import HOUR, MINUTE, Limit, Throttle, Windows, throttle_of

if TYPE_CHECKING:
    from tests.api.conftest import Api, OpenApi

KEY, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
FRAMES = "/api/projects/1/error_tracking/stack_frames"
SETS = "/api/environments/@current/error_tracking/symbol_sets"
METRIC = "symbolicate_throttled_requests_total"


class Clock:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def throttle(clock: Clock, **settings: Any) -> Throttle:
    made = throttle_of(from_env({}, **settings), NullMetrics(), clock)
    assert made is not None
    return made


def waits(throttle: Throttle, key: uuid.UUID = KEY, path: str = FRAMES) -> int:
    """Asks once; 0 when admitted, else the seconds that the refusal names."""
    try:
        throttle.admit(key, path)
    except ApiError as refusal:
        error = refusal
    else:
        return 0
    assert (error.status, error.code, error.type) == (429, "throttled", "throttled_error")
    seconds = int(error.headers["Retry-After"])
    assert error.detail == f"Request was throttled. Expected available in {seconds} seconds."
    return seconds


def test_a_window_starts_with_its_first_request_and_ends_a_minute_later(clock: Clock) -> None:
    made = throttle(clock, requests_per_minute=2)
    assert waits(made) == 0
    clock.now += 59.5
    assert [waits(made), waits(made)] == [0, 1]
    clock.now += 0.5
    assert [waits(made), waits(made), waits(made)] == [0, 0, 60]


def test_the_wait_is_rounded_up_and_at_least_a_second(clock: Clock) -> None:
    made = throttle(clock, requests_per_minute=1)
    assert waits(made) == 0
    for passed, expected in ((0.0, 60), (0.1, 60), (58.9, 1), (0.999, 1)):
        clock.now += passed
        assert waits(made) == expected


def test_both_windows_must_have_room_and_the_longer_wait_is_told(clock: Clock) -> None:
    made = throttle(clock, requests_per_minute=2, requests_per_hour=3)
    assert [waits(made), waits(made), waits(made)] == [0, 0, 60]
    clock.now += 60
    assert [waits(made), waits(made)] == [0, HOUR - 60]
    clock.now += HOUR - 60
    assert waits(made) == 0


def test_a_refused_request_is_counted_in_no_window(clock: Clock) -> None:
    made = throttle(clock, requests_per_minute=1, requests_per_hour=2)
    assert [waits(made) for _ in range(9)] == [0, *[60] * 8]
    clock.now += 60
    assert waits(made) == 0


def test_symbol_set_routes_are_counted_apart(clock: Clock) -> None:
    made = throttle(clock, requests_per_minute=1, symbol_set_requests_per_minute=2)
    assert [waits(made, path=SETS), waits(made, path=f"{SETS}/bulk_delete")] == [0, 0]
    assert waits(made, path=f"{SETS}/x/download/") > 0
    assert [waits(made), waits(made, path=f"{SETS}_of_frames")] == [0, 60]


def test_limits_of_symbol_sets_alone_leave_other_routes_free(clock: Clock) -> None:
    made = throttle(clock, symbol_set_requests_per_hour=1)
    assert [waits(made) for _ in range(5)] == [0] * 5
    assert [waits(made, path=SETS), waits(made, path=SETS)] == [0, HOUR]


def test_every_key_has_windows_of_its_own(clock: Clock) -> None:
    made = throttle(clock, requests_per_minute=1)
    assert [waits(made, KEY), waits(made, OTHER), waits(made, KEY)] == [0, 0, 60]


def test_nothing_is_limited_by_default() -> None:
    assert throttle_of(from_env({}), NullMetrics()) is None


def test_windows_that_have_ended_are_forgotten(clock: Clock) -> None:
    windows = Windows([Limit(1, MINUTE)], clock)
    for number in range(20_000):
        assert windows.take(uuid.UUID(int=number)) == 0
        clock.now += 0.1
    assert len(windows) <= 2048
    assert windows.take(uuid.UUID(int=19_999)) > 0


@given(st.lists(st.floats(0, 90), max_size=60), st.integers(1, 5))
def test_no_window_holds_more_than_its_limit(gaps: list[float], most: int) -> None:
    clock, admitted = Clock(), list[float]()
    windows = Windows([Limit(most, MINUTE)], clock)
    for gap in gaps:
        clock.now += gap
        wait = windows.take(KEY)
        assert 0 <= wait <= MINUTE
        if not wait:
            admitted.append(clock.now)
    start, inside = float("-inf"), 0
    for moment in admitted:
        start, inside = (moment, 1) if moment >= start + MINUTE else (start, inside + 1)
        assert inside <= most


def test_over_http_the_envelope_the_header_and_the_metric_tell_it(open_api: OpenApi) -> None:
    api: Api = open_api(requests_per_minute=2)
    path = "/stack_frames/batch_get"
    assert [api.post(path).status_code, api.get("/stack_frames").status_code] == [200, 200]
    for answer in (api.post(path), api.get("/releases"), api.http.put(FRAMES)):
        detail = api.refused(answer, 429, "throttled")
        assert answer.headers["retry-after"] in detail
        assert 1 <= int(answer.headers["retry-after"]) <= MINUTE
    assert api.metric(METRIC) == 3
    other = api.with_key()
    assert api.get("/releases", headers=other).status_code == 200


def test_credentials_are_looked_at_first_and_strangers_are_not_counted(open_api: OpenApi) -> None:
    api: Api = open_api(requests_per_minute=1)
    for _ in range(3):
        api.refused(api.anonymous.get(FRAMES), 401, "not_authenticated")
    assert api.get("/stack_frames").status_code == 200
    api.refused(api.http.get("/api/projects/2/error_tracking/releases"), 429, "throttled")
    assert api.http.get("/health/live").status_code == 200
