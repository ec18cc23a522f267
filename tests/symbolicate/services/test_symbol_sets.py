"""Symbol sets read, checked and deleted: what goes, what stays, and that no team sees another."""

from __future__ import annotations

import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from symbolicate.database.engine import Database
from symbolicate.errors import NotFound, ObjectStoreUnavailable, Refused
from symbolicate.identity import MAX_REF_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from symbolicate.services.symbol_sets import ListedSet, SymbolSets
    from tests.symbolicate.services.conftest import Bench

    Bundle = Callable[[str], bytes]
    Web = Callable[..., dict[str, Any]]

UPPER = "ABCDEF0123456789ABCDEF0123456789"
NOBODY = uuid.UUID(int=7)


def refusal(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value


def sets_of(bench: Bench) -> SymbolSets:
    return bench.symbolicator.symbol_sets


def listed(bench: Bench, asked: Mapping[str, str], team: int = 1) -> list[ListedSet]:
    total, found = sets_of(bench).page(team, asked, limit=100, offset=0)
    assert total == len(found)
    return found


def test_a_set_is_listed_and_found_as_what_it_is(light_bench: Bench) -> None:
    bench = light_bench
    release = bench.symbolicator.create_release(1, version="1", project="shop")
    started = bench.upload("chunk", "cart", release_id=str(release.id))
    (found,) = listed(bench, {})
    assert found == sets_of(bench).one(1, started.symbol_set_id)
    assert (found.ref, found.team_id, found.release) == ("chunk", 1, release)
    assert (found.created_at, found.last_used) == (bench.clock(), bench.clock())
    assert found.storage_key is not None
    assert found.failure_reason is None


def test_the_failure_of_a_set_is_told_by_its_sentence(light_bench: Bench) -> None:
    bench = light_bench
    bench.symbolicator.add_symbol_set(1, "chunk", source="x()", map="no map")
    assert bench.serving("chunk") == "malformed"
    (found,) = listed(bench, {"status": "invalid"})
    assert (found.failure_reason or "").startswith("Invalid source map: ")
    assert listed(bench, {"status": "valid"}) == []


def test_the_newest_set_comes_first_unless_asked_otherwise(light_bench: Bench) -> None:
    for ref in ("b", "a", "c"):
        light_bench.start(ref)
        light_bench.clock.forward(1)
    orders = {None: "cab", "created_at": "bac", "-ref": "cba", "ref": "abc"}
    for order, refs in orders.items():
        asked = {} if order is None else {"order_by": order}
        assert "".join(found.ref for found in listed(light_bench, asked)) == refs


def test_a_ref_is_found_as_clients_spell_it(light_bench: Bench) -> None:
    long = "é" * (MAX_REF_BYTES // 2)
    for ref in (UPPER, "Chunk", long):
        light_bench.start(ref)
    for asked, ref in ((UPPER, UPPER.lower()), ("Chunk", "Chunk"), (long, long)):
        assert [found.ref for found in listed(light_bench, {"ref": asked})] == [ref]
    assert listed(light_bench, {"ref": "chunk"}) == []
    assert len(listed(light_bench, {"ref": "", "search": ""})) == 3


BAD: dict[str, tuple[dict[str, str], str, str]] = {
    "another status": ({"status": "broken"}, "invalid_choice", "status"),
    "an empty status": ({"status": ""}, "invalid_choice", "status"),
    "another order": ({"order_by": "storage_ptr"}, "invalid_choice", "order_by"),
    "two signs": ({"order_by": "--ref"}, "invalid_choice", "order_by"),
    "NUL in the ref": ({"ref": "a\0"}, "invalid_input", "ref"),
    "a lone surrogate": ({"search": "\ud800"}, "invalid_input", "search"),
}


@pytest.mark.parametrize(("asked", "code", "attr"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_listed_is_refused(
    light_bench: Bench, asked: dict[str, str], code: str, attr: str
) -> None:
    refused = refusal(lambda: listed(light_bench, asked))
    assert (refused.code, refused.attr) == (code, attr)


def test_the_stored_bytes_can_be_downloaded_for_an_hour(
    any_bench: Bench, make_bundle: Bundle
) -> None:
    bench = any_bench
    started = bench.upload("chunk", "cart")
    url = sets_of(bench).download_url(1, started.symbol_set_id)
    if url.startswith("/"):
        parts = httpx.URL(url)
        key, query = parts.path.removeprefix("/uploads/"), dict(parts.params)
        grant = bench.symbolicator.uploads.grant("GET", key, query)
        assert bench.symbolicator.uploads.download(grant) == make_bundle("cart")
        bench.clock.forward(3601)
        with pytest.raises(Refused, match="expired"):
            bench.symbolicator.uploads.grant("GET", key, query)
    else:
        assert httpx.get(url).content == make_bundle("cart")
        assert dict(httpx.URL(url).params)["X-Amz-Expires"] == "3600"


def test_without_bytes_there_is_nothing_to_download(light_bench: Bench) -> None:
    started = light_bench.start("chunk")
    refused = refusal(lambda: sets_of(light_bench).download_url(1, started.symbol_set_id))
    assert (refused.code, refused.detail) == ("not_found", "Symbol set has no uploaded file.")


def test_an_url_that_cannot_be_signed_is_an_outage(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_given: Any) -> str:
        raise ObjectStoreUnavailable("no credentials")

    started = light_bench.upload("chunk", "cart")
    monkeypatch.setattr(type(light_bench.objects), "presign_get", fail)
    with pytest.raises(ObjectStoreUnavailable):
        sets_of(light_bench).download_url(1, started.symbol_set_id)


def test_check_tells_what_start_would_open_and_writes_nothing(light_bench: Bench) -> None:
    bench = light_bench
    bench.upload("same", "same")
    bench.upload("other", "other")
    bench.start("pending")
    refs = ("new", "same", "other", "pending", UPPER)
    sets = [{"chunk_id": ref, "content_hash": "same"} for ref in refs]
    before = listed(bench, {})
    bench.clock.forward(24 * 3600)
    for flag, opened in (
        ("force", ["new", "other", "pending", UPPER]),
        ("skip_on_conflict", ["new", "pending", UPPER]),
    ):
        body = {"symbol_sets": sets, flag: True}
        assert sets_of(bench).check(1, body) == opened
        assert listed(bench, {}) == before
    assert list(bench.symbolicator.uploads.start(1, body)) == opened


def test_check_reads_and_never_writes(light_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "write", None)
    assert sets_of(light_bench).check(1, {"chunk_ids": ["a"]}) == ["a"]


def test_check_refuses_what_start_refuses(light_bench: Bench) -> None:
    bench = light_bench
    mine, other = (bench.symbolicator.create_release(1, version=v, project="p") for v in "12")
    foreign = bench.symbolicator.create_release(2, version="1", project="p")
    bench.upload("chunk", "a", release_id=str(mine.id))
    item = {"chunk_id": "chunk", "content_hash": "b"}
    bodies: list[dict[str, Any]] = [
        {"symbol_sets": [item]},
        {"chunk_ids": ["chunk"]},
        {"symbol_sets": [item | {"release_id": str(other.id)}]},
        {"symbol_sets": [item | {"release_id": str(foreign.id)}]},
        {"chunk_ids": ["a"], "release_id": str(NOBODY)},
        {"chunk_ids": ["a", "a"]},
        {"force": True, "skip_on_conflict": True},
    ]
    codes = set()
    for body in bodies:
        checked = refusal(partial(sets_of(bench).check, 1, body))
        started = refusal(partial(bench.symbolicator.uploads.start, 1, body))
        assert (checked.code, checked.attr) == (started.code, started.attr)
        codes.add(checked.code)
    assert len(codes) == 6


def test_a_deleted_set_takes_its_objects_and_failed_frames_along(
    any_bench: Bench, make_web: Web
) -> None:
    bench = any_bench
    started = bench.upload("chunk", "cart")
    resolved, failed = bench.store([make_web("chunk"), make_web("chunk", lineno=2)])
    other = bench.store([make_web("other")])[0]
    bench.start("chunk")
    assert bench.serving("chunk") == "src/cart.ts"
    sets_of(bench).delete(1, started.symbol_set_id)
    assert bench.row("chunk") is None
    assert list(bench.objects.list("1/")) == []
    assert bench.serving("chunk") == "no_symbol_set"
    found = {frame.raw_id: frame for frame in bench.get([resolved, failed, other])}
    assert found.keys() == {resolved, other}
    assert (found[resolved].resolved, found[resolved].symbol_set_ref) == (True, None)
    with pytest.raises(NotFound):
        sets_of(bench).delete(1, started.symbol_set_id)


def test_a_ref_that_was_deleted_can_be_uploaded_again(bench: Bench, make_web: Web) -> None:
    first = bench.upload("chunk", "old")
    raw_id = bench.store([make_web("chunk")])[0]
    sets_of(bench).delete(1, first.symbol_set_id)
    second = bench.upload("chunk", "new")
    assert second.symbol_set_id != first.symbol_set_id
    assert bench.sources([raw_id]) == ["src/new.ts"]


def test_many_sets_are_deleted_at_once_and_counted(light_bench: Bench) -> None:
    bench = light_bench
    own = [bench.upload(ref, ref).symbol_set_id for ref in ("a", "b", "c")]
    foreign = bench.upload("a", "a", team=2).symbol_set_id
    ids = [str(own[0]), str(own[1]).upper(), str(own[1]), str(foreign), str(NOBODY)]
    assert sets_of(bench).delete_many(1, ids) == 2
    assert [found.ref for found in listed(bench, {})] == ["c"]
    assert [found.id for found in listed(bench, {}, team=2)] == [foreign]
    assert len(bench.listed("1/symbolsets/")) == len(bench.listed("2/symbolsets/")) == 1
    assert sets_of(bench).delete_many(1, ids) == 0


IDS: dict[str, tuple[Any, str, str, str]] = {
    "absent": (None, "required", "ids is required", "ids"),
    "empty": ([], "required", "ids is required", "ids"),
    "no list": ("x", "not_a_list", "ids must be a list", "ids"),
    "an object": ({"a": 1}, "not_a_list", "ids must be a list", "ids"),
    "malformed": ([str(NOBODY), "x"], "invalid_input", "Must be a valid UUID.", "ids__1"),
    "a number": ([7], "invalid_input", "Must be a valid UUID.", "ids__0"),
    "NUL": (["\0"], "invalid_input", "Must be a valid UUID.", "ids__0"),
}


@pytest.mark.parametrize(("ids", "code", "detail", "attr"), IDS.values(), ids=IDS.keys())
def test_ids_that_name_nothing_are_refused(
    light_bench: Bench, ids: Any, code: str, detail: str, attr: str
) -> None:
    refused = refusal(lambda: sets_of(light_bench).delete_many(1, ids))
    assert (refused.code, refused.detail, refused.attr) == (code, detail, attr)


def test_a_malformed_id_keeps_all_from_being_deleted(light_bench: Bench) -> None:
    started = light_bench.start("chunk")
    ids = [str(started.symbol_set_id), "x"]
    refusal(lambda: sets_of(light_bench).delete_many(1, ids))
    assert light_bench.row("chunk") is not None


def test_objects_that_cannot_be_deleted_are_no_error(
    light_bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: Any) -> None:
        raise ObjectStoreUnavailable("gone")

    started = light_bench.upload("chunk", "cart")
    monkeypatch.setattr(type(light_bench.objects), "delete", fail)
    sets_of(light_bench).delete(1, started.symbol_set_id)
    assert light_bench.row("chunk") is None
    assert "could not delete 3 objects" in caplog.text


def test_s18_another_teams_set_is_as_good_as_none(light_bench: Bench) -> None:
    bench = light_bench
    foreign = bench.upload("chunk", "cart", team=2).symbol_set_id
    sets = sets_of(bench)
    for call in (sets.one, sets.download_url, sets.delete):
        told = [refusal(partial(call, 1, which)) for which in (foreign, NOBODY)]
        assert {(one.code, one.detail) for one in told} == {("not_found", "Not found.")}
    assert listed(bench, {}) == []
    assert bench.serving("chunk", 2) == "src/cart.ts"


def together(*calls: Callable[[], object]) -> list[str]:
    """Makes calls at the same moment and gives how each ended: the refusal's code, or `done`."""
    start = threading.Barrier(len(calls), timeout=30)
    ends = [""] * len(calls)

    def make(at: int, call: Callable[[], object]) -> None:
        start.wait()
        try:
            call()
            ends[at] = "done"
        except Refused as refused:
            ends[at] = refused.code

    threads = [threading.Thread(target=make, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def test_of_deletions_that_race_one_finds_the_set(bench: Bench) -> None:
    which = bench.upload("chunk", "cart").symbol_set_id
    ends = together(*[lambda: sets_of(bench).delete(1, which)] * 4)
    assert sorted(ends) == ["done", "not_found", "not_found", "not_found"]


@pytest.mark.parametrize("attempt", range(3))
def test_a_deletion_that_meets_a_finish_leaves_no_object_behind(
    bench: Bench, make_bundle: Bundle, attempt: int
) -> None:
    bench.upload("chunk", "old")
    started = bench.start("chunk")
    bench.send(started, make_bundle("new"))
    ends = together(
        lambda: bench.finish(started), lambda: sets_of(bench).delete(1, started.symbol_set_id)
    )
    assert ends[1] == "done"
    assert ends[0] in ("done", "file_not_found", "symbol_set_not_found")
    assert bench.row("chunk") is None
    assert bench.listed() == []


def test_a_deletion_that_meets_a_start_never_breaks_it(bench: Bench) -> None:
    for _ in range(5):
        which = bench.start("chunk").symbol_set_id
        delete = partial(sets_of(bench).delete, 1, which)
        assert together(partial(bench.start, "chunk"), delete) == ["done", "done"]
