"""Computing recommendations: stale ones are computed beside, once, and a failure harms nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from symbolicate.database import tables
from symbolicate.metrics import NullMetrics
from symbolicate.services import recommendations as module
from symbolicate.services.recommendation_kinds import KINDS, Computation, Meta
from symbolicate.services.recommendations import QueueFull, Recommendations

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

TYPES = ["alerts", "long_running_issues", "rate_limits", "source_maps"]
ALWAYS = ["alerts", "rate_limits"]
MINUTE, HOUR, DAY = 60, 3600, 86_400
SOON = 10.0


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


def stick(bench: Bench, name: str, minutes: float) -> None:
    """Leaves a row as a process does that was killed so long ago."""
    then = bench.clock.now - timedelta(minutes=minutes)
    with bench.database.write() as connection:
        connection.execute(
            update(tables.recommendation)
            .where(tables.recommendation.c.type == name)
            .values(status="computing", claimed_at=then)
        )


def test_row_25_the_first_list_has_one_of_each_type(bench: Bench, computed: list[str]) -> None:
    found = bench.recommended()
    assert list(found) == TYPES
    assert sorted(computed) == TYPES
    assert {one.row.status for one in found.values()} == {"ready"}
    assert {one.row.computed_at for one in found.values()} == {bench.clock.now}
    assert {name for name, one in found.items() if one.completed} == {
        "long_running_issues",
        "source_maps",
    }


def test_row_26_a_list_computes_what_is_stale(bench: Bench, computed: list[str]) -> None:
    bench.recommended()
    for seconds, expected in ((0, ALWAYS), (6 * HOUR - 1, ALWAYS), (1, TYPES), (5, ALWAYS)):
        computed.clear()
        bench.clock.forward(seconds)
        bench.recommended()
        assert sorted(computed) == expected, seconds


def test_row_26_a_poll_makes_and_computes_nothing(bench: Bench, computed: list[str]) -> None:
    assert bench.recommended(poll=True) == {}
    bench.recommended()
    computed.clear()
    bench.clock.forward(7 * HOUR)
    bench.recommended(poll=True)
    assert computed == []


@pytest.mark.parametrize(("minutes", "expected"), [(10, ["source_maps"]), (5, []), (1, [])])
def test_row_26_what_is_stuck_is_computed_again(
    bench: Bench, computed: list[str], minutes: float, expected: list[str]
) -> None:
    bench.recommended()
    bench.clock.forward(7 * HOUR)
    stick(bench, "source_maps", minutes)
    computed.clear()
    bench.recommended()
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
        assert bench.recommendations()["alerts"].row.status == "computing"
    service.join(SOON)
    assert bench.recommendations()["alerts"].row.status == "ready"


def test_a_failure_leaves_the_row_as_it_was_for_the_next_list(
    bench: Bench, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.recommended()["source_maps"]
    bench.clock.forward(7 * HOUR)
    with monkeypatch.context() as patch:
        replace(patch, "source_maps", broken)
        assert bench.recommended()["source_maps"] == before
    computed.clear()
    assert bench.recommended()["source_maps"].row.computed_at == bench.clock.now
    assert "source_maps" in computed


def test_row_28_a_refresh_computes_whatever_the_age(bench: Bench, computed: list[str]) -> None:
    service = bench.symbolicator.recommendations
    before = bench.recommended()["source_maps"]
    bench.clock.forward(1)
    computed.clear()
    assert service.refresh(1, before.row.id, force=False) == before
    service.join(SOON)
    assert computed == []
    assert service.refresh(1, before.row.id).row == before.row._replace(status="computing")
    service.join(SOON)
    assert computed == ["source_maps"]
    assert bench.recommendations()["source_maps"].row == before.row._replace(
        computed_at=bench.clock.now
    )


@pytest.mark.parametrize(("minutes", "count"), [(1, 0), (6, 1)], ids=["at work", "stuck"])
def test_row_28_a_refresh_leaves_alone_what_is_being_computed(
    bench: Bench, computed: list[str], minutes: float, count: int
) -> None:
    row = bench.recommended()["source_maps"].row
    stick(bench, "source_maps", minutes)
    computed.clear()
    found = bench.symbolicator.recommendations.refresh(1, row.id)
    bench.symbolicator.recommendations.join(SOON)
    assert found.row == row._replace(status="computing")
    assert len(computed) == count


def test_a_full_queue_gives_the_claim_back(
    bench: Bench, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = bench.symbolicator.recommendations
    before = bench.recommended()
    bench.clock.forward(7 * HOUR)
    computed.clear()
    with monkeypatch.context() as patch:
        patch.setattr(module, "MAX_WAITING", 0)
        assert bench.recommended() == before
        with pytest.raises(QueueFull):
            service.refresh(1, before["alerts"].row.id)
        assert bench.recommendations() == before
    assert computed == []
    bench.recommended()
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
    assert {one.row.status for one in bench.recommendations().values()} == {"ready"}
    assert sorted(computed) == ["alerts", "long_running_issues"]
    with pytest.raises(QueueFull):
        service.refresh(1, bench.recommendations()["alerts"].row.id)
    assert bench.recommendations()["alerts"].row.status == "ready"


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
