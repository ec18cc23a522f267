"""Single uploads: the bulk flow for one set, with the names that old clients know."""

from __future__ import annotations

import hashlib
import uuid
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.errors import NotFound, ObjectStoreUnavailable, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from symbolicate.services.single_uploads import SingleUploads
    from tests.symbolicate.services.conftest import Bench

    Bundle = Callable[[str], bytes]

NOBODY = uuid.UUID(int=7)


@pytest.fixture
def bench(light_bench: Bench) -> Bench:
    return light_bench


@pytest.fixture
def single(bench: Bench) -> SingleUploads:
    return bench.symbolicator.single_uploads


def refusal(call: Callable[..., object], *args: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        call(*args)
    return refused.value


def release(bench: Bench, team: int = 1) -> str:
    return str(bench.symbolicator.create_release(team, version="1", project="shop").id)


def test_a_set_is_started_sent_and_finished_by_itself(
    any_bench: Bench, make_bundle: Bundle
) -> None:
    single, bound = any_bench.symbolicator.single_uploads, release(any_bench)
    started = single.start(1, "chunk", bound)
    assert any_bench.send(started, make_bundle("cart")) in (200, 204)
    single.finish(1, started.symbol_set_id, "token")
    assert any_bench.serving("chunk") == "src/cart.ts"
    row = any_bench.row("chunk")
    assert row is not None
    assert (row.content_hash, str(row.release_id)) == ("token", bound)
    single.finish(1, started.symbol_set_id, "token")


def test_bytes_in_hand_serve_under_the_hash_of_themselves(
    any_bench: Bench, make_bundle: Bundle
) -> None:
    single, bound, data = any_bench.symbolicator.single_uploads, release(any_bench), BytesIO()
    data.write(make_bundle("cart"))
    for _ in range(2):
        single.put(1, "chunk", bound, data)
        row = any_bench.row("chunk")
        assert row is not None
        assert row.content_hash == hashlib.sha512(make_bundle("cart")).hexdigest()
        assert str(row.release_id) == bound
        assert any_bench.listed() == [row.storage_key]
    assert any_bench.serving("chunk") == "src/cart.ts"


NAMES: dict[str, tuple[Any, Any, str, str | None]] = {
    "no chunk id": (None, None, "required", "chunk_id"),
    "an empty chunk id": ("", None, "required", "chunk_id"),
    "NUL": ("a\0", None, "invalid_input", "chunk_id"),
    "a chunk id that is a number": (7, None, "invalid_input", "chunk_id"),
    "a long chunk id": ("é" * 1025, None, "max_length", "chunk_id"),
    "a release that is no id": ("a", "x", "invalid_release_id", "release_id"),
    "an unknown release": ("a", str(NOBODY), "invalid_release_id", "release_id"),
}


@pytest.mark.parametrize(("chunk_id", "bound", "code", "attr"), NAMES.values(), ids=NAMES.keys())
def test_bad_names_are_refused_alike_in_both_forms(
    bench: Bench,
    single: SingleUploads,
    make_bundle: Bundle,
    chunk_id: Any,
    bound: Any,
    code: str,
    attr: str | None,
) -> None:
    data = BytesIO(make_bundle("cart"))
    for call in (single.start, partial(_put, single, data)):
        refused = refusal(call, 1, chunk_id, bound)
        assert (refused.code, refused.attr) == (code, attr)
    assert bench.listed() == []
    assert bench.symbolicator.symbol_sets.page(1, {}, limit=1, offset=0)[0] == 0


def _put(single: SingleUploads, data: BytesIO, team: int, chunk_id: Any, bound: Any) -> None:
    single.put(team, chunk_id, bound, data)


def test_a_set_with_a_token_is_not_uploaded_again_without_one(
    bench: Bench, single: SingleUploads
) -> None:
    bench.upload("chunk", "cart")
    refused = refusal(single.start, 1, "chunk")
    assert (refused.code, refused.attr) == ("content_hash_required", "chunk_id")


def test_other_bytes_never_replace_what_serves(
    bench: Bench, single: SingleUploads, make_bundle: Bundle
) -> None:
    single.put(1, "chunk", None, BytesIO(make_bundle("old")))
    before = bench.listed()
    refused = refusal(single.put, 1, "chunk", None, BytesIO(make_bundle("new")))
    assert (refused.code, refused.attr) == ("content_hash_mismatch", "chunk_id")
    assert (bench.serving("chunk"), bench.listed()) == ("src/old.ts", before)


def test_other_bytes_that_arrive_at_the_same_time_do_not_replace_the_first(
    bench: Bench, single: SingleUploads, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found the ref free when they were checked."""
    monkeypatch.setattr(type(bench.symbolicator.symbol_sets), "check", lambda *_: ["chunk"])
    single.put(1, "chunk", None, BytesIO(make_bundle("first")))
    refused = refusal(single.put, 1, "chunk", None, BytesIO(make_bundle("second")))
    assert refused.code == "content_hash_mismatch"
    assert bench.serving("chunk") == "src/first.ts"
    assert len(bench.listed()) == 1


def test_another_release_is_a_mismatch_unless_the_bytes_are_the_same(
    bench: Bench, single: SingleUploads, make_bundle: Bundle
) -> None:
    first, second = release(bench), release(bench)
    single.put(1, "chunk", first, BytesIO(make_bundle("cart")))
    single.put(1, "chunk", second, BytesIO(make_bundle("cart")))
    for call, args in ((single.start, ()), (single.put, (BytesIO(b"not read first"),))):
        refused = refusal(call, 1, "chunk", second, *args)
        assert (refused.code, refused.attr) == ("release_id_mismatch", "chunk_id")
        sentence = "Symbol set has already been uploaded for a different release"
        assert refused.detail == sentence
    row = bench.row("chunk")
    assert row is not None
    assert str(row.release_id) == first


def test_another_teams_release_is_unknown(bench: Bench, single: SingleUploads) -> None:
    refused = refusal(single.start, 1, "chunk", release(bench, 2))
    assert refused.code == "invalid_release_id"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "file_too_large"), (b"posthog_error_tracking", "invalid_symbol_set")],
    ids=["empty", "cut"],
)
def test_bytes_that_cannot_be_read_are_refused_and_leave_nothing(
    bench: Bench, single: SingleUploads, data: bytes, code: str
) -> None:
    assert refusal(single.put, 1, "chunk", None, BytesIO(data)).code == code
    assert (bench.row("chunk"), bench.listed()) == (None, [])


@pytest.mark.parametrize("token", [None, "", False], ids=repr)
def test_a_finish_needs_a_token(bench: Bench, single: SingleUploads, token: Any) -> None:
    started = single.start(1, "chunk")
    refused = refusal(single.finish, 1, started.symbol_set_id, token)
    assert (refused.code, refused.attr) == ("content_hash_required", "content_hash")


@pytest.mark.parametrize("token", ["token", None], ids=repr)
def test_a_finish_of_an_unknown_set_is_not_found_whatever_it_says(
    bench: Bench, single: SingleUploads, token: str | None
) -> None:
    foreign = single.start(2, "chunk").symbol_set_id
    for which in (NOBODY, foreign):
        with pytest.raises(NotFound):
            single.finish(1, which, token)


def test_what_is_wrong_with_a_finish_is_told_of_its_own_field(
    bench: Bench, single: SingleUploads
) -> None:
    started = single.start(1, "chunk")
    refused = refusal(single.finish, 1, started.symbol_set_id, "token")
    assert (refused.code, refused.attr) == ("file_not_found", "content_hash")
    refused = refusal(single.finish, 1, started.symbol_set_id, 7)
    assert (refused.code, refused.attr) == ("invalid_input", "content_hash")


def test_a_full_disk_is_an_outage_and_an_error_of_the_block_is_its_own(
    single: SingleUploads,
) -> None:
    def fail(error: Exception) -> None:
        with single.receive() as file:
            file.write(b"x")
            raise error

    with pytest.raises(ObjectStoreUnavailable, match="temporary file"):
        fail(OSError(28, "No space left on device"))
    with pytest.raises(ValueError, match="mine"):
        fail(ValueError("mine"))
