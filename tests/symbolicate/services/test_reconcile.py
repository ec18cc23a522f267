"""The reconciler's passes: every set is worked through, whatever fails or stops meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.answers import Answers
from symbolicate.catalog import Catalog
from symbolicate.database import symbol_sets
from symbolicate.errors import ObjectStoreUnavailable
from symbolicate.languages.registry import RESOLVER_VERSION
from symbolicate.leases import LEASE_SECONDS
from symbolicate.services import reconcile
from symbolicate.services.reconcile import Progress, Reconciler

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

Maker = Callable[..., dict[str, Any]]
NOTHING = Progress(0, 0)


@pytest.fixture
def bench(light_bench: Bench) -> Bench:
    return light_bench


def due(bench: Bench) -> list[str]:
    with bench.database.read() as connection:
        return [one.ref for one in symbol_sets.due(connection, 1000)]


def test_a_set_is_done_by_a_pass_that_began_five_seconds_after_its_finish_and_found_nothing(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.store([make_web("chunk")])
    bench.upload("chunk", "cart")
    bench.clock.forward(4.999999)
    assert reconciler.run() == Progress(0, 1)
    assert reconciler.run() == NOTHING
    assert due(bench) == ["chunk"]
    bench.clock.forward(0.000001)
    assert reconciler.run() == Progress(1, 0)
    assert due(bench) == []
    assert reconciler.run() == NOTHING


def test_a_pass_that_repaired_something_leaves_the_set_to_the_next(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.store([make_web("chunk")])
    bench.upload("chunk", "cart")
    bench.clock.forward(5)
    assert reconciler.run() == Progress(0, 1)
    assert reconciler.run() == Progress(1, 0)


def test_a_pass_that_began_too_early_does_not_mark_even_if_it_ends_late(
    bench: Bench, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.upload("chunk", "cart")
    forget = Catalog.forget

    def slow(catalog: Catalog, team_id: int, refs: Any) -> None:
        bench.clock.forward(60)
        forget(catalog, team_id, refs)

    monkeypatch.setattr(Catalog, "forget", slow)
    assert reconciler.run() == NOTHING
    assert due(bench) == ["chunk"]


def test_pages_are_worked_through_to_the_end(
    bench: Bench, reconciler: Reconciler, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    bench.store([make_web("chunk", column) for column in range(1, 6)])
    bench.upload("chunk", "cart")
    assert reconciler.run() == Progress(0, 5)
    assert {what for what, _ in bench.stored().values()} == {"src/cart.ts"}


def test_frames_that_waited_longest_are_repaired_first(
    bench: Bench, reconciler: Reconciler, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 1)
    waiting = []
    for column in (3, 1, 2):
        waiting += bench.store([make_web("chunk", column)])
        bench.clock.forward(1)
    bench.upload("chunk", "cart")
    refreshed = Answers.refreshed
    order: list[str] = []

    def watch(answers: Answers, team_id: int, raw_ids: list[bytes]) -> Any:
        order.extend(f"{raw_id.hex()}/0" for raw_id in raw_ids)
        return refreshed(answers, team_id, raw_ids)

    monkeypatch.setattr(Answers, "refreshed", watch)
    reconciler.run()
    assert order == waiting


def test_sets_that_are_not_settled_delay_no_other(
    bench: Bench, reconciler: Reconciler, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work list is longer than one page of it."""
    monkeypatch.setattr(reconcile, "SETS_AT_ONCE", 2)
    refs = [f"chunk {number}" for number in range(5)]
    bench.store([make_web(ref) for ref in refs])
    for ref in refs:
        bench.upload(ref, "cart")
    assert reconciler.run() == Progress(0, 5)
    bench.clock.forward(5)
    assert reconciler.run() == Progress(5, 0)
    assert due(bench) == []


def test_a_set_that_cannot_be_read_is_left_alone_for_a_while_and_delays_no_other(
    bench: Bench, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "SETS_AT_ONCE", 1)
    now, own = [0.0], bench.symbolicator.reconciler
    monkeypatch.setattr(own, "_monotonic", lambda: now[0])
    bad, good = bench.store([make_web("bad"), make_web("good")])
    bench.upload("bad", "bad")
    bench.objects.delete(bench.listed())
    bench.clock.forward(10)
    bench.upload("good", "good")
    gets: list[str] = []
    get = bench.objects.get

    def watch(key: str, *, limit: int) -> bytes:
        gets.append(key)
        return get(key, limit=limit)

    monkeypatch.setattr(bench.objects, "get", watch)
    own.run()
    assert bench.stored()[good][0] == "src/good.ts"
    assert bench.stored()[bad][0] == "blob_missing"
    asked = len(gets)
    bench.clock.forward(10)
    own.run()
    assert len(gets) == asked
    assert due(bench) == ["bad"]
    now[0] += reconcile.STUCK_SECONDS
    own.run()
    assert len(gets) > asked


def test_a_store_that_is_away_changes_no_frame_and_the_work_is_done_when_it_is_back(
    bench: Bench, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, own = [0.0], bench.symbolicator.reconciler
    monkeypatch.setattr(own, "_monotonic", lambda: now[0])
    (raw_id,) = bench.store([make_web("chunk")])
    bench.upload("chunk", "cart")
    before = bench.stored()

    def away(key: str, *, limit: int) -> bytes:
        raise ObjectStoreUnavailable("away")

    bench.clock.forward(10)
    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, "get", away)
        assert own.run() == NOTHING
    assert bench.stored() == before
    assert due(bench) == ["chunk"]
    now[0] += reconcile.STUCK_SECONDS
    assert own.run() == Progress(0, 1)
    assert bench.stored()[raw_id][0] == "src/cart.ts"


def test_a_pass_that_died_midway_is_taken_up_by_the_next(
    bench: Bench, reconciler: Reconciler, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    bench.store([make_web("chunk", column) for column in range(1, 6)])
    bench.upload("chunk", "cart")
    refreshed = Answers.refreshed
    pages: list[Any] = []

    def die_at_the_second_page(answers: Answers, team_id: int, raw_ids: Any) -> Any:
        pages.append(raw_ids)
        if len(pages) == 2:
            raise KeyboardInterrupt
        return refreshed(answers, team_id, raw_ids)

    with monkeypatch.context() as patch:
        patch.setattr(Answers, "refreshed", die_at_the_second_page)
        with pytest.raises(KeyboardInterrupt):
            reconciler.run()
    bench.clock.forward(10)
    assert reconciler.run() == Progress(0, 3)
    assert {what for what, _ in bench.stored().values()} == {"src/cart.ts"}


def test_a_pass_that_is_told_to_stop_ends_after_the_page_in_hand_and_marks_nothing(
    bench: Bench, reconciler: Reconciler, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    bench.store([make_web("chunk", column) for column in range(1, 6)])
    bench.upload("chunk", "cart")
    bench.clock.forward(10)
    asked = iter([False, False, True])
    assert reconciler.run(lambda: next(asked, True)) == Progress(0, 2)
    assert due(bench) == ["chunk"]
    assert reconciler.run() == Progress(0, 3)


def test_sets_that_an_older_resolver_reconciled_are_taken_up_again(
    bench: Bench, reconciler: Reconciler, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.upload("chunk", "cart")
    bench.store([make_web("chunk")])
    bench.clock.forward(5)
    assert reconciler.run().sets == 1
    reconciler._adopted = False
    assert reconciler.run() == NOTHING
    newer = RESOLVER_VERSION + 1
    for module in ("services.reconcile", "answers", "resolver"):
        monkeypatch.setattr(f"symbolicate.{module}.RESOLVER_VERSION", newer)
    reconciler._adopted = False
    assert reconciler.run() == Progress(0, 1)
    assert due(bench) == ["chunk"]
    assert reconciler.run() == Progress(1, 0)


def test_one_process_at_a_time_reconciles(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.store([make_web("chunk")])
    bench.upload("chunk", "cart")
    with bench.symbolicator._leases.held(0, "reconcile"):
        assert reconciler.run() == NOTHING
    assert reconciler.run() == Progress(0, 1)


def test_a_process_that_was_stopped_for_longer_than_its_lease_takes_nothing_off_the_list(
    bench: Bench, reconciler: Reconciler, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate.leases.RENEWED_EVERY", 3600.0)
    bench.store([make_web("chunk")])
    bench.upload("chunk", "cart")
    assert reconciler.run() == Progress(0, 1)
    bench.clock.forward(10)
    with monkeypatch.context() as patch:
        patch.setattr(reconciler._catalog, "forget", lambda *_: bench.clock.forward(LEASE_SECONDS))
        assert reconciler.run() == NOTHING
    assert due(bench) == ["chunk"]
    assert reconciler.run() == Progress(1, 0)
    assert due(bench) == []
