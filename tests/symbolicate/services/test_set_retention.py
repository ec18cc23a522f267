"""Retention of sets: unused ones go with what hangs on them, and nothing that is in use goes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from symbolicate.clock import system_clock
from symbolicate.database import retention as repository
from symbolicate.database import set_deletion, tables
from symbolicate.database.pending_uploads import UploadRow
from symbolicate.errors import DatabaseUnavailable, ObjectStoreUnavailable
from symbolicate.metrics import NullMetrics
from symbolicate.services import retention as module
from symbolicate.services import set_retention
from symbolicate.services.retention import Ages, RetentionReport
from symbolicate.services.retention_report import ListedSet

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

    Web = Callable[..., dict[str, Any]]

DAY = 86_400


class Counted(NullMetrics):
    """A sink that keeps what is counted, by the kind of thing."""

    def __init__(self) -> None:
        self.deleted: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        super().count(name, amount, **labels)
        kept = self.deleted if name.endswith("deleted_total") else self.failed
        kept[labels["what"]] += amount


def everything(bench: Bench) -> list[Any]:
    """Gives every row and every object there is."""
    with bench.database.read() as connection:
        found: list[Any] = [
            sorted(map(repr, connection.execute(select(table))))
            for table in tables.metadata.sorted_tables
        ]
    return [*found, sorted(bench.objects.list(""))]


def keys(bench: Bench) -> set[str]:
    return {found.key for found in bench.objects.list("")}


def test_row_39_old_sets_go_with_their_objects_and_unresolved_frames(
    bench: Bench, make_web: Web
) -> None:
    for name in ("used", "never", "recent"):
        bench.upload(name, name)
    good = bench.store([make_web(name) for name in ("used", "never", "recent")])
    bad = bench.store([make_web(name, lineno=2) for name in ("used", "never", "recent")])
    bench.age("used", used=31)
    bench.age("never", used=None)
    bench.age("recent", used=29)
    report = bench.symbolicator.retention.run()
    assert (report.symbol_sets, report.frames) == (2, 2)
    assert (report.failed_symbol_sets, report.failed_objects) == (0, 0)
    assert bench.refs() == ["recent"]
    recent = bench.row("recent")
    assert recent is not None
    assert bench.listed() == [recent.storage_key]
    assert {key.split("/")[2] for key in keys(bench) if "/compiled/" in key} == {str(recent.id)}
    assert [frame.symbol_set_ref for frame in bench.get(good)] == [None, None, "recent"]
    assert [frame.raw_id for frame in bench.get(bad)] == bad[2:]


def test_row_39_sets_that_were_never_used_can_be_kept(light_bench: Bench) -> None:
    light_bench.upload_old("used", "never")
    light_bench.age("never", used=None)
    assert light_bench.retention(Ages(30, False, 0)).run().symbol_sets == 1
    assert light_bench.refs() == ["never"]


def test_row_39_a_dry_run_counts_and_changes_nothing(bench: Bench, make_web: Web) -> None:
    bench.upload_old("used", "never")
    bench.upload("recent", "recent")
    bench.store([make_web("used", lineno=2), make_web("used")])
    bench.age("used", used=31)
    bench.age("never", used=None)
    bench.start("pending")
    bench.clock.now = system_clock() + timedelta(days=2)
    for name, used in (("used", 31), ("never", None), ("recent", 1)):
        bench.age(name, used)
    bench.add_ancient()
    bench.objects.put("1/symbolsets/orphan", b"x")
    bench.clock.forward(2 * DAY)
    before, metrics = everything(bench), Counted()
    report = bench.retention(metrics=metrics).run(dry_run=True)
    assert everything(bench) == before
    assert (report.symbol_sets, report.frames, report.uploads) == (2, 1, 1)
    assert (report.spike_events, report.processed_events) == (1, 1)
    assert sorted(report.listed) == [ListedSet(1, "never"), ListedSet(1, "used")]
    assert (metrics.deleted, metrics.failed) == ({}, {})
    done = bench.retention(metrics=metrics).run()
    assert done.listed == ()
    assert [getattr(done, name) for name in RetentionReport.__slots__[:10]] == [
        getattr(report, name) for name in RetentionReport.__slots__[:10]
    ]
    assert metrics.deleted == {
        "symbol_set": 2,
        "frame": 1,
        "object": report.objects,
        "upload": 1,
        "spike_event": 1,
        "processed_event": 1,
        "rate_bucket": 1,
        "spike_bucket": 1,
        "lease": 1,
    }
    assert bench.refs() == ["recent"]


def test_a_dry_run_lists_no_more_than_people_read(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate.services.retention_report.MAX_LISTED", 2)
    light_bench.upload_old("a", "b", "c")
    report = light_bench.symbolicator.retention.run(dry_run=True)
    assert (report.symbol_sets, len(report.listed)) == (3, 2)


def test_a_set_that_was_uploaded_again_or_is_being_uploaded_stays(light_bench: Bench) -> None:
    bench = light_bench
    for name in ("old", "again", "pending"):
        bench.upload(name, name)
    bench.clock.forward(40 * DAY)
    bench.upload("again", "new")
    bench.age("old", used=40)
    with bench.database.write() as connection:
        then = bench.clock.now - timedelta(days=40)
        connection.execute(update(tables.symbol_set).values(last_used=then))
    bench.start("pending")
    with bench.database.write() as connection:
        connection.execute(update(tables.symbol_set).values(last_used=then))
    assert bench.symbolicator.retention.run().symbol_sets == 1
    assert bench.refs() == ["again", "pending"]
    assert bench.serving("again") == "src/new.ts"
    assert bench.serving("pending") == "src/pending.ts"


@pytest.mark.parametrize("how", ["used", "uploaded", "started"])
def test_a_set_that_is_used_again_while_it_is_judged_stays(
    light_bench: Bench, make_web: Web, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    bench, listed = light_bench, repository.unused_sets
    bench.upload_old("chunk", "other")

    def listing(*given: Any) -> list[UploadRow]:
        found = listed(*given)
        acts: dict[str, Callable[[], object]] = {
            "used": lambda: bench.store([make_web("chunk")]),
            "uploaded": lambda: bench.upload("chunk", "new"),
            "started": lambda: bench.start("chunk"),
        }
        acts[how]()
        return found

    monkeypatch.setattr(repository, "unused_sets", listing)
    assert bench.symbolicator.retention.run().symbol_sets == 1
    assert bench.refs() == ["chunk"]
    assert bench.serving("chunk") == ("src/new.ts" if how == "uploaded" else "src/chunk.ts")


def test_memory_forgets_what_was_deleted(light_bench: Bench, make_web: Web) -> None:
    light_bench.upload_old("chunk")
    (raw_id,) = light_bench.store([make_web("chunk", lineno=2)])
    light_bench.age("chunk", used=31)
    assert len(light_bench.get([raw_id])) == 1
    light_bench.symbolicator.retention.run()
    assert light_bench.get([raw_id]) == []
    assert light_bench.serving("chunk") == "no_symbol_set"


def test_teams_are_judged_apart(light_bench: Bench) -> None:
    light_bench.upload_old("chunk")
    light_bench.upload_old("chunk", "other", team=2)
    light_bench.upload("chunk", "chunk", team=3)
    assert light_bench.symbolicator.retention.run().symbol_sets == 3
    assert light_bench.serving("chunk", team=3) == "src/chunk.ts"


def test_a_run_deletes_no_more_than_its_limit(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SETS", 3)
    monkeypatch.setattr(set_retention, "LISTED_AT_ONCE", 2)
    light_bench.upload_old("a", "b")
    light_bench.upload_old("a", "b", team=2)
    runs = [light_bench.symbolicator.retention.run().symbol_sets for _ in range(3)]
    assert runs == [3, 1, 0]


@pytest.mark.parametrize(
    "counts",
    [{"LISTED_AT_ONCE": 1}, {"DELETED_AT_ONCE": 1}, {"LISTED_AT_ONCE": 2, "DELETED_AT_ONCE": 1}],
    ids=["pages", "transactions", "both"],
)
def test_a_run_that_is_told_to_stop_ends_after_the_batch_in_hand(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch, counts: dict[str, int]
) -> None:
    for name, count in counts.items():
        monkeypatch.setattr(set_retention, name, count)
    light_bench.upload_old("a", "b", "c")
    light_bench.add_ancient()
    report = light_bench.symbolicator.retention.run(stop=lambda: len(light_bench.refs()) < 3)
    assert (report.symbol_sets, report.spike_events) == (1, 0)
    assert light_bench.symbolicator.retention.run().symbol_sets == 2


def test_a_batch_that_fails_is_halved_until_the_bad_set_is_known(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, remove = light_bench, set_deletion.remove_sets
    bench.upload_old(*"abcdefgh")
    poison, tries, metrics = bench.row("e"), [], Counted()
    assert poison is not None

    def failing(connection: Any, team_id: int, ids: Sequence[uuid.UUID]) -> Any:
        tries.append(len(ids))
        removed = remove(connection, team_id, ids)
        if poison.id in ids:
            raise RuntimeError("a row that cannot be deleted")
        return removed

    with monkeypatch.context() as patch:
        patch.setattr(set_deletion, "remove_sets", failing)
        report = bench.retention(metrics=metrics).run()
    assert (report.symbol_sets, report.failed_symbol_sets) == (7, 1)
    assert metrics.failed == {"symbol_set": 1}
    assert tries == [8, 4, 4, 2, 1, 1, 2]
    assert (bench.refs(), bench.serving("e")) == (["e"], "src/e.ts")
    bench.age("e", used=31)
    assert bench.symbolicator.retention.run().symbol_sets == 1


def test_an_outage_of_the_database_ends_the_run(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    light_bench.upload_old(*"abcd")
    tries: list[int] = []

    def down(*given: Any) -> Any:
        tries.append(1)
        raise DatabaseUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(set_deletion, "remove_sets", down)
        patch.setattr(light_bench.database, "check", down)
        with pytest.raises(DatabaseUnavailable):
            light_bench.symbolicator.retention.run()
    assert len(tries) == 2
    assert light_bench.refs() == list("abcd")


@pytest.mark.parametrize("error", [ObjectStoreUnavailable("down"), KeyboardInterrupt()])
def test_objects_that_outlive_their_rows_are_swept_by_a_later_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """A store that is down, and a process that dies between the commit and the deletion."""
    bench.clock.now = system_clock()
    bench.symbolicator.teams.ensure(1)
    bench.upload_old("chunk")
    assert bench.serving("chunk") == "src/chunk.ts"
    bench.age("chunk", used=31)
    left, metrics = keys(bench), Counted()

    def failing(_keys: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, "delete", failing)
        try:
            assert bench.retention(metrics=metrics).run().failed_objects > 0
        except KeyboardInterrupt:
            assert isinstance(error, KeyboardInterrupt)
        else:
            assert metrics.failed["object"] > 0
    assert (bench.refs(), keys(bench)) == ([], left)
    bench.clock.forward(23 * 3600)
    assert bench.symbolicator.retention.run().objects == 0
    bench.clock.forward(2 * 3600)
    assert bench.symbolicator.retention.run().objects == len(left)
    assert keys(bench) == set()
