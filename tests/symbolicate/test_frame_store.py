"""The frame store: answers kept by raw id, fresh or stale, and never of an older generation."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from symbolicate.clock import wire_time
from symbolicate.frame_store import Answer, Origin, StoredAnswer, stored_part
from symbolicate.languages.registry import RESOLVER_VERSION
from symbolicate.release import SymbolSet

TEAM = 1
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD_BYTES, NEW_BYTES = b"o" * 32, b"n" * 32


def state(data_hash: bytes | None, *, pending: bool = False) -> SymbolSet:
    key = None if data_hash is None else "1/symbolsets/key"
    return SymbolSet(uuid.uuid4(), "chunk", key, data_hash, pending, False, None, None, None, None)


def stored(
    ref: str | None = "chunk",
    data_hash: bytes | None = OLD_BYTES,
    version: int = RESOLVER_VERSION,
    retry_at: datetime | None = None,
) -> StoredAnswer:
    return StoredAnswer((), ref, data_hash, version, retry_at)


LATER, EARLIER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
OLDER = RESOLVER_VERSION - 1


@pytest.mark.parametrize(
    ("answer", "serving", "stale"),
    [
        pytest.param(stored(), state(OLD_BYTES), False, id="a: the same bytes"),
        pytest.param(stored(), state(NEW_BYTES), True, id="a: other bytes"),
        pytest.param(stored(data_hash=None), state(NEW_BYTES), True, id="a: null is another"),
        pytest.param(stored(version=OLDER), state(OLD_BYTES), True, id="a: an older resolver"),
        pytest.param(
            stored(), replace(state(NEW_BYTES), pending=True), True, id="a: bytes beside an upload"
        ),
        pytest.param(stored(), None, False, id="a: the set is gone"),
        pytest.param(stored(version=OLDER), None, False, id="a: no set to ask again"),
        pytest.param(stored(data_hash=None), None, False, id="a: there never was a set"),
        pytest.param(
            stored(data_hash=None), state(None, pending=True), False, id="a: an unfinished upload"
        ),
        pytest.param(stored(None, None), None, False, id="b: no ref, this resolver"),
        pytest.param(stored(None, None, OLDER), None, True, id="b: no ref, an older resolver"),
        pytest.param(stored(retry_at=LATER), state(OLD_BYTES), False, id="c: retry not yet due"),
        pytest.param(stored(retry_at=NOW), state(OLD_BYTES), True, id="c: retry due now"),
        pytest.param(stored(None, None, retry_at=EARLIER), None, True, id="c: retry due, no ref"),
        pytest.param(stored(data_hash=None, retry_at=EARLIER), None, True, id="c: retry, no set"),
    ],
)
def test_when_an_answer_is_stale(
    answer: StoredAnswer, serving: SymbolSet | None, stale: bool
) -> None:
    assert answer.stale(serving, RESOLVER_VERSION, NOW) is stale


@pytest.fixture
def wired(wired_on_each: Any) -> Any:
    return wired_on_each


def answers(wired: Any, make: Any, *frames: Any) -> list[Answer]:
    found: list[Answer] = wired.resolver.resolve(TEAM, make.submissions(*frames))
    return found


def test_what_is_saved_is_found_in_memory_and_in_the_database(wired: Any, make: Any) -> None:
    wired.add("chunk")
    (answer,) = answers(wired, make, make.web())
    saved = wired.store.save(TEAM, [answer])
    assert saved.outdated == []
    found = saved.stored[answer.raw_id]
    assert (found.ref, found.data_hash) == ("chunk", answer.data_hash)
    assert found.resolver_version == RESOLVER_VERSION
    reads = wired.database.reads
    assert wired.store.get(TEAM, [answer.raw_id, answer.raw_id]) == {answer.raw_id: found}
    assert wired.database.reads == reads
    elsewhere = wired.new_store()
    assert elsewhere.get_known(TEAM, [answer.raw_id]) == {}
    assert elsewhere.get(TEAM, [answer.raw_id]) == {answer.raw_id: found}
    assert elsewhere.get_known(TEAM, [answer.raw_id]) == {answer.raw_id: found}


def test_what_nobody_saved_is_absent(wired: Any) -> None:
    assert wired.store.get(TEAM, [b"\0" * 32]) == {}
    assert wired.store.get(TEAM, []) == {}


def test_a_stored_part_carries_its_frame_as_it_goes_over_the_wire(wired: Any, make: Any) -> None:
    wired.add("chunk")
    (answer,) = answers(wired, make, make.web())
    ((part,),) = (a.parts for a in wired.store.save(TEAM, [answer]).stored.values())
    (frame,) = answer.frames
    assert json.loads(part.wire + b"}") == {
        "id": str(part.id),
        "raw_id": f"{answer.raw_id.hex()}/0",
        "created_at": wire_time(wired.clock.now),
        "contents": frame.contents,
        "resolved": True,
        "context": frame.to_frame().context,
    }


def test_a_part_without_context_says_null(wired: Any, make: Any) -> None:
    (answer,) = answers(wired, make, {"platform": "python", "filename": "a", "function": "f"})
    ((part,),) = (a.parts for a in wired.store.save(TEAM, [answer]).stored.values())
    assert json.loads(part.wire + b"}")["context"] is None


def test_a_failure_leaves_memory_after_300_seconds_and_others_stay(wired: Any, make: Any) -> None:
    wired.add("chunk")
    resolved, failed = answers(wired, make, make.web(), make.web("unknown"))
    wired.store.save(TEAM, [resolved, failed])
    both = [resolved.raw_id, failed.raw_id]
    wired.clock.turn(299.999)
    assert set(wired.store.get_known(TEAM, both)) == set(both)
    wired.clock.turn(0.001)
    assert set(wired.store.get_known(TEAM, both)) == {resolved.raw_id}
    wired.clock.turn(10**9)
    assert set(wired.store.get_known(TEAM, both)) == {resolved.raw_id}
    assert set(wired.store.get(TEAM, both)) == set(both)


def test_a_part_is_ready_under_the_names_it_was_asked_by_while_memory_holds_it(
    wired: Any, make: Any
) -> None:
    wired.add("chunk")
    (answer,) = answers(wired, make, make.web())
    ((part,),) = (a.parts for a in wired.store.save(TEAM, [answer]).stored.values())
    names = [("a/0", answer.raw_id, 0), ("a/7", answer.raw_id, 7), ("x/0", b"x" * 32, 0)]
    assert wired.store.ready(TEAM, ["a/0"]) is None
    wired.store.make_ready(TEAM, names, RESOLVER_VERSION)
    (ready,) = wired.store.ready(TEAM, ["a/0"])
    assert (ready.wire, ready.origin.ref) == (part.wire, "chunk")
    assert ready.origin.data_hash == answer.data_hash
    for absent in (["a/7"], ["x/0"], ["a/0", "b/0"]):
        assert wired.store.ready(TEAM, absent) is None
    assert wired.store.ready(TEAM + 1, ["a/0"]) is None
    wired.store.forget(TEAM, [answer.raw_id])
    assert wired.store.ready(TEAM, ["a/0"]) is None


@pytest.mark.parametrize("why", ["older resolver", "to be retried"])
def test_what_must_be_looked_at_again_is_never_ready(wired: Any, make: Any, why: str) -> None:
    (answer,) = answers(wired, make, make.web())
    if why == "to be retried":
        answer = answer._replace(retry_at=wired.clock.now)
    wired.store.save(TEAM, [answer])
    version = RESOLVER_VERSION + (why == "older resolver")
    wired.store.make_ready(TEAM, [("a/0", answer.raw_id, 0)], version)
    assert wired.store.ready(TEAM, ["a/0"]) is None


@pytest.mark.parametrize(
    ("now", "replaced"),
    [(state(OLD_BYTES), False), (state(NEW_BYTES), True), (state(None, pending=True), False)],
    ids=["same bytes", "other bytes", "no bytes"],
)
def test_an_origin_is_replaced_by_other_usable_bytes_alone(now: SymbolSet, replaced: bool) -> None:
    assert Origin("chunk", OLD_BYTES).replaced({"chunk": now}) is replaced
    assert not Origin("other", OLD_BYTES).replaced({"chunk": now})
    assert not Origin(None, None).replaced({"chunk": now})


def test_forgetting_reads_the_database_again(wired: Any, make: Any) -> None:
    (answer,) = answers(wired, make, make.web())
    wired.store.save(TEAM, [answer])
    wired.store.forget(TEAM, [answer.raw_id])
    assert wired.store.get_known(TEAM, [answer.raw_id]) == {}
    assert set(wired.store.get(TEAM, [answer.raw_id])) == {answer.raw_id}


def test_teams_do_not_see_each_others_answers(wired: Any, make: Any) -> None:
    (answer,) = answers(wired, make, make.web())
    wired.store.save(1, [answer])
    for store in (wired.store, wired.new_store()):
        assert store.get(2, [answer.raw_id]) == {}
        assert store.sources(2, [answer.raw_id]) == {}
    mine = answer._replace(frames=[answer.frames[0]._replace(contents={"lang": "mine"})])
    wired.store.save(2, [mine])
    for store in (wired.store, wired.new_store()):
        contents = [store.get(t, [answer.raw_id])[answer.raw_id].parts[0].contents for t in (1, 2)]
        assert b'"mine"' not in contents[0]
        assert contents[1] == b'{"lang":"mine"}'


def test_an_answer_of_a_replaced_generation_is_handed_back(wired: Any, make: Any) -> None:
    wired.add("chunk")
    outdated, unaffected = answers(wired, make, make.web(), make.web("unknown"))
    wired.database.before_write = lambda: wired.add("chunk", "newer")
    saved = wired.store.save(TEAM, [outdated, unaffected])
    assert saved.outdated == [outdated]
    assert set(saved.stored) == {unaffected.raw_id}
    assert wired.rows("SELECT symbol_set_ref FROM stack_frame") == [("unknown",)]


@pytest.mark.parametrize("pending", [False, True])
def test_ignorance_of_a_set_that_has_arrived_is_handed_back(
    wired: Any, make: Any, pending: bool
) -> None:
    if pending:
        wired.begin_upload("chunk")
    (answer,) = answers(wired, make, make.web())
    assert answer.failure_code == ("upload_pending" if pending else "no_symbol_set")
    wired.database.before_write = lambda: wired.add("chunk")
    assert wired.store.save(TEAM, [answer]).outdated == [answer]


def test_an_answer_from_a_set_is_never_replaced_by_ignorance(wired: Any, make: Any) -> None:
    wired.add("chunk")
    (knowing,) = answers(wired, make, make.web())
    before = wired.store.save(TEAM, [knowing]).stored
    ignorant = knowing._replace(
        data_hash=None,
        frames=[knowing.frames[0]._replace(failure_code="blob_missing", resolved=False)],
    )
    assert wired.store.save(TEAM, [ignorant]).stored == before
    assert wired.new_store().get(TEAM, [knowing.raw_id]) == before


def test_a_new_answer_keeps_the_rows_id_and_renews_its_time(wired: Any, make: Any) -> None:
    (ignorant,) = answers(wired, make, make.web())
    ((before,),) = (a.parts for a in wired.store.save(TEAM, [ignorant]).stored.values())
    wired.add("chunk")
    wired.clock.turn(60)
    (knowing,) = answers(wired, make, make.web())
    ((after,),) = (a.parts for a in wired.store.save(TEAM, [knowing]).stored.values())
    assert (after.id, after.resolved) == (before.id, True)
    assert after.created_at == wired.clock.now == before.created_at + timedelta(seconds=60)


def test_parts_come_back_in_order_and_surplus_ones_go(wired: Any, make: Any) -> None:
    (answer,) = answers(wired, make, make.web())
    (frame,) = answer.frames
    three = answer._replace(frames=[frame._replace(part=n, failure_code=None) for n in range(3)])
    (found,) = wired.store.save(TEAM, [three]).stored.values()
    assert len({part.id for part in found.parts}) == 3
    two = answer._replace(frames=three.frames[:2])
    (fewer,) = wired.store.save(TEAM, [two]).stored.values()
    assert [part.id for part in fewer.parts] == [part.id for part in found.parts[:2]]
    assert wired.rows("SELECT part FROM stack_frame ORDER BY part") == [(0,), (1,)]


def test_what_a_frame_was_made_from_is_kept_beside_it(wired: Any, make: Any) -> None:
    image = {"debug_id": "ABC", "image_addr": "0x1000", "image_size": 4096}
    raw = {"platform": "native", "instruction_addr": "0x1004", "image_addr": "0x1000"}
    from symbolicate.images import read_debug_images
    from symbolicate.raw_frame import read_raw_frame

    submission = read_raw_frame(raw, read_debug_images([image]))
    answers = wired.resolver.resolve(TEAM, [submission])
    wired.store.save(TEAM, answers)
    (row,) = wired.store.sources(TEAM, [submission.hash]).values()
    assert json.loads(row.raw_frame) == raw
    assert json.loads(row.debug_image) == {"debug_id": "abc", "relative": 4}


def test_memory_is_weighed_in_bytes(wired: Any, make: Any) -> None:
    found = answers(wired, make, *(make.web(f"chunk{n}") for n in range(20)))
    saved = wired.store.save(TEAM, found).stored
    weight = sum(len(p.wire) for a in saved.values() for p in a.parts)
    assert wired.store._memory.bytes >= weight


def test_a_rows_wire_form_is_made_of_the_row_alone(wired: Any, make: Any) -> None:
    from symbolicate.database import frames

    (answer,) = answers(wired, make, make.web())
    ((part,),) = (a.parts for a in wired.store.save(TEAM, [answer]).stored.values())
    with wired.database.read() as connection:
        (row,) = frames.load(connection, TEAM, [answer.raw_id])
    assert stored_part(row) == part
