"""Uploads: bytes serve once they were copied, verified and switched, and never before."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from symbolicate.database import symbol_sets
from symbolicate.database.tables import symbol_set
from symbolicate.errors import Refused
from symbolicate.services import uploads as uploads_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.symbolicate.services.conftest import Bench

    Bundle = Callable[[str], bytes]

UPPER = "ABCDEF0123456789ABCDEF0123456789"


def refusal(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value


def count(bench: Bench) -> int:
    with bench.database.read() as connection:
        statement = select(func.count()).select_from(symbol_set)
        return int(connection.execute(statement).scalar_one())


def test_uploaded_bytes_serve_from_a_key_that_the_client_never_knew(
    any_bench: Bench, make_bundle: Bundle
) -> None:
    bench, data = any_bench, make_bundle("cart")
    started = bench.start("chunk")
    assert bench.serving("chunk") == "upload_pending"
    assert bench.send(started, data) == 204
    assert bench.serving("chunk") == "upload_pending"
    bench.finish(started)
    assert bench.serving("chunk") == "src/cart.ts"
    row = bench.row("chunk")
    assert row is not None
    assert (row.id, row.upload_key, row.content_hash) == (started.symbol_set_id, None, "token")
    assert bench.listed() == [row.storage_key]
    assert str(row.storage_key).startswith("1/symbolsets/")
    assert started.upload_key.startswith("1/uploads/")
    assert bench.objects.get(str(row.storage_key), limit=10_000) == data
    with bench.database.read() as connection:
        facts = connection.execute(select(symbol_set)).one()
    assert facts.data_hash == hashlib.blake2b(data, digest_size=32).digest()
    assert (facts.size, facts.kind) == (len(data), "javascript")
    assert (facts.finished_at, facts.reconciled_as) == (bench.clock(), None)


def test_repeating_a_finish_is_a_success_and_changes_nothing(bench: Bench) -> None:
    started = bench.upload("chunk", "cart")
    before = (bench.row("chunk"), bench.listed())
    bench.clock.forward(10)
    bench.finish(started, token="cart")
    assert (bench.row("chunk"), bench.listed()) == before
    again = refusal(lambda: bench.finish(started, token="another"))
    assert (again.code, again.attr) == (
        "file_not_found",
        f"content_hashes__{started.symbol_set_id}",
    )


def test_finishing_before_the_bytes_keeps_the_upload_open(
    bench: Bench, make_bundle: Bundle
) -> None:
    started = bench.start("chunk")
    early = refusal(lambda: bench.finish(started))
    assert (early.code, early.attr) == (
        "file_not_found",
        f"content_hashes__{started.symbol_set_id}",
    )
    bench.send(started, make_bundle("cart"))
    bench.finish(started)
    assert bench.serving("chunk") == "src/cart.ts"


SPOILT: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "no bytes": (lambda data: b"", "file_too_large", "has 0 bytes"),
    "another format": (lambda data: b"{}", "invalid_symbol_set", "container of 2 bytes"),
    "wrong magic": (lambda data: b"X" + data[1:], "invalid_symbol_set", "not a symbol set"),
    "cut off": (lambda data: data[:-1], "invalid_symbol_set", "payload"),
    "damaged": (lambda data: data[:40] + b"\xff" * 9 + data[49:], "invalid_symbol_set", "payload"),
    "bytes after its end": (lambda data: data + b"\0", "invalid_symbol_set", "payload"),
}


@pytest.mark.parametrize(("spoil", "code", "said"), SPOILT.values(), ids=SPOILT.keys())
def test_a_damaged_container_is_refused_and_the_old_bytes_go_on_serving(
    bench: Bench,
    make_bundle: Bundle,
    spoil: Callable[[bytes], bytes],
    code: str,
    said: str,
) -> None:
    bench.upload("chunk", "old")
    before = (bench.row("chunk"), bench.listed())
    started = bench.start("chunk")
    bench.send(started, spoil(make_bundle("new")))
    refused = refusal(lambda: bench.finish(started))
    assert (refused.code, refused.attr) == (code, f"content_hashes__{started.symbol_set_id}")
    assert said in refused.detail
    assert "chunk" in refused.detail
    assert (bench.row("chunk"), bench.listed()) == before
    assert bench.serving("chunk") == "src/old.ts"


def test_a_set_that_never_had_data_goes_with_its_refused_upload(bench: Bench) -> None:
    started = bench.start("chunk")
    bench.send(started, b"no container")
    assert refusal(lambda: bench.finish(started)).code == "invalid_symbol_set"
    assert bench.row("chunk") is None
    assert bench.listed() == []
    assert bench.serving("chunk") == "no_symbol_set"
    assert refusal(lambda: bench.finish(started)).code == "symbol_set_not_found"


def test_an_upload_over_the_limit_is_refused_with_both_sizes(
    bench: Bench, make_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_bundle("cart")
    started = bench.start("chunk")
    bench.send(started, data)
    monkeypatch.setattr(uploads_module, "MAX_BYTES", len(data) - 1)
    refused = refusal(lambda: bench.finish(started))
    assert refused.code == "file_too_large"
    assert f"{len(data)} bytes, allowed are 1 to {len(data) - 1}" in refused.detail
    assert bench.row("chunk") is None


def test_a_forced_replacement_serves_the_old_bytes_until_it_is_finished(
    any_bench: Bench, make_bundle: Bundle
) -> None:
    bench = any_bench
    first = bench.upload("chunk", "old")
    started = bench.start("chunk")
    assert started.symbol_set_id == first.symbol_set_id
    assert started.upload_key != first.upload_key
    bench.send(started, make_bundle("new"))
    assert bench.serving("chunk") == "src/old.ts"
    bench.finish(started)
    assert bench.serving("chunk") == "src/new.ts"
    assert len(bench.listed()) == 1


def test_starting_again_moves_the_upload_to_a_new_key(bench: Bench, make_bundle: Bundle) -> None:
    first, second = bench.start("chunk"), bench.start("chunk")
    assert first.symbol_set_id == second.symbol_set_id
    assert first.upload_key != second.upload_key
    bench.send(first, make_bundle("first"))
    assert refusal(lambda: bench.finish(second)).code == "file_not_found"
    bench.send(second, make_bundle("second"))
    bench.finish(second)
    assert bench.serving("chunk") == "src/second.ts"


def test_a_finish_never_lets_the_bytes_of_another_upload_serve_under_its_token(
    bench: Bench, make_bundle: Bundle
) -> None:
    ours, theirs = (bench.start("chunk", content_hash=name) for name in ("ours", "theirs"))
    bench.send(ours, make_bundle("ours"))
    bench.send(theirs, make_bundle("theirs"))
    refused = refusal(lambda: bench.finish(ours, token="ours"))
    assert (refused.code, "replaced by another" in refused.detail) == ("file_not_found", True)
    bench.finish(theirs, token="theirs")
    row = bench.row("chunk")
    assert row is not None
    assert (row.content_hash, bench.serving("chunk")) == ("theirs", "src/theirs.ts")


def test_repeating_a_finish_leaves_the_upload_that_another_began_since_alone(
    bench: Bench, make_bundle: Bundle
) -> None:
    ours = bench.upload("chunk", "ours")
    theirs = bench.start("chunk", content_hash="theirs")
    bench.send(theirs, make_bundle("theirs"))
    bench.finish(ours, token="ours")
    assert bench.serving("chunk") == "src/ours.ts"
    bench.finish(theirs, token="theirs")
    assert bench.serving("chunk") == "src/theirs.ts"


def test_an_upload_that_was_started_without_a_token_takes_the_one_of_its_finish(
    bench: Bench, make_bundle: Bundle
) -> None:
    started = bench.start("chunk", content_hash=None)
    bench.send(started, make_bundle("cart"))
    bench.finish(started, token="cart")
    row = bench.row("chunk")
    assert row is not None
    assert (row.content_hash, bench.serving("chunk")) == ("cart", "src/cart.ts")


def test_a_set_that_needs_no_upload_is_left_out(bench: Bench) -> None:
    bench.upload("chunk", "cart")
    item = {"chunk_id": "chunk", "content_hash": "cart"}
    started = bench.symbolicator.uploads.start(1, {"symbol_sets": [item, {"chunk_id": "new"}]})
    assert started.keys() == {"new"}


def test_an_id_of_hex_digits_is_stored_in_lower_case_and_echoed_as_sent(bench: Bench) -> None:
    started = bench.symbolicator.uploads.start(1, {"chunk_ids": [UPPER, "Upper"]})
    assert started.keys() == {UPPER, "Upper"}
    assert bench.row(UPPER.lower()) is not None
    assert bench.row(UPPER) is None
    assert bench.row("Upper") is not None


def test_a_release_binds_a_set_even_where_nothing_is_uploaded(bench: Bench) -> None:
    release = bench.symbolicator.create_release(1, version="1", project="shop")
    other = bench.symbolicator.create_release(1, version="2", project="shop")
    bench.upload("chunk", "cart")
    for wanted in (release, other):
        item = {"chunk_id": "chunk", "content_hash": "cart", "release_id": str(wanted.id)}
        assert bench.symbolicator.uploads.start(1, {"symbol_sets": [item]}) == {}
        row = bench.row("chunk")
        assert row is not None
        assert row.release_id == release.id


RELEASES = {
    "unknown": ({"symbol_sets": [{"chunk_id": "b", "release_id": str(uuid.UUID(int=1))}]}, 0),
    "unknown, legacy": ({"chunk_ids": ["b"], "release_id": str(uuid.UUID(int=1))}, 1),
}


@pytest.mark.parametrize(("body", "form"), RELEASES.values(), ids=RELEASES.keys())
def test_an_unknown_release_leaves_no_rows(
    light_bench: Bench, body: dict[str, Any], form: int
) -> None:
    body = {"symbol_sets": [{"chunk_id": "a"}, *body.get("symbol_sets", [])], **body}
    refused = refusal(lambda: light_bench.symbolicator.uploads.start(1, body))
    attr = ["symbol_sets__0__release_id", "release_id"][form]
    assert (refused.code, refused.attr) == ("invalid_release_id", attr)
    assert count(light_bench) == 0


def test_another_teams_release_is_unknown(bench: Bench) -> None:
    foreign = bench.symbolicator.create_release(2, version="1", project="shop")
    refused = refusal(lambda: bench.start("chunk", release_id=str(foreign.id)))
    assert refused.code == "invalid_release_id"
    assert count(bench) == 0


def test_one_refused_set_undoes_the_whole_start(light_bench: Bench) -> None:
    bench = light_bench
    bench.upload("done", "cart")
    body = {"symbol_sets": [{"chunk_id": "new"}, {"chunk_id": "done"}]}
    refused = refusal(lambda: bench.symbolicator.uploads.start(1, body))
    assert (refused.code, refused.attr) == ("content_hash_required", "symbol_sets__1__chunk_id")
    assert count(bench) == 1


def test_every_start_that_names_a_set_counts_as_use(light_bench: Bench) -> None:
    bench = light_bench
    bench.upload("chunk", "cart")
    bench.clock.forward(timedelta(hours=13).total_seconds())
    item = {"chunk_id": "chunk", "content_hash": "cart"}
    assert bench.symbolicator.uploads.start(1, {"symbol_sets": [item]}) == {}
    with bench.database.read() as connection:
        state = symbol_sets.states(connection, 1, ["chunk"])["chunk"]
    assert state.last_used == bench.clock()


def test_one_bad_upload_keeps_all_others_from_switching(bench: Bench, make_bundle: Bundle) -> None:
    started = {ref: bench.start(ref) for ref in ("first", "bad", "last")}
    for ref, one in started.items():
        bench.send(one, b"no container" if ref == "bad" else make_bundle(ref))
    tokens = {str(one.symbol_set_id): ref for ref, one in started.items()}
    refused = refusal(lambda: bench.symbolicator.uploads.finish(1, tokens))
    assert refused.attr == f"content_hashes__{started['bad'].symbol_set_id}"
    assert bench.row("bad") is None
    assert [bench.serving(ref) for ref in ("first", "last")] == ["upload_pending"] * 2
    assert bench.listed("1/symbolsets/") == []
    del tokens[str(started["bad"].symbol_set_id)]
    bench.symbolicator.uploads.finish(1, tokens)
    assert [bench.serving(ref) for ref in ("first", "last")] == ["src/first.ts", "src/last.ts"]


TOKENS: dict[str, tuple[Any, str]] = {
    "a list": ([], "invalid_input"),
    "a token that is a number": ({str(uuid.UUID(int=1)): 7}, "invalid_input"),
    "an empty token": ({str(uuid.UUID(int=1)): ""}, "invalid_input"),
    "NUL in a token": ({str(uuid.UUID(int=1)): "\0"}, "invalid_input"),
    "an id that is no uuid": ({"chunk": "t"}, "symbol_set_not_found"),
    "an id with NUL": ({"\0": "t"}, "symbol_set_not_found"),
    "an unknown id": ({str(uuid.UUID(int=1)): "t"}, "symbol_set_not_found"),
}


@pytest.mark.parametrize(("tokens", "code"), TOKENS.values(), ids=TOKENS.keys())
def test_a_finish_that_names_no_set_is_refused(light_bench: Bench, tokens: Any, code: str) -> None:
    assert refusal(lambda: light_bench.symbolicator.uploads.finish(1, tokens)).code == code


def test_a_finish_of_nothing_is_a_success(light_bench: Bench) -> None:
    light_bench.symbolicator.uploads.finish(1, {})


def test_s18_teams_share_nothing_but_the_name_of_a_ref(bench: Bench, make_bundle: Bundle) -> None:
    own = bench.upload("chunk", "one", team=1)
    pending = bench.start("chunk", team=2)
    bench.send(pending, make_bundle("two"))
    refused = refusal(lambda: bench.finish(pending, team=1))
    assert refused.code == "symbol_set_not_found"
    bench.finish(pending, team=2)
    assert own.symbol_set_id != pending.symbol_set_id
    assert bench.serving("chunk", 1) == "src/one.ts"
    assert bench.serving("chunk", 2) == "src/two.ts"
    assert bench.serving("chunk", 3) == "no_symbol_set"
    assert [key.split("/")[0] for key in bench.listed()] == ["1", "2"]


def test_bytes_in_hand_serve_under_a_ref_and_replace_what_is_there(
    any_bench: Bench, make_bundle: Bundle
) -> None:
    bench = any_bench
    for name in ("first", "second", "second"):
        bench.symbolicator.add_symbol_set(1, "chunk", make_bundle(name))
        assert bench.serving("chunk") == f"src/{name}.ts"
    row = bench.row("chunk")
    assert row is not None
    assert row.content_hash == hashlib.sha512(make_bundle("second")).hexdigest()
    assert bench.listed() == [row.storage_key]


def test_bytes_in_hand_that_cannot_be_read_are_refused(light_bench: Bench) -> None:
    refused = refusal(lambda: light_bench.symbolicator.add_symbol_set(1, "chunk", b"nothing"))
    assert refused.code == "invalid_symbol_set"
    assert light_bench.listed() == []
