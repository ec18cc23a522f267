"""The reconciler: late and replaced symbol sets repair the frames that were stored before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from symbolicate.answers import Answers
from symbolicate.catalog import Catalog
from symbolicate.database import frame_listing, symbol_sets
from symbolicate.database.frames import FrameRow
from symbolicate.database.tables import stack_frame
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


@pytest.fixture
def reconciler(bench: Bench) -> Reconciler:
    return bench.symbolicator.reconciler


def stored(bench: Bench, team: int = 1) -> dict[str, tuple[Any, Any]]:
    """Gives (failure or original file, time) of each stored frame as it is, repairing nothing."""
    with bench.database.read() as connection:
        rows = frame_listing.newest(connection, team, limit=1000)
    return {
        f"{row.raw_id.hex()}/{row.part}": (row.failure_code or source_of(row), row.created_at)
        for row in rows
    }


def source_of(row: FrameRow) -> str:
    return str(json.loads(row.contents)["source"])


def due(bench: Bench) -> list[str]:
    with bench.database.read() as connection:
        return [one.ref for one in symbol_sets.due(connection, 1000)]


def test_a_late_upload_repairs_web_and_node_frames(
    bench: Bench, reconciler: Reconciler, make_web: Maker, make_node: Maker
) -> None:
    raw_ids = bench.store([make_web("chunk"), make_node("chunk")])
    assert [stored(bench)[raw_id][0] for raw_id in raw_ids] == ["no_symbol_set"] * 2
    bench.upload("chunk", "cart")
    assert reconciler.run() == Progress(0, 2)
    assert [stored(bench)[raw_id][0] for raw_id in raw_ids] == ["src/cart.ts"] * 2


def test_an_upload_under_a_url_repairs_frames_without_a_chunk_id(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    (raw_id,) = bench.store([make_web(None)])
    bench.upload("https://x.test/main.js", "cart")
    assert reconciler.run().frames == 1
    assert stored(bench)[raw_id][0] == "src/cart.ts"


def test_a_replacement_answers_resolved_frames_again(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.upload("chunk", "old")
    mapped, unmapped = bench.store([make_web("chunk"), make_web("chunk", lineno=2)])
    bench.clock.forward(5)
    assert reconciler.run() == Progress(1, 0)
    bench.upload("chunk", "new")
    assert reconciler.run() == Progress(0, 2)
    assert stored(bench)[mapped] == ("src/new.ts", bench.clock())
    assert stored(bench)[unmapped] == ("symbol_not_found", bench.clock())


def test_only_rows_of_the_ref_and_team_are_written(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.upload("resolved", "resolved")
    bench.store([make_web("other"), make_web("resolved"), make_web(None, 500)])
    bench.store([make_web("chunk")], team=2)
    before = stored(bench), stored(bench, 2)
    bench.clock.forward(5)
    (raw_id,) = bench.store([make_web("chunk")])
    bench.upload("chunk", "cart")
    bench.clock.forward(1)
    reconciler.run()
    after = stored(bench)
    assert after.pop(raw_id) == ("src/cart.ts", bench.clock())
    assert (after, stored(bench, 2)) == before


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
    assert {what for what, _ in stored(bench).values()} == {"src/cart.ts"}


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
    assert stored(bench)[good][0] == "src/good.ts"
    assert stored(bench)[bad][0] == "blob_missing"
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
    before = stored(bench)

    def away(key: str, *, limit: int) -> bytes:
        raise ObjectStoreUnavailable("away")

    bench.clock.forward(10)
    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, "get", away)
        assert own.run() == NOTHING
    assert stored(bench) == before
    assert due(bench) == ["chunk"]
    now[0] += reconcile.STUCK_SECONDS
    assert own.run() == Progress(0, 1)
    assert stored(bench)[raw_id][0] == "src/cart.ts"


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
    assert {what for what, _ in stored(bench).values()} == {"src/cart.ts"}


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


def test_doing_it_twice_changes_nothing(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.store([make_web("chunk"), make_web("other")])
    bench.upload("chunk", "cart")
    reconciler.run()
    before = stored(bench)
    bench.clock.forward(100)
    for _ in range(3):
        reconciler.run()
    assert stored(bench) == before


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


def test_frames_are_tried_again_once_their_time_has_come(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    own, foreign = bench.store([make_web("chunk")]) + bench.store([make_web("chunk")], team=2)
    with bench.database.write() as connection:
        retry_at = bench.clock.now.replace(second=10)
        connection.execute(update(stack_frame).values(retry_at=retry_at))
    bench.clock.forward(9)
    assert reconciler.run() == NOTHING
    bench.clock.forward(1)
    assert reconciler.run() == Progress(0, 2)
    for team, raw_id in ((1, own), (2, foreign)):
        assert stored(bench, team)[raw_id] == ("no_symbol_set", bench.clock())
    assert reconciler.run() == NOTHING


def test_a_frame_that_fails_again_makes_room_for_others_that_are_due(
    bench: Bench, reconciler: Reconciler, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = bench.store([make_web("chunk"), make_web("chunk", 2)])
    with bench.database.write() as connection:
        for raw_id, seconds in ((stuck, 1), (other, 2)):
            statement = update(stack_frame).where(
                stack_frame.c.raw_id == bytes.fromhex(raw_id.removesuffix("/0"))
            )
            due_at = bench.clock.now.replace(second=seconds)
            connection.execute(statement.values(retry_at=due_at))
    bench.clock.forward(10)
    refreshed, asked = reconciler._answers.refreshed, []

    def failing(team_id: int, raw_ids: list[bytes]) -> Any:
        asked.extend(raw_ids)
        hopeless = bytes.fromhex(stuck.removesuffix("/0"))
        return refreshed(team_id, [one for one in raw_ids if one != hopeless])

    monkeypatch.setattr(reconciler._answers, "refreshed", failing)
    monkeypatch.setattr("symbolicate.services.reconcile.PAGE", 1)
    for _ in range(3):
        reconciler.run()
    assert [one.hex() for one in asked] == [stuck.removesuffix("/0"), other.removesuffix("/0")]
    assert stored(bench)[other] == ("no_symbol_set", bench.clock())
    bench.clock.forward(60)
    reconciler.run()
    assert len(asked) == 3


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
