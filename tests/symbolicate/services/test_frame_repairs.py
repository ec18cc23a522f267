"""Repairs: late and replaced symbol sets answer the stored frames that asked for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from symbolicate import Symbolicator
from symbolicate.database.tables import stack_frame
from symbolicate.errors import FormatError
from symbolicate.isolation.limits import ChildLimits
from symbolicate.services.compile_ahead import CompileAhead
from symbolicate.services.reconcile import Progress, Reconciler

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

Maker = Callable[..., dict[str, Any]]
NOTHING = Progress(0, 0)


@pytest.fixture
def bench(light_bench: Bench) -> Bench:
    return light_bench


def test_a_late_upload_repairs_web_and_node_frames(
    bench: Bench, reconciler: Reconciler, make_web: Maker, make_node: Maker
) -> None:
    raw_ids = bench.store([make_web("chunk"), make_node("chunk")])
    assert [bench.stored()[raw_id][0] for raw_id in raw_ids] == ["no_symbol_set"] * 2
    bench.upload("chunk", "cart")
    assert reconciler.run() == Progress(0, 2)
    assert [bench.stored()[raw_id][0] for raw_id in raw_ids] == ["src/cart.ts"] * 2


def test_an_upload_under_a_url_repairs_frames_without_a_chunk_id(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    (raw_id,) = bench.store([make_web(None)])
    bench.upload("https://x.test/main.js", "cart")
    assert reconciler.run().frames == 1
    assert bench.stored()[raw_id][0] == "src/cart.ts"


def test_a_replacement_answers_resolved_frames_again(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.upload("chunk", "old")
    mapped, unmapped = bench.store([make_web("chunk"), make_web("chunk", lineno=2)])
    bench.clock.forward(5)
    assert reconciler.run() == Progress(1, 0)
    bench.upload("chunk", "new")
    assert reconciler.run() == Progress(0, 2)
    assert bench.stored()[mapped] == ("src/new.ts", bench.clock())
    assert bench.stored()[unmapped] == ("symbol_not_found", bench.clock())


def test_greater_limits_answer_once_more_what_smaller_ones_refused(
    any_bench: Bench, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = any_bench

    def too_long(*_: Any) -> Any:
        raise FormatError("compile_seconds of 121 exceeds the limit of 120", "limit_exceeded")

    with monkeypatch.context() as patch:
        patch.setattr(bench.symbolicator._compilers, "run", too_long)
        bench.upload("chunk", "cart")
        limited, other = bench.store([make_web("chunk"), make_web("other")])
        assert bench.stored()[limited][0] == "limit_exceeded"
        bench.clock.forward(5)
        assert bench.symbolicator.reconciler.run() == Progress(1, 0)
    with Symbolicator(settings=bench.symbolicator.settings, clock=bench.clock) as restarted:
        asked = bench.database, restarted.reconciler._catalog
        for limits, tried in ((ChildLimits(), 0), (ChildLimits(seconds=600), 1)):
            assert CompileAhead(*asked, limits).run() == tried
        assert restarted.reconciler.run().frames == 1
        assert bench.stored()[limited] == ("src/cart.ts", bench.clock())
        assert bench.stored()[other][0] == "no_symbol_set"
        assert CompileAhead(*asked, ChildLimits(seconds=900)).run() == 0


def test_only_rows_of_the_ref_and_team_are_written(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.upload("resolved", "resolved")
    bench.store([make_web("other"), make_web("resolved"), make_web(None, 500)])
    bench.store([make_web("chunk")], team=2)
    before = bench.stored(), bench.stored(2)
    bench.clock.forward(5)
    (raw_id,) = bench.store([make_web("chunk")])
    bench.upload("chunk", "cart")
    bench.clock.forward(1)
    reconciler.run()
    after = bench.stored()
    assert after.pop(raw_id) == ("src/cart.ts", bench.clock())
    assert (after, bench.stored(2)) == before


def test_doing_it_twice_changes_nothing(
    bench: Bench, reconciler: Reconciler, make_web: Maker
) -> None:
    bench.store([make_web("chunk"), make_web("other")])
    bench.upload("chunk", "cart")
    reconciler.run()
    before = bench.stored()
    bench.clock.forward(100)
    for _ in range(3):
        reconciler.run()
    assert bench.stored() == before


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
        assert bench.stored(team)[raw_id] == ("no_symbol_set", bench.clock())
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
    assert bench.stored()[other] == ("no_symbol_set", bench.clock())
    bench.clock.forward(60)
    reconciler.run()
    assert len(asked) == 3
