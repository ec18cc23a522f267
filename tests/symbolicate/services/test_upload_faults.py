"""Uploads under faults and races: the old bytes serve, or the new ones, and never neither."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.database import pending_uploads
from symbolicate.database.engine import Database
from symbolicate.errors import DatabaseUnavailable, ObjectStoreUnavailable, Refused

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tests.symbolicate.services.conftest import Bench

    Bundle = Callable[[str], bytes]


@pytest.fixture
def bench(light_bench: Bench) -> Bench:
    return light_bench


def run_together(*calls: Callable[[], object]) -> list[Exception]:
    """Runs the calls at once, each in a thread, and gives what they raised."""
    together = threading.Barrier(len(calls), timeout=30)
    raised: list[Exception] = []

    def run(call: Callable[[], object]) -> None:
        together.wait()
        try:
            call()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


class Broken:
    """A method of a store that fails until it is mended."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self._error


AWAY = ObjectStoreUnavailable("away")
FAULTS = {
    "the size cannot be asked": ("size", AWAY),
    "the copy fails": ("copy", AWAY),
    "the copy cannot be read": ("get", AWAY),
    "the process dies after the copy": ("get", KeyboardInterrupt()),
}


@pytest.mark.parametrize(("method", "error"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_before_the_switch_leaves_the_old_bytes_serving_and_the_upload_open(
    bench: Bench,
    make_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    error: Exception,
) -> None:
    bench.upload("chunk", "old")
    started = bench.start("chunk")
    bench.send(started, make_bundle("new"))
    before = bench.row("chunk")
    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, method, Broken(error))
        with pytest.raises(type(error)):
            bench.finish(started)
    assert bench.row("chunk") == before
    assert bench.serving("chunk") == "src/old.ts"
    bench.finish(started)
    assert bench.serving("chunk") == "src/new.ts"


def test_a_database_away_at_the_switch_leaves_the_old_bytes_serving(
    bench: Bench, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.upload("chunk", "old")
    started = bench.start("chunk")
    bench.send(started, make_bundle("new"))
    with monkeypatch.context() as patch:
        patch.setattr(pending_uploads, "replace", Broken(DatabaseUnavailable("away")))
        with pytest.raises(DatabaseUnavailable):
            bench.finish(started)
    assert bench.serving("chunk") == "src/old.ts"
    bench.finish(started)
    assert bench.serving("chunk") == "src/new.ts"


def test_a_commit_whose_answer_is_lost_keeps_its_object(
    bench: Bench, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An orphaned object is harmless, a row without its object is not."""
    bench.upload("chunk", "old")
    started = bench.start("chunk")
    bench.send(started, make_bundle("new"))
    write = Database.write

    @contextmanager
    def write_and_lose(database: Database) -> Iterator[Connection]:
        with write(database) as connection:
            yield connection
        raise DatabaseUnavailable("the connection was lost after the commit")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", write_and_lose)
        with pytest.raises(DatabaseUnavailable):
            bench.finish(started)
    row = bench.row("chunk")
    assert row is not None
    assert row.storage_key in bench.listed()
    bench.finish(started)
    assert bench.serving("chunk") == "src/new.ts"


def test_old_objects_that_cannot_be_deleted_do_no_harm(
    bench: Bench, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.upload("chunk", "old")
    started = bench.start("chunk")
    bench.send(started, make_bundle("new"))
    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, "delete", Broken(AWAY))
        bench.finish(started)
    assert bench.serving("chunk") == "src/new.ts"
    assert len(bench.listed()) == 3


def test_a_refusal_is_told_even_if_its_objects_cannot_be_deleted(
    bench: Bench, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = bench.start("good"), bench.start("bad")
    bench.send(good, make_bundle("good"))
    bench.send(bad, b"no container")
    monkeypatch.setattr(bench.objects, "delete", Broken(AWAY))
    tokens = {str(good.symbol_set_id): "t", str(bad.symbol_set_id): "t"}
    with pytest.raises(Refused) as refused:
        bench.symbolicator.uploads.finish(1, tokens)
    assert refused.value.code == "invalid_symbol_set"
    assert bench.row("bad") is None


def test_old_objects_are_deleted_only_after_the_commit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.upload("chunk", "old")
    delete, served = bench.objects.delete, []

    def watch(keys: list[str]) -> None:
        row = bench.row("chunk")
        assert row is not None
        served.append((row.content_hash, row.storage_key in keys))
        delete(keys)

    monkeypatch.setattr(bench.objects, "delete", watch)
    bench.upload("chunk", "new")
    assert served == [("new", False)]
    assert len(bench.listed()) == 1


def test_f12_two_finishes_of_one_upload_both_succeed(
    bench: Bench, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have copied and read before either switches."""
    started = bench.start("chunk")
    bench.send(started, make_bundle("cart"))
    get, both = bench.objects.get, threading.Barrier(2, timeout=30)

    def get_together(key: str, *, limit: int) -> bytes:
        data = get(key, limit=limit)
        both.wait()
        return data

    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, "get", get_together)
        assert run_together(*[lambda: bench.finish(started)] * 2) == []
    row = bench.row("chunk")
    assert row is not None
    assert bench.listed() == [row.storage_key]
    assert bench.serving("chunk") == "src/cart.ts"


def test_f12_a_finish_that_finds_its_upload_taken_by_its_twin_succeeds(
    bench: Bench, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin runs whole between the look at the row and the look at the object."""
    started = bench.start("chunk")
    bench.send(started, make_bundle("cart"))
    size = bench.objects.size

    def finish_first(key: str) -> int | None:
        monkeypatch.setattr(bench.objects, "size", size)
        bench.finish(started)
        return size(key)

    monkeypatch.setattr(bench.objects, "size", finish_first)
    bench.finish(started)
    assert bench.serving("chunk") == "src/cart.ts"
    assert len(bench.listed()) == 1


def test_f12_a_finish_that_lost_to_a_newer_start_is_refused(
    bench: Bench, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.upload("chunk", "old")
    started = bench.start("chunk")
    bench.send(started, make_bundle("new"))
    get = bench.objects.get

    def start_again(key: str, *, limit: int) -> bytes:
        monkeypatch.setattr(bench.objects, "get", get)
        bench.start("chunk")
        return get(key, limit=limit)

    monkeypatch.setattr(bench.objects, "get", start_again)
    with pytest.raises(Refused, match="replaced by another") as refused:
        bench.finish(started)
    assert refused.value.code == "file_not_found"
    assert bench.serving("chunk") == "src/old.ts"
    assert len(bench.listed("1/symbolsets/")) == 1


def test_f12_starts_of_one_ref_at_once_share_a_row_and_one_key_is_open(bench: Bench) -> None:
    started = []
    calls = [lambda: started.append(bench.start("chunk"))] * 4
    assert run_together(*calls) == []
    row = bench.row("chunk")
    assert row is not None
    assert {one.symbol_set_id for one in started} == {row.id}
    assert len({one.upload_key for one in started}) == 4
    assert row.upload_key in {one.upload_key for one in started}


def test_starts_of_the_same_refs_in_another_order_do_not_lock_each_other_out(
    bench: Bench,
) -> None:
    refs = [f"{number}" for number in range(60)]
    uploads = bench.symbolicator.uploads
    for _ in range(5):
        calls = [
            lambda refs=order: uploads.start(1, {"chunk_ids": refs}) for order in (refs, refs[::-1])
        ]
        assert run_together(*calls) == []


def test_f12_bytes_in_hand_for_one_ref_at_once_all_succeed_and_one_of_them_serves(
    bench: Bench, make_bundle: Bundle
) -> None:
    """An upload that a client has open meanwhile is closed: its finish is refused."""
    started = bench.start("chunk")
    bench.send(started, make_bundle("client"))
    data = {f"src/{number}.ts": make_bundle(f"{number}") for number in range(4)}
    add = bench.symbolicator.add_symbol_set
    assert run_together(*[partial(add, 1, "chunk", one) for one in data.values()]) == []
    row = bench.row("chunk")
    assert row is not None
    assert bench.listed() == [row.storage_key]
    serving = bench.serving("chunk")
    assert serving in data
    assert row.content_hash == hashlib.sha512(data[str(serving)]).hexdigest()
    with pytest.raises(Refused) as refused:
        bench.finish(started)
    assert refused.value.code == "file_not_found"


def test_bytes_in_hand_for_an_unknown_release_leave_nothing(
    bench: Bench, make_bundle: Bundle
) -> None:
    with pytest.raises(Refused) as refused:
        bench.symbolicator.add_symbol_set(1, "chunk", make_bundle("a"), release_id=uuid.uuid4())
    assert refused.value.code == "invalid_release_id"
    assert (bench.row("chunk"), bench.listed()) == (None, [])
