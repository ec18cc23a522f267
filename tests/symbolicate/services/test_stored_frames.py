"""Stored frames as clients read them: in the order asked for, and as fresh as their sets."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.answers import Answers
from symbolicate.clock import wire_time
from symbolicate.database.engine import Database
from symbolicate.errors import NotFound, Refused
from symbolicate.frame import StoredFrame
from symbolicate.services import stored_frames
from symbolicate.services.stored_frames import StoredFrames, read_raw_ids, to_frames, to_wire

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench

Maker = Callable[..., dict[str, Any]]

H = "ab" * 32
UNKNOWN = "0" * 64


@pytest.fixture
def bench(light_bench: Bench) -> Bench:
    return light_bench


@pytest.fixture
def frames(bench: Bench) -> StoredFrames:
    return bench.symbolicator.stored_frames


def names(found: stored_frames.FoundFrames) -> list[str]:
    return [frame.raw_id for frame in to_frames(found)]


SPELLINGS: dict[str, tuple[list[str], list[tuple[str, int]]]] = {
    "a bare hash is part 0": ([H], [(H, 0)]),
    "repeats collapse after reading": ([f"{H}/1", H, f"{H}/0", f"{H}/1"], [(H, 1), (H, 0)]),
    "a negative part is a part that nobody has": ([f"{H}/-1"], [(H, -1)]),
    "two slashes make a hash that nobody has": ([f"{H}/x/0"], [("", 0)]),
    "a part that is no number": ([f"{H}/not-an-int"], [("", 0)]),
    "upper case is another hash": ([H.upper()], [("", 0)]),
    "NUL": (["\0/0"], [("", 0)]),
    "a lone surrogate": (["\ud800"], [("", 0)]),
    "very long": (["a" * 100_000], [("", 0)]),
    "a part of many digits": ([f"{H}/{'9' * 5000}"], [("", 0)]),
}


@pytest.mark.parametrize(("sent", "read"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_every_text_is_read_as_some_raw_id(sent: list[str], read: list[tuple[str, int]]) -> None:
    wanted = read_raw_ids(sent)
    assert [(one.raw_id.hex() if one.raw_id else "", one.part) for one in wanted] == read
    assert [one.spelling for one in wanted] == list(dict.fromkeys(sent))[: len(read)]


def test_frames_come_in_the_order_of_first_mention(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    a, b, c = bench.store([make_web("chunk", column) for column in (1, 2, 3)])
    bare = b.removesuffix("/0")
    assert names(frames.batch(1, [c, bare, a, b, c])) == [c, b, a]


def test_unknown_ids_are_missing_as_first_spelled_in_request_order(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    (a,) = bench.store([make_web("chunk")])
    stem = a.removesuffix("/0")
    asked = ["nope", f"{UNKNOWN}/0", a, UNKNOWN, f"{stem}/1", f"{stem}/-1", "nope"]
    found = frames.batch(1, asked)
    assert names(found) == [a]
    assert found.missing == ["nope", f"{UNKNOWN}/0", f"{stem}/1", f"{stem}/-1"]


def test_s18_frames_of_other_teams_are_missing(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    (a,) = bench.store([make_web("chunk")], team=1)
    (same,) = bench.store([make_web("chunk")], team=2)
    assert a == same
    bench.upload("chunk", "two", team=2)
    assert bench.sources([a], team=1) == [None]
    assert bench.sources([a], team=2) == ["src/two.ts"]
    assert frames.batch(3, [a]).missing == [a]
    assert frames.batch(3, []).frames == []
    ids = [bench.get([a], team)[0].id for team in (1, 2)]
    assert ids[0] != ids[1]
    for team, frame_id in ((1, ids[1]), (2, ids[0]), (1, uuid.UUID(int=1))):
        with pytest.raises(NotFound):
            frames.one(team, frame_id)


@pytest.mark.parametrize("raw_ids", [None, []], ids=["absent", "empty"])
def test_without_ids_the_newest_frames_come_first(
    bench: Bench,
    frames: StoredFrames,
    make_web: Maker,
    monkeypatch: pytest.MonkeyPatch,
    raw_ids: list[str] | None,
) -> None:
    monkeypatch.setattr(stored_frames, "NEWEST", 2)
    stored = []
    for column in (1, 2, 3):
        stored += bench.store([make_web("chunk", column)])
        bench.clock.forward(1)
    found = frames.batch(1, raw_ids)
    assert names(found) == [stored[2], stored[1]]
    assert found.missing == []


def test_a_symbol_set_leaves_only_its_frames_by_id_and_by_ref(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    started = bench.upload("chunk", "cart")
    bench.upload("other", "other")
    own, other = bench.store([make_web("chunk"), make_web("other")])
    for name in ("chunk", str(started.symbol_set_id), str(started.symbol_set_id).upper()):
        found = frames.batch(1, [other, own], name)
        assert (names(found), found.missing) == ([own], [other])
        newest = frames.batch(1, None, name)
        assert (names(newest), newest.missing) == ([own], [])


def test_a_ref_matches_frames_that_still_wait_for_a_set_of_that_name(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    (own,) = bench.store([make_web("chunk")])
    (hexed,) = bench.store([make_web("AB" * 16)])
    assert names(frames.batch(1, None, "chunk")) == [own]
    assert names(frames.batch(1, [own, hexed], "aB" * 16)) == [hexed]


def test_an_unknown_symbol_set_has_no_frames(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    foreign = bench.upload("foreign", "cart", team=2)
    (own,) = bench.store([make_web("chunk")])
    for name in ("", "unknown", str(uuid.UUID(int=1)), str(foreign.symbol_set_id)):
        found = frames.batch(1, [own], name)
        assert (names(found), found.missing) == ([], [own])
        assert frames.batch(1, None, name).frames == []


@pytest.mark.parametrize("name", ["a\0", "\ud800"], ids=["NUL", "lone surrogate"])
def test_a_symbol_set_name_that_cannot_be_stored_is_refused(
    frames: StoredFrames, name: str
) -> None:
    for raw_ids in (None, [H]):
        with pytest.raises(Refused) as refused:
            frames.batch(1, raw_ids, name)
        assert (refused.value.code, refused.value.attr) == ("invalid_input", "symbol_set")


READS: dict[str, Callable[[Bench, str], StoredFrame]] = {
    "by raw id": lambda bench, raw_id: bench.get([raw_id])[0],
    "as the newest": lambda bench, _: bench.get([])[0],
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_a_stale_frame_is_answered_again_before_it_is_given(
    bench: Bench, make_web: Maker, read: Callable[[Bench, str], StoredFrame]
) -> None:
    (raw_id,) = bench.store([make_web("chunk")])
    before = read(bench, raw_id)
    assert (before.failure_code, before.symbol_set_ref) == ("no_symbol_set", None)
    bench.clock.forward(60)
    bench.upload("chunk", "cart")
    after = read(bench, raw_id)
    assert (after.contents["source"], after.failure_code) == ("src/cart.ts", None)
    assert (after.id, after.raw_id, after.symbol_set_ref) == (before.id, raw_id, "chunk")
    assert after.created_at == bench.clock()
    bench.clock.forward(60)
    bench.upload("chunk", "replaced")
    assert read(bench, raw_id).contents["source"] == "src/replaced.ts"


def test_one_frame_is_repaired_too_and_the_list_is_not(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    (raw_id,) = bench.store([make_web("chunk")])
    (stored,) = bench.get([raw_id])
    bench.upload("chunk", "cart")
    total, page = frames.page(1, limit=10, offset=0)
    assert (total, json.loads(page)[0]["contents"]["failure_code"]) == (1, "no_symbol_set")
    assert json.loads(frames.one(1, stored.id))["contents"]["source"] == "src/cart.ts"


def test_a_fresh_frame_is_not_written_again(bench: Bench, make_web: Maker) -> None:
    bench.upload("chunk", "cart")
    (raw_id,) = bench.store([make_web("chunk")])
    first = bench.get([raw_id])
    bench.clock.forward(1000)
    bench.store([make_web("chunk")])
    assert bench.get([raw_id]) == first


def test_unreadable_bytes_leave_the_stored_answer_as_it_is(bench: Bench, make_web: Maker) -> None:
    bench.upload("chunk", "old")
    (raw_id,) = bench.store([make_web("chunk")])
    before = bench.get([raw_id])
    bench.clock.forward(1)
    bench.upload("chunk", "new")
    bench.objects.delete(bench.listed())
    assert bench.get([raw_id]) == before


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes every repair hang until the test is over."""
    over = threading.Event()
    refreshed = Answers.refreshed

    def wait(answers: Answers, team_id: int, raw_ids: Any) -> Any:
        over.wait()
        return refreshed(answers, team_id, raw_ids)

    monkeypatch.setattr(Answers, "refreshed", wait)
    monkeypatch.setattr(stored_frames, "REPAIR_SECONDS", 0.05)
    yield
    over.set()


def test_a_repair_that_takes_too_long_gives_the_stored_frame(
    bench: Bench, frames: StoredFrames, make_web: Maker, blocked: None
) -> None:
    (raw_id,) = bench.store([make_web("chunk")])
    bench.upload("chunk", "cart")
    assert bench.sources([raw_id]) == [None]
    (stored,) = bench.get([])
    assert json.loads(frames.one(1, stored.id))["contents"]["failure_code"] == "no_symbol_set"


def test_a_repair_may_take_ten_seconds() -> None:
    assert stored_frames.REPAIR_SECONDS == 10


def wire_of(frame: StoredFrame) -> dict[str, Any]:
    """Gives the object that http-api.md §2.1 describes, from the library's value."""
    return {
        "id": str(frame.id),
        "raw_id": frame.raw_id,
        "created_at": wire_time(frame.created_at),
        "contents": frame.contents,
        "resolved": frame.resolved,
        "context": frame.context,
        "symbol_set_ref": frame.symbol_set_ref,
        "release": frame.release and frame.release.to_wire(),
    }


def test_the_wire_form_says_what_the_values_say(
    bench: Bench, frames: StoredFrames, make_web: Maker, make_node: Maker
) -> None:
    release = bench.symbolicator.create_release(
        1, version="1", project='"ü\u2028', metadata={"a": ["\0"]}
    )
    bench.upload("with release", "a", release_id=str(release.id))
    bench.upload('"\\ü', "b")
    bench.clock.forward(0.000001)
    stored = bench.store(
        [
            make_web("with release"),
            make_web('"\\ü'),
            make_web("missing"),
            make_node("missing", 2),
            make_web("with release", lineno=2),
            {"platform": "python", "function": "f", "filename": "a.py", "context_line": "x"},
            {"platform": "unheard of"},
        ]
    )
    found = frames.batch(1, [*stored, 'no "ü'])
    values = to_frames(found)
    assert [frame.raw_id for frame in values] == stored
    assert [frame.release for frame in values if frame.release] == [release, release]
    wire = json.loads(to_wire(found))
    assert wire == {"results": [wire_of(frame) for frame in values], "missing": ['no "ü']}
    for frame in values:
        assert json.loads(frames.one(1, frame.id)) == wire_of(frame)
    total, page = frames.page(1, limit=100, offset=0)
    listed = {one["id"]: one for one in json.loads(page)}
    assert total == len(values)
    assert listed == {str(frame.id): wire_of(frame) for frame in values}


def test_an_empty_answer_is_still_json(frames: StoredFrames) -> None:
    assert json.loads(to_wire(frames.batch(1, ["nope"]))) == {"results": [], "missing": ["nope"]}
    assert frames.page(1, limit=10, offset=0) == (0, b"[]")


def test_pages_are_cut_from_the_newest_on(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    stored = []
    for column in (1, 2, 3):
        stored += bench.store([make_web("chunk", column)])
        bench.clock.forward(1)
    for offset, expected in ((0, stored[2:0:-1]), (2, stored[:1]), (3, [])):
        total, page = frames.page(1, limit=2, offset=offset)
        assert total == 3
        assert [one["raw_id"] for one in json.loads(page)] == expected


def test_what_memory_holds_fresh_is_given_without_the_database(
    bench: Bench, frames: StoredFrames, make_web: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.upload("chunk", "cart")
    loose = {"platform": "python", "filename": "a.py", "function": "f"}
    raw_id, other = bench.store([make_web("chunk"), loose])
    asked = frames.batch(1, [other, raw_id])
    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", None)
        assert frames.batch_in_memory(1, [other, raw_id]) == to_wire(asked)
        for unready in ([raw_id, "nope"], [raw_id, UNKNOWN], [raw_id[:-2]], []):
            assert frames.batch_in_memory(1, unready) is None
        assert frames.batch_in_memory(2, [raw_id]) is None
    bench.upload("chunk", "new")
    assert frames.batch_in_memory(1, [raw_id]) is None
    bench.symbolicator.resolve(1, [make_web("chunk")])
    assert frames.batch_in_memory(1, [raw_id]) is None
    frames.batch(1, [raw_id])
    assert frames.batch_in_memory(1, [raw_id]) is not None


def test_one_frame_under_two_spellings_is_left_to_the_thorough_way(
    bench: Bench, frames: StoredFrames, make_web: Maker
) -> None:
    (raw_id,) = bench.store([make_web(None)])
    bare = raw_id.removesuffix("/0")
    for spelling in (raw_id, bare):
        frames.batch(1, [spelling])
        assert frames.batch_in_memory(1, [spelling]) == to_wire(frames.batch(1, [spelling]))
    assert frames.batch_in_memory(1, [raw_id, bare]) is None
    assert frames.batch_in_memory(1, [raw_id, raw_id]) is None
    assert len(frames.batch(1, [raw_id, bare]).frames) == 1
