"""Retention beside sets: unended uploads, old rows, frames and orphans go, each at its age."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from symbolicate.database import retention as repository
from symbolicate.database import tables
from symbolicate.database.pending_uploads import UploadRow
from symbolicate.errors import ObjectStoreUnavailable
from symbolicate.objects.local import LocalStore
from symbolicate.services import retention as module
from symbolicate.services.retention import Ages

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

    Web = Callable[..., dict[str, Any]]

DAY = 86_400


def test_zero_days_keep_sets_and_spikes_for_ever(light_bench: Bench) -> None:
    light_bench.upload_old("chunk")
    light_bench.add_ancient()
    report = light_bench.retention(Ages(0, True, 0)).run()
    assert (report.symbol_sets, report.spike_events, report.processed_events) == (0, 0, 1)
    assert light_bench.refs() == ["chunk"]


def test_a_sweep_that_is_told_to_stop_removes_nothing_more(light_bench: Bench) -> None:
    light_bench.symbolicator.teams.ensure(1)
    light_bench.objects.put("1/uploads/orphan", b"x")
    light_bench.clock.forward(2 * DAY)
    assert light_bench.symbolicator.retention.run(stop=lambda: True).objects == 0
    assert light_bench.symbolicator.retention.run().objects == 1


def test_a_store_that_cannot_be_listed_ends_the_sweep_alone(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    light_bench.upload_old("chunk")
    light_bench.add_ancient()

    def down(_prefix: str) -> Any:
        raise ObjectStoreUnavailable("down")

    monkeypatch.setattr(light_bench.objects, "list", down)
    report = light_bench.symbolicator.retention.run()
    assert (report.symbol_sets, report.spike_events, report.failed_objects) == (1, 1, 1)


def test_an_upload_that_never_ended_is_discarded_after_a_day(bench: Bench) -> None:
    bench.upload("serving", "served")
    started = [bench.start("serving"), bench.start("new")]
    for one in started:
        assert bench.send(one, b"half") in (200, 204)
    bench.clock.forward(12 * 3600)
    young = bench.start("young")
    bench.clock.forward(12 * 3600)
    assert bench.symbolicator.retention.run().uploads == 0
    bench.clock.forward(1)
    report = bench.symbolicator.retention.run()
    assert (report.uploads, report.objects, report.symbol_sets) == (2, 2, 0)
    assert bench.refs() == ["serving", "young"]
    assert bench.serving("serving") == "src/served.ts"
    serving, pending = bench.row("serving"), bench.row("young")
    assert serving is not None
    assert pending is not None
    assert (serving.upload_key, pending.upload_key) == (None, young.upload_key)
    assert bench.listed() == [serving.storage_key]


def test_an_upload_that_is_started_again_while_it_is_judged_stays(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, listed = light_bench, repository.abandoned_uploads
    bench.start("chunk")
    bench.clock.forward(2 * DAY)

    def listing(*given: Any) -> list[UploadRow]:
        found = listed(*given)
        bench.start("chunk")
        return found

    monkeypatch.setattr(repository, "abandoned_uploads", listing)
    assert bench.symbolicator.retention.run().uploads == 0
    assert bench.refs() == ["chunk"]


@pytest.mark.parametrize(
    ("what", "seconds"),
    [
        ("spike_event", 30 * DAY),
        ("processed_event", 7 * DAY),
        ("rate_bucket", DAY),
        ("spike_bucket", 3600),
        ("spike_snooze", 0),
        ("lease", DAY),
    ],
)
def test_rows_go_when_they_mean_nothing_any_more(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch, what: str, seconds: int
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    bench = light_bench
    with bench.database.write() as connection:
        for number in range(-3, 4):
            at = bench.clock.now - timedelta(seconds=seconds - number)
            rows = row_from(what, number + 9, at)
            connection.execute(insert(getattr(tables, what)).values(**rows))
    report = bench.symbolicator.retention.run()
    assert getattr(report, f"{what}s") == 3
    with bench.database.read() as connection:
        assert len(connection.execute(select(getattr(tables, what))).all()) == 4


def row_from(what: str, number: int, at: Any) -> dict[str, Any]:
    """Makes the row of a table that is from this moment."""
    issue, seconds = {"team_id": 1, "issue_id": uuid.UUID(int=number)}, int(at.timestamp())
    spike = {"computed_baseline": 1.0, "current_bucket_value": 1, "detected_at": at}
    rows: dict[str, dict[str, Any]] = {
        "spike_event": {**issue, **spike, "id": uuid.UUID(int=number)},
        "processed_event": {
            "team_id": 1,
            "event_id": bytes([number]) * 32,
            "verdict": "ok",
            "finished_at": at,
        },
        "rate_bucket": {"team_id": 1, "name": f"{number}", "ts": seconds, "pool": 1.0},
        "spike_bucket": {**issue, "start": seconds, "events": 1},
        "spike_snooze": {**issue, "until": at},
        "lease": {"team_id": 1, "name": f"compile:{number}", "token": 1, "expires_at": at},
    }
    return rows[what]


def test_frames_are_kept_for_ever_unless_days_are_set(light_bench: Bench, make_web: Web) -> None:
    bench = light_bench
    bench.upload("chunk", "chunk")
    old = bench.store([make_web("chunk", 1), make_web("gone", 2)])
    bench.clock.forward(10 * DAY)
    new = bench.store([make_web("chunk", 3)])
    bench.clock.forward(1)
    assert bench.symbolicator.retention.run().frames == 0
    ages = Ages(30, True, 10)
    assert bench.retention(ages).run(dry_run=True).frames == 2
    assert len(bench.get([*old, *new])) == 3
    assert bench.retention(ages).run().frames == 2
    assert [frame.raw_id for frame in bench.get([*old, *new])] == new
    assert bench.retention(ages).run().frames == 0


def test_what_a_killed_process_left_in_a_directory_is_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    for name in ("remove_abandoned", "remove_empty_folders"):
        monkeypatch.setattr(LocalStore, name, lambda _self, name=name: called.append(name))
    bench.symbolicator.retention.run(dry_run=True)
    assert called == []
    bench.symbolicator.retention.run()
    expected = ["remove_abandoned", "remove_empty_folders"]
    assert called == (expected if isinstance(bench.objects, LocalStore) else [])
