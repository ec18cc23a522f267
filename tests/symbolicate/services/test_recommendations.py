"""Recommendations: stale ones are computed beside, once, and a failure harms nothing."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, update

from symbolicate.database import tables
from symbolicate.errors import NotFound, Refused
from symbolicate.metrics import NullMetrics
from symbolicate.services import recommendations as module
from symbolicate.services.recommendation_kinds import KINDS, Computation, Meta
from symbolicate.services.recommendations import QueueFull, Recommendation, Recommendations

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

TYPES = ["alerts", "long_running_issues", "rate_limits", "source_maps"]
ALWAYS = ["alerts", "rate_limits"]
MINUTE, HOUR, DAY = 60, 3600, 86_400
SOON = 10.0
ISSUE = uuid.UUID(int=0xA)


@pytest.fixture
def bench(light_bench: Bench) -> Bench:
    return light_bench


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gives the types that are computed, as they are computed."""
    done: list[str] = []
    for name in TYPES:
        replace(monkeypatch, name, _noting(name, KINDS[name].compute, done))
    return done


def _noting(name: str, compute: Callable[..., Meta], done: list[str]) -> Callable[..., Meta]:
    def noted(connection: Any, asked: Computation) -> Meta:
        done.append(name)
        return compute(connection, asked)

    return noted


def replace(
    monkeypatch: pytest.MonkeyPatch, name: str, compute: Callable[[Any, Computation], Meta]
) -> None:
    monkeypatch.setitem(KINDS, name, KINDS[name]._replace(compute=compute))


def broken(_connection: Any, _asked: Computation) -> Meta:
    raise RuntimeError("a query failed")


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """Keeps every computation of a type going until the block ends."""
    release, compute = threading.Event(), KINDS[name].compute

    def wait(connection: Any, asked: Computation) -> Meta:
        assert release.wait(SOON)
        return compute(connection, asked)

    replace(monkeypatch, name, wait)
    try:
        yield
    finally:
        release.set()


def listed(bench: Bench, team: int = 1, *, poll: bool = False) -> dict[str, Recommendation]:
    """Lists, waits until nothing is computed, and gives what a poll shows then."""
    service = bench.symbolicator.recommendations
    service.page(team, poll=poll, limit=100, offset=0)
    service.join(SOON)
    return seen(bench, team)


def seen(bench: Bench, team: int = 1) -> dict[str, Recommendation]:
    found = bench.symbolicator.recommendations.page(team, poll=True, limit=100, offset=0)[1]
    return {one.row.type: one for one in found}


def stick(bench: Bench, name: str, minutes: float) -> None:
    """Leaves a row as a process does that was killed so long ago."""
    then = bench.clock.now - timedelta(minutes=minutes)
    with bench.database.write() as connection:
        connection.execute(
            update(tables.recommendation)
            .where(tables.recommendation.c.type == name)
            .values(status="computing", claimed_at=then)
        )


def add_issue(bench: Bench, age_days: float, day: int, status: str = "active") -> None:
    """Stores an issue so old that had three events, so many days from the clock's present."""
    created = bench.clock.now - timedelta(days=age_days)
    today = int(bench.clock.now.timestamp()) // DAY
    row = {"id": ISSUE, "team_id": 1, "status": status, "created_at": created}
    count = {"team_id": 1, "issue_id": ISSUE, "day": today + day, "events": 3}
    with bench.database.write() as connection:
        connection.execute(insert(tables.issue).values(**row))
        connection.execute(insert(tables.issue_day).values(**count))


def test_row_25_the_first_list_has_one_of_each_type(bench: Bench, computed: list[str]) -> None:
    found = listed(bench)
    assert list(found) == TYPES
    assert sorted(computed) == TYPES
    assert {one.row.status for one in found.values()} == {"ready"}
    assert {one.row.computed_at for one in found.values()} == {bench.clock.now}
    assert {name for name, one in found.items() if one.completed} == {
        "long_running_issues",
        "source_maps",
    }


def test_a_row_that_was_never_computed_is_not_completed(bench: Bench) -> None:
    service = bench.symbolicator.recommendations
    count, found = service.page(1, limit=100, offset=0)
    assert count == 4
    assert [(one.meta, one.completed) for one in found] == [({}, False)] * 4
    assert [one.row.status for one in found] == ["computing"] * 4


def test_row_26_a_list_computes_what_is_stale(bench: Bench, computed: list[str]) -> None:
    listed(bench)
    for seconds, expected in ((0, ALWAYS), (6 * HOUR - 1, ALWAYS), (1, TYPES), (5, ALWAYS)):
        computed.clear()
        bench.clock.forward(seconds)
        listed(bench)
        assert sorted(computed) == expected, seconds


def test_row_26_a_poll_makes_and_computes_nothing(bench: Bench, computed: list[str]) -> None:
    assert listed(bench, poll=True) == {}
    listed(bench)
    computed.clear()
    bench.clock.forward(7 * HOUR)
    listed(bench, poll=True)
    assert computed == []


@pytest.mark.parametrize(("minutes", "expected"), [(10, ["source_maps"]), (5, []), (1, [])])
def test_row_26_what_is_stuck_is_computed_again(
    bench: Bench, computed: list[str], minutes: float, expected: list[str]
) -> None:
    listed(bench)
    bench.clock.forward(7 * HOUR)
    stick(bench, "source_maps", minutes)
    computed.clear()
    listed(bench)
    assert [name for name in computed if name == "source_maps"] == expected


def test_lists_at_once_compute_each_type_once(
    bench: Bench, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = bench.symbolicator.recommendations
    with (
        held(monkeypatch, "alerts"),
        held(monkeypatch, "rate_limits"),
        ThreadPoolExecutor(4) as threads,
    ):
        pages = list(threads.map(lambda _: service.page(1, limit=9, offset=0), range(8)))
    service.join(SOON)
    assert [count for count, _found in pages] == [4] * 8
    assert sorted(computed) == TYPES


def test_a_list_does_not_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    service = bench.symbolicator.recommendations
    with held(monkeypatch, "alerts"):
        service.page(1, limit=9, offset=0)
        with pytest.raises(TimeoutError):
            service.join(0)
        assert seen(bench)["alerts"].row.status == "computing"
    service.join(SOON)
    assert seen(bench)["alerts"].row.status == "ready"


def test_a_failure_leaves_the_row_as_it_was_for_the_next_list(
    bench: Bench, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listed(bench)["source_maps"]
    bench.clock.forward(7 * HOUR)
    with monkeypatch.context() as patch:
        replace(patch, "source_maps", broken)
        assert listed(bench)["source_maps"] == before
    computed.clear()
    assert listed(bench)["source_maps"].row.computed_at == bench.clock.now
    assert "source_maps" in computed


def test_only_a_dismissal_changes_when_a_row_was_updated(bench: Bench) -> None:
    service = bench.symbolicator.recommendations
    start, row = bench.clock.now, listed(bench)["alerts"].row
    bench.clock.forward(DAY)
    assert listed(bench)["alerts"].row.updated_at == start
    service.refresh(1, row.id)
    service.join(SOON)
    assert seen(bench)["alerts"].row.updated_at == start
    assert service.dismiss(1, row.id).row.updated_at == bench.clock.now


def test_row_27_a_dismissed_row_stays_listed_until_it_is_restored(bench: Bench) -> None:
    service, clock = bench.symbolicator.recommendations, bench.clock
    row = listed(bench)["alerts"].row
    clock.forward(5)
    assert service.dismiss(1, row.id).row.dismissed_at == clock.now
    clock.forward(5)
    again = clock.now
    assert service.dismiss(1, row.id).row.dismissed_at == again
    clock.forward(5)
    found = listed(bench)["alerts"].row
    assert (found.dismissed_at, found.computed_at) == (again, clock.now)
    assert service.restore(1, row.id).row.dismissed_at is None
    assert seen(bench)["alerts"].row.dismissed_at is None


def test_row_28_a_refresh_computes_whatever_the_age(bench: Bench, computed: list[str]) -> None:
    service = bench.symbolicator.recommendations
    before = listed(bench)["source_maps"]
    bench.clock.forward(1)
    computed.clear()
    assert service.refresh(1, before.row.id, force=False) == before
    service.join(SOON)
    assert computed == []
    assert service.refresh(1, before.row.id).row == before.row._replace(status="computing")
    service.join(SOON)
    assert computed == ["source_maps"]
    assert seen(bench)["source_maps"].row == before.row._replace(computed_at=bench.clock.now)


@pytest.mark.parametrize(("minutes", "count"), [(1, 0), (6, 1)], ids=["at work", "stuck"])
def test_row_28_a_refresh_leaves_alone_what_is_being_computed(
    bench: Bench, computed: list[str], minutes: float, count: int
) -> None:
    row = listed(bench)["source_maps"].row
    stick(bench, "source_maps", minutes)
    computed.clear()
    found = bench.symbolicator.recommendations.refresh(1, row.id)
    bench.symbolicator.recommendations.join(SOON)
    assert found.row == row._replace(status="computing")
    assert len(computed) == count


def test_a_type_that_is_not_computed_any_more_is_listed_and_not_refreshed(bench: Bench) -> None:
    service = bench.symbolicator.recommendations
    row = listed(bench)["alerts"].row
    with bench.database.write() as connection:
        connection.execute(
            update(tables.recommendation)
            .where(tables.recommendation.c.id == row.id)
            .values(type="quiet_issues")
        )
    found = listed(bench)
    assert sorted(found) == sorted([*TYPES, "quiet_issues"])
    assert not found["quiet_issues"].completed
    with pytest.raises(Refused) as refused:
        service.refresh(1, row.id)
    assert (refused.value.code, refused.value.detail) == (
        "invalid_input",
        "Unknown recommendation type.",
    )


def test_another_teams_recommendation_is_as_good_as_none(bench: Bench) -> None:
    service = bench.symbolicator.recommendations
    row = listed(bench, team=2)["alerts"].row
    for call in (service.refresh, service.dismiss, service.restore):
        for team, name in ((1, row.id), (2, uuid.uuid4())):
            with pytest.raises(NotFound):
                call(team, name)
    assert seen(bench, team=1) == {}
    assert seen(bench, team=2)["alerts"].row == row


def test_a_full_queue_gives_the_claim_back(
    bench: Bench, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = bench.symbolicator.recommendations
    before = listed(bench)
    bench.clock.forward(7 * HOUR)
    computed.clear()
    with monkeypatch.context() as patch:
        patch.setattr(module, "MAX_WAITING", 0)
        assert listed(bench) == before
        with pytest.raises(QueueFull):
            service.refresh(1, before["alerts"].row.id)
        assert seen(bench) == before
    assert computed == []
    listed(bench)
    assert sorted(computed) == TYPES


def test_what_waits_when_the_service_closes_gives_its_claim_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, computed: list[str]
) -> None:
    service = Recommendations(
        bench.database,
        per_issue_default=0,
        clock=bench.clock,
        metrics=NullMetrics(),
    )
    with held(monkeypatch, "alerts"), held(monkeypatch, "long_running_issues"):
        service.page(1, limit=9, offset=0)
        closing = threading.Thread(target=service.close)
        closing.start()
        assert await_closed(service)
    closing.join(SOON)
    assert not closing.is_alive()
    assert {one.row.status for one in seen(bench).values()} == {"ready"}
    assert sorted(computed) == ["alerts", "long_running_issues"]
    with pytest.raises(QueueFull):
        service.refresh(1, seen(bench)["alerts"].row.id)
    assert seen(bench)["alerts"].row.status == "ready"


def test_row_29_frames_of_javascript_of_the_last_day_are_counted(
    bench: Bench, make_web: Callable[..., dict[str, Any]]
) -> None:
    bench.upload("old", "old")
    bench.store([make_web("none", column) for column in range(1, 5)])
    bench.clock.forward(DAY + 1)
    bench.upload("app", "app")
    bench.store([make_web("app", column) for column in range(1, 9)])
    bench.store([make_web("none", column) for column in range(10, 12)])
    bench.store([{"platform": "python", "function": "f", "filename": "a.py", "lineno": 1}])
    bench.store([make_web("none", column) for column in range(1, 5)], team=2)
    found = listed(bench)["source_maps"]
    assert {key: found.meta[key] for key in list(found.meta)[:3]} == {
        "total_frames": 10,
        "unresolved_frames": 2,
        "unresolved_pct": 0.2,
    }
    assert found.completed


def test_row_30_limits_of_the_team_are_told(bench: Bench) -> None:
    settings = bench.symbolicator.team_settings
    settings.update(2, {"project_rate_limit_value": 7, "per_issue_rate_limit_value": 7})

    def enabled() -> list[bool]:
        return [item["enabled"] for item in listed(bench)["rate_limits"].meta["rate_limits"]]

    assert enabled() == [False, False]
    settings.update(1, {"project_rate_limit_value": 1000})
    assert enabled() == [True, False]
    settings.update(1, {"per_issue_rate_limit_value": 5})
    assert enabled() == [True, True]
    assert listed(bench)["rate_limits"].completed


def test_row_30_the_deployments_limit_per_issue_counts(bench: Bench) -> None:
    service = Recommendations(
        bench.database, per_issue_default=50, clock=bench.clock, metrics=NullMetrics()
    )
    service.page(1, limit=9, offset=0)
    service.join(SOON)
    service.close()
    limits = seen(bench)["rate_limits"].meta["rate_limits"]
    assert [item["enabled"] for item in limits] == [False, True]


@pytest.mark.parametrize(
    ("age_days", "day", "status", "found"),
    [
        pytest.param(7.1, -7, "active", True, id="seen seven days ago"),
        pytest.param(7.1, 0, "active", True, id="seen today"),
        pytest.param(7.1, -8, "active", False, id="seen eight days ago"),
        pytest.param(6.9, 0, "active", False, id="too young"),
        pytest.param(7.1, 0, "resolved", False, id="resolved"),
    ],
)
def test_issues_that_go_on_for_a_week_are_listed(
    bench: Bench, age_days: float, day: int, status: str, found: bool
) -> None:
    bench.clock.forward(DAY / 2)
    add_issue(bench, age_days, day, status)
    one = listed(bench)["long_running_issues"]
    assert len(one.meta["issues"]) == found
    assert one.completed is not found
    if found:
        assert one.meta["issues"][0]["occurrences"] == 3


def test_a_listed_issue_shows_the_status_of_now(bench: Bench) -> None:
    add_issue(bench, 8, 0)
    row = listed(bench)["long_running_issues"].row
    with bench.database.write() as connection:
        connection.execute(update(tables.issue).values(status="resolved"))
    for one in (
        seen(bench)["long_running_issues"],
        bench.symbolicator.recommendations.dismiss(1, row.id),
        bench.symbolicator.recommendations.refresh(1, row.id, force=False),
    ):
        assert [item["status"] for item in one.meta["issues"]] == ["resolved"]
        assert not one.completed


def test_pages_are_cut_from_the_types_in_order(bench: Bench) -> None:
    listed(bench)
    service = bench.symbolicator.recommendations
    count, found = service.page(1, poll=True, limit=2, offset=1)
    assert (count, [one.row.type for one in found]) == (4, TYPES[1:3])


def await_closed(service: Recommendations) -> bool:
    """Waits until a close that was begun takes no more work."""
    deadline = threading.Event()
    for _ in range(1000):
        if service._closed:
            return True
        deadline.wait(0.01)
    return False


def test_the_job_computes_again_what_grew_old_of_teams_that_once_asked(
    bench: Bench, computed: list[str]
) -> None:
    service = bench.symbolicator.recommendations
    for team in (1, 2):
        service.page(team, limit=10, offset=0)
        service.join()
        bench.clock.forward(HOUR)
    computed.clear()
    assert service.refresh_stale() == 0
    bench.clock.forward(4 * HOUR)
    assert service.refresh_stale() == 2
    assert sorted(computed) == ["long_running_issues", "source_maps"]
    bench.clock.forward(HOUR)
    assert service.refresh_stale(lambda: True) == 0
    assert service.refresh_stale() == 2
    assert service.refresh_stale() == 0
