"""Rows 32–36c of the conformance table: uploads of symbol sets."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import httpx

from symbolicate.database.tables import symbol_set

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

START = "/symbol_sets/bulk_start_upload"
FINISH = "/symbol_sets/bulk_finish_upload"
CHECK = "/symbol_sets/bulk_check_upload"
LIMIT = 104_857_600


def source(row: Row, ref: str) -> str:
    """Tells which bundle answers a frame of a ref now."""
    (outcome,) = row.outcomes(row.api.event(row.web(ref), uuid=str(uuid.uuid4())))
    contents = row.api.frames(outcome["event"])[0]
    return str(contents.get("source" if contents["resolved"] else "failure_code"))


def stored(row: Row, ref: str, team: int = 1) -> dict[str, Any] | None:
    """Gives the row of a set."""
    return next((one for one in row.rows(symbol_set, team) if one["ref"] == ref), None)


def key_of(started: dict[str, Any]) -> str:
    """Gives the key that the form names; a bucket may put a prefix before ours."""
    return str(started["presigned_url"]["fields"]["key"])


def refused_finish(row: Row, set_id: str, token: str, code: str) -> None:
    row.api.refused(row.finish(set_id, token), 400, code, f"content_hashes__{set_id}")


def test_row_32_a_start_answers_where_each_set_goes(row: Row) -> None:
    sets = [{"chunk_id": "a"}, {"chunk_id": "b", "content_hash": "x"}]
    for answer in row.each("POST", START, json={"symbol_sets": sets}):
        assert answer.status_code == 201
        id_map = answer.json()["id_map"]
        assert list(id_map) == ["a", "b"]
    for _ in range(4):
        id_map = row.post(START, {"symbol_sets": sets}).json()["id_map"]
        for ref, started in id_map.items():
            found = stored(row, ref)
            assert found is not None
            assert key_of(started).endswith(found["upload_key"])
            assert started["symbol_set_id"] == str(found["id"])
            assert started["fallback_presigned_url"] is None
            listed = row.got(f"/symbol_sets/{found['id']}")
            assert listed["has_uploaded_file"] is False
            if listed["last_used"] is not None:
                assert row.moment(listed["last_used"]) <= row.clock()


def test_row_33_conflicts_are_judged_by_the_token(row: Row) -> None:
    row.upload("c", "cart")
    same, other = ({"chunk_id": "c", "content_hash": token} for token in ("cart", "other"))
    for path, key in ((CHECK, "chunk_ids_to_upload"), (START, "id_map")):
        assert len(row.post(path, {"symbol_sets": [same]}).json()[key]) == 0
        answer = row.post(path, {"symbol_sets": [other]})
        row.api.refused(answer, 400, "content_hash_mismatch", "symbol_sets__0__chunk_id")
        answer = row.post(path, {"symbol_sets": [{"chunk_id": "c"}]})
        row.api.refused(answer, 400, "content_hash_required", "symbol_sets__0__chunk_id")
        skipping = {"symbol_sets": [other], "skip_on_conflict": True}
        assert len(row.post(path, skipping).json()[key]) == 0
        both = skipping | {"force": True}
        row.api.refused(row.post(path, both), 400, "invalid_conflict_handling")
    before = stored(row, "c")
    assert before is not None
    assert before["upload_key"] is None
    forced = {"symbol_sets": [other], "force": True}
    assert row.post(CHECK, forced).json() == {"chunk_ids_to_upload": ["c"]}
    started = row.start("c", "other", force=True)
    assert started["symbol_set_id"] == str(before["id"])
    after = stored(row, "c")
    assert after is not None
    assert key_of(started).endswith(after["upload_key"])
    assert after["storage_key"] == before["storage_key"] != after["upload_key"]
    assert source(row, "c") == "cart.ts"
    row.send(started, "other")
    assert source(row, "c") == "cart.ts"


def test_row_34_a_release_is_bound_and_a_wrong_one_refused(row: Row) -> None:
    own, theirs = row.release(), row.release(team=2)
    for release_id in (str(uuid.uuid4()), theirs["id"], "nonsense"):
        sets = [{"chunk_id": "new"}, {"chunk_id": "c", "release_id": release_id}]
        answer = row.post(START, {"symbol_sets": sets})
        row.api.refused(answer, 400, "invalid_release_id", "symbol_sets__1__release_id")
    assert row.rows(symbol_set) == []
    first, again = row.start("c"), row.start("c")
    assert first["symbol_set_id"] == again["symbol_set_id"]
    assert key_of(first) != key_of(again)
    set_id = row.upload("free", "cart")
    assert row.start("free", "cart", item={"release_id": own["id"]}) is None
    assert row.got(f"/symbol_sets/{set_id}")["release"] == own
    other = row.release()
    sets = [{"chunk_id": "free", "content_hash": "other", "release_id": other["id"]}]
    answer = row.post(START, {"symbol_sets": sets, "force": True})
    row.api.refused(answer, 400, "release_id_mismatch", "symbol_sets__0__chunk_id")
    assert row.start("free", "cart", item={"release_id": other["id"]}) is None
    assert row.got(f"/symbol_sets/{set_id}")["release"] == own


def test_row_35_a_finish_says_what_is_wrong_and_may_be_repeated(row: Row) -> None:
    unknown = str(uuid.uuid4())
    refused_finish(row, unknown, "one", "symbol_set_not_found")
    started = row.start("c")
    set_id = started["symbol_set_id"]
    refused_finish(row, set_id, "one", "file_not_found")
    row.send(started, "cart")
    for answer in (row.finish(set_id), row.finish(set_id)):
        assert (answer.status_code, answer.json()) == (201, {"success": True})
    assert source(row, "c") == "cart.ts"
    damaged = row.start("c", "two", force=True)
    assert row.api.send(damaged, row.bundle("other")[:-3]).is_success
    refused_finish(row, set_id, "two", "invalid_symbol_set")
    assert source(row, "c") == "cart.ts"
    refused_finish(row, set_id, "two", "file_not_found")
    fresh = row.start("fresh")
    assert row.api.send(fresh, b"").is_success
    refused_finish(row, fresh["symbol_set_id"], "one", "file_too_large")
    assert stored(row, "fresh") is None


def test_row_35_a_file_over_the_limit_is_refused_and_the_old_one_serves(row: Row) -> None:
    set_id = row.upload("c", "cart")
    row.start("c", "huge", force=True)
    found = stored(row, "c")
    assert found is not None
    key = found["upload_key"]
    row.api.symbolicator._objects.put(key, bytes(LIMIT + 1))
    refused_finish(row, set_id, "huge", "file_too_large")
    found = stored(row, "c")
    assert found is not None
    assert (found["upload_key"], found["content_hash"]) == (None, "cart")
    assert source(row, "c") == "cart.ts"
    assert key not in row.objects()


def test_row_36_a_finish_after_force_repairs_the_frames_of_its_ref(row: Row) -> None:
    for ref in ("c", "d"):
        row.upload(ref, "cart")
    mine, mine_too, other, plain = row.process(
        row.web("c"), row.web("c", 2), row.web("d"), row.api.frame()
    )
    before = {one["raw_id"]: one for one in row.batch([mine, mine_too, other, plain])}
    row.clock.forward(seconds=1)
    started = row.start("c", "other", force=True)
    row.send(started, "other")
    assert row.finish(started["symbol_set_id"], "other").status_code == 201

    def listed() -> dict[str, Any]:
        return {one["raw_id"]: one for one in row.got("/stack_frames")["results"]}

    def repaired() -> bool:
        found = listed()
        return all(found[one]["contents"]["source"] == "other.ts" for one in (mine, mine_too))

    row.until(repaired, "the reconciler did not come by")
    after = listed()
    for raw_id in (mine, mine_too):
        assert after[raw_id]["id"] == before[raw_id]["id"]
        assert after[raw_id]["created_at"] > before[raw_id]["created_at"]
    assert {raw_id: after[raw_id] for raw_id in (other, plain)} == {
        raw_id: before[raw_id] for raw_id in (other, plain)
    }
    columns = ("storage_key", "data_hash", "content_hash", "finished_at", "upload_key")
    old = stored(row, "c")
    assert row.finish(started["symbol_set_id"], "other").json() == {"success": True}
    new = stored(row, "c")
    assert old is not None
    assert new is not None
    assert [new[name] for name in columns] == [old[name] for name in columns]
    assert listed() == after


def test_row_36b_a_declared_length_is_the_length(row: Row) -> None:
    item: dict[str, Any] = {"chunk_id": "c", "content_length": 5}
    for answer in row.each("POST", START, json={"symbol_sets": [item]}):
        started = answer.json()["id_map"]["c"]
        assert isinstance(started["presigned_put_url"], str)
        for data, fits in ((b"12345", True), (b"1234", False), (b"123456", False)):
            sent = httpx.put(started["presigned_put_url"], content=data, timeout=30)
            assert sent.is_success is fits, sent.text
            assert sent.is_success or 400 <= sent.status_code < 500
    without = row.post(START, {"symbol_sets": [{"chunk_id": "d"}]}).json()["id_map"]["d"]
    assert "presigned_put_url" not in without
    answer = row.post(START, {"symbol_sets": [{"chunk_id": "e", "content_length": LIMIT + 1}]})
    row.api.refused(answer, 400, "file_too_large", "symbol_sets__0__content_length")
    assert stored(row, "e") is None


def test_row_36c_bytes_sent_to_a_finished_upload_never_serve(row: Row) -> None:
    started = row.start("c", "cart")
    row.send(started, "cart")
    assert row.finish(started["symbol_set_id"], "cart").status_code == 201
    before = stored(row, "c")
    row.api.send(started, row.bundle("evil"))
    row.finish(started["symbol_set_id"], "cart")
    after = stored(row, "c")
    assert before is not None
    assert after is not None
    for name in ("storage_key", "data_hash", "size"):
        assert after[name] == before[name]
    assert source(row, "c") == "cart.ts"
    url = row.got(f"/symbol_sets/{before['id']}/download")["url"]
    assert httpx.get(url, timeout=30).content == row.bundle("cart")
