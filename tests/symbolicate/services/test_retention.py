"""Retention: unused sets go with what hangs on them, and nothing that is in use goes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from symbolicate.clock import system_clock
from symbolicate.database import retention as repository
from symbolicate.database import set_deletion, tables
from symbolicate.database.pending_uploads import UploadRow
from symbolicate.errors import DatabaseUnavailable, ObjectStoreUnavailable
from symbolicate.metrics import NullMetrics
from symbolicate.objects.local import LocalStore
from symbolicate.services import retention as module
from symbolicate.services import set_retention
from symbolicate.services.retention import Ages, Retention, RetentionReport
from symbolicate.services.retention_report import ListedSet

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

    Web = Callable[..., dict[str, Any]]

AGES = Ages(days=30, delete_unused=True, frame_days=0)
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


def retention(bench: Bench, ages: Ages = AGES, metrics: NullMetrics | None = None) -> Retention:
    frames = bench.symbolicator.stored_frames
    return Retention(
        bench.database,
        bench.objects,
        frames._catalog,
        frames._store,
        ages,
        clock=bench.clock,
        metrics=metrics or NullMetrics(),
        pause=lambda _seconds: None,
    )


def age(bench: Bench, ref: str, used: float | None, made: float = 45, team: int = 1) -> None:
    """Puts a set that many days into the past: when it was used, and made and uploaded."""

    def ago(days: float | None) -> Any:
        return None if days is None else bench.clock.now - timedelta(days=days)

    times = {"last_used": ago(used), "created_at": ago(made), "finished_at": ago(made)}
    with bench.database.write() as connection:
        connection.execute(
            update(tables.symbol_set)
            .where(tables.symbol_set.c.team_id == team, tables.symbol_set.c.ref == ref)
            .values(**times)
        )


def refs(bench: Bench) -> list[str]:
    with bench.database.read() as connection:
        return sorted(connection.execute(select(tables.symbol_set.c.ref)).scalars())


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


def old_sets(bench: Bench, *names: str, team: int = 1) -> None:
    """Uploads sets that were last used 31 days ago."""
    for name in names:
        bench.upload(name, name, team)
        age(bench, name, used=31, team=team)


def ancient(bench: Bench) -> None:
    """Stores a spike and an event that no run keeps."""
    then = bench.clock.now - timedelta(days=31)
    spike = {"computed_baseline": 1.0, "current_bucket_value": 1, "detected_at": then}
    event = {"event_id": bytes(32), "verdict": "ok", "finished_at": then}
    common = {"team_id": 1, "issue_id": uuid.UUID(int=1)}
    with bench.database.write() as connection:
        made = {"id": uuid.uuid4(), **common, **spike}
        connection.execute(insert(tables.spike_event).values(**made))
        connection.execute(insert(tables.processed_event).values(**common, **event))


def test_row_39_old_sets_go_with_their_objects_and_unresolved_frames(
    bench: Bench, make_web: Web
) -> None:
    for name in ("used", "never", "recent"):
        bench.upload(name, name)
    good = bench.store([make_web(name) for name in ("used", "never", "recent")])
    bad = bench.store([make_web(name, lineno=2) for name in ("used", "never", "recent")])
    age(bench, "used", used=31)
    age(bench, "never", used=None)
    age(bench, "recent", used=29)
    report = bench.symbolicator.retention.run()
    assert (report.symbol_sets, report.frames) == (2, 2)
    assert (report.failed_symbol_sets, report.failed_objects) == (0, 0)
    assert refs(bench) == ["recent"]
    recent = bench.row("recent")
    assert recent is not None
    assert bench.listed() == [recent.storage_key]
    assert {key.split("/")[2] for key in keys(bench) if "/compiled/" in key} == {str(recent.id)}
    assert [frame.symbol_set_ref for frame in bench.get(good)] == [None, None, "recent"]
    assert [frame.raw_id for frame in bench.get(bad)] == bad[2:]


def test_row_39_sets_that_were_never_used_can_be_kept(light_bench: Bench) -> None:
    old_sets(light_bench, "used", "never")
    age(light_bench, "never", used=None)
    assert retention(light_bench, Ages(30, False, 0)).run().symbol_sets == 1
    assert refs(light_bench) == ["never"]


def test_row_39_a_dry_run_counts_and_changes_nothing(bench: Bench, make_web: Web) -> None:
    old_sets(bench, "used", "never")
    bench.upload("recent", "recent")
    bench.store([make_web("used", lineno=2), make_web("used")])
    age(bench, "used", used=31)
    age(bench, "never", used=None)
    bench.start("pending")
    bench.clock.now = system_clock() + timedelta(days=2)
    for name, used in (("used", 31), ("never", None), ("recent", 1)):
        age(bench, name, used)
    ancient(bench)
    bench.objects.put("1/symbolsets/orphan", b"x")
    bench.clock.forward(2 * DAY)
    before, metrics = everything(bench), Counted()
    report = retention(bench, metrics=metrics).run(dry_run=True)
    assert everything(bench) == before
    assert (report.symbol_sets, report.frames, report.uploads) == (2, 1, 1)
    assert (report.spike_events, report.processed_events) == (1, 1)
    assert sorted(report.listed) == [ListedSet(1, "never"), ListedSet(1, "used")]
    assert (metrics.deleted, metrics.failed) == ({}, {})
    done = retention(bench, metrics=metrics).run()
    assert done.listed == ()
    assert [getattr(done, name) for name in RetentionReport.__slots__[:9]] == [
        getattr(report, name) for name in RetentionReport.__slots__[:9]
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
    }
    assert refs(bench) == ["recent"]


def test_a_dry_run_lists_no_more_than_people_read(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate.services.retention_report.MAX_LISTED", 2)
    old_sets(light_bench, "a", "b", "c")
    report = light_bench.symbolicator.retention.run(dry_run=True)
    assert (report.symbol_sets, len(report.listed)) == (3, 2)


def test_a_set_that_was_uploaded_again_or_is_being_uploaded_stays(light_bench: Bench) -> None:
    bench = light_bench
    for name in ("old", "again", "pending"):
        bench.upload(name, name)
    bench.clock.forward(40 * DAY)
    bench.upload("again", "new")
    age(bench, "old", used=40)
    with bench.database.write() as connection:
        then = bench.clock.now - timedelta(days=40)
        connection.execute(update(tables.symbol_set).values(last_used=then))
    bench.start("pending")
    with bench.database.write() as connection:
        connection.execute(update(tables.symbol_set).values(last_used=then))
    assert bench.symbolicator.retention.run().symbol_sets == 1
    assert refs(bench) == ["again", "pending"]
    assert bench.serving("again") == "src/new.ts"
    assert bench.serving("pending") == "src/pending.ts"


@pytest.mark.parametrize("how", ["used", "uploaded", "started"])
def test_a_set_that_is_used_again_while_it_is_judged_stays(
    light_bench: Bench, make_web: Web, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    bench, listed = light_bench, repository.unused_sets
    old_sets(bench, "chunk", "other")

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
    assert refs(bench) == ["chunk"]
    assert bench.serving("chunk") == ("src/new.ts" if how == "uploaded" else "src/chunk.ts")


def test_zero_days_keep_sets_and_spikes_for_ever(light_bench: Bench) -> None:
    old_sets(light_bench, "chunk")
    ancient(light_bench)
    report = retention(light_bench, Ages(0, True, 0)).run()
    assert (report.symbol_sets, report.spike_events, report.processed_events) == (0, 0, 1)
    assert refs(light_bench) == ["chunk"]


def test_memory_forgets_what_was_deleted(light_bench: Bench, make_web: Web) -> None:
    old_sets(light_bench, "chunk")
    (raw_id,) = light_bench.store([make_web("chunk", lineno=2)])
    age(light_bench, "chunk", used=31)
    assert len(light_bench.get([raw_id])) == 1
    light_bench.symbolicator.retention.run()
    assert light_bench.get([raw_id]) == []
    assert light_bench.serving("chunk") == "no_symbol_set"


def test_teams_are_judged_apart(light_bench: Bench) -> None:
    old_sets(light_bench, "chunk")
    old_sets(light_bench, "chunk", "other", team=2)
    light_bench.upload("chunk", "chunk", team=3)
    assert light_bench.symbolicator.retention.run().symbol_sets == 3
    assert light_bench.serving("chunk", team=3) == "src/chunk.ts"


def test_a_run_deletes_no_more_than_its_limit(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SETS", 3)
    monkeypatch.setattr(set_retention, "LISTED_AT_ONCE", 2)
    old_sets(light_bench, "a", "b")
    old_sets(light_bench, "a", "b", team=2)
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
    old_sets(light_bench, "a", "b", "c")
    ancient(light_bench)
    report = light_bench.symbolicator.retention.run(stop=lambda: len(refs(light_bench)) < 3)
    assert (report.symbol_sets, report.spike_events) == (1, 0)
    assert light_bench.symbolicator.retention.run().symbol_sets == 2


def test_a_sweep_that_is_told_to_stop_removes_nothing_more(light_bench: Bench) -> None:
    light_bench.symbolicator.teams.ensure(1)
    light_bench.objects.put("1/uploads/orphan", b"x")
    light_bench.clock.forward(2 * DAY)
    assert light_bench.symbolicator.retention.run(stop=lambda: True).objects == 0
    assert light_bench.symbolicator.retention.run().objects == 1


def test_a_batch_that_fails_is_halved_until_the_bad_set_is_known(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, remove = light_bench, set_deletion.remove_sets
    old_sets(bench, *"abcdefgh")
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
        report = retention(bench, metrics=metrics).run()
    assert (report.symbol_sets, report.failed_symbol_sets) == (7, 1)
    assert metrics.failed == {"symbol_set": 1}
    assert tries == [8, 4, 4, 2, 1, 1, 2]
    assert (refs(bench), bench.serving("e")) == (["e"], "src/e.ts")
    age(bench, "e", used=31)
    assert bench.symbolicator.retention.run().symbol_sets == 1


def test_an_outage_of_the_database_ends_the_run(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_sets(light_bench, *"abcd")
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
    assert refs(light_bench) == list("abcd")


@pytest.mark.parametrize("error", [ObjectStoreUnavailable("down"), KeyboardInterrupt()])
def test_objects_that_outlive_their_rows_are_swept_by_a_later_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """A store that is down, and a process that dies between the commit and the deletion."""
    bench.clock.now = system_clock()
    bench.symbolicator.teams.ensure(1)
    old_sets(bench, "chunk")
    assert bench.serving("chunk") == "src/chunk.ts"
    age(bench, "chunk", used=31)
    left, metrics = keys(bench), Counted()

    def failing(_keys: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, "delete", failing)
        try:
            assert retention(bench, metrics=metrics).run().failed_objects > 0
        except KeyboardInterrupt:
            assert isinstance(error, KeyboardInterrupt)
        else:
            assert metrics.failed["object"] > 0
    assert (refs(bench), keys(bench)) == ([], left)
    bench.clock.forward(23 * 3600)
    assert bench.symbolicator.retention.run().objects == 0
    bench.clock.forward(2 * 3600)
    assert bench.symbolicator.retention.run().objects == len(left)
    assert keys(bench) == set()


def test_a_store_that_cannot_be_listed_ends_the_sweep_alone(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_sets(light_bench, "chunk")
    ancient(light_bench)

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
    assert refs(bench) == ["serving", "young"]
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
    assert refs(bench) == ["chunk"]


@pytest.mark.parametrize(
    ("what", "seconds"),
    [
        ("spike_event", 30 * DAY),
        ("processed_event", 7 * DAY),
        ("rate_bucket", DAY),
        ("spike_bucket", 3600),
        ("spike_snooze", 0),
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
    assert retention(bench, ages).run(dry_run=True).frames == 2
    assert len(bench.get([*old, *new])) == 3
    assert retention(bench, ages).run().frames == 2
    assert [frame.raw_id for frame in bench.get([*old, *new])] == new
    assert retention(bench, ages).run().frames == 0


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
