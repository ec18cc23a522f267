"""Rows 1–11 of the conformance table: stored frames."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from symbolicate.database.tables import stack_frame

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

BATCH = "/stack_frames/batch_get"
KEYS = ["id", "raw_id", "created_at", "contents", "resolved", "context"]


def ask(row: Row, raw_ids: list[str], **body: Any) -> tuple[list[str], list[str]]:
    answer = row.post(BATCH, {"raw_ids": raw_ids, **body})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [frame["raw_id"] for frame in body["results"]], body["missing"]


def store_parts(row: Row, raw_id: str, count: int) -> str:
    """Stores another frame like one that is there, in several parts, and gives its hash."""
    (like,) = [one for one in row.rows(stack_frame) if one["raw_id"].hex() == raw_id[:64]]
    name = uuid.uuid4().bytes * 2
    rows = []
    for part in range(count):
        contents = json.loads(like["contents"]) | {"raw_id": f"{name.hex()}/{part}"}
        new = {"id": uuid.uuid4(), "raw_id": name, "part": part, "contents": json.dumps(contents)}
        rows.append(like | new)
    row.write(insert(stack_frame), rows)
    return name.hex()


def test_row_1_the_list_is_a_page_of_the_teams_own_frames(row: Row) -> None:
    own = row.process(row.api.frame(1), row.api.frame(2))
    row.process(row.api.frame(1), row.api.frame(3), team=2)
    for answer in row.each("GET", "/stack_frames"):
        assert answer.status_code == 200
        body = answer.json()
        assert list(body) == ["count", "next", "previous", "results"]
        assert body["count"] == 2
        assert {frame["raw_id"] for frame in body["results"]} == set(own)
        assert {tuple(frame) for frame in body["results"]} == {(*KEYS, "symbol_set_ref", "release")}


def test_row_2_no_body_asks_for_the_newest_frames_of_the_team(row: Row) -> None:
    (first,) = row.process(row.api.frame(1))
    row.clock.forward(seconds=1)
    (second,) = row.process(row.api.frame(2))
    row.clock.forward(seconds=1)
    assert row.process(row.api.frame(1), team=2) == [first]
    for answer in row.each("POST", BATCH):
        assert answer.status_code == 200
        body = answer.json()
        assert [frame["raw_id"] for frame in body["results"]] == [second, first]
        assert body["missing"] == []


def test_row_3_a_bare_hash_means_part_0(row: Row) -> None:
    (raw_id,) = row.process(row.api.frame())
    bare = raw_id.removesuffix("/0")
    for answer in row.each("POST", BATCH, json={"raw_ids": [bare]}):
        (frame,) = answer.json()["results"]
        assert frame["raw_id"] == frame["contents"]["raw_id"] == f"{bare}/0"


def test_row_4_a_symbol_set_filters_by_its_id_and_by_its_ref(row: Row) -> None:
    set_id = row.upload("chunk-1")
    linked = row.process(row.web("chunk-1", 1), row.web("chunk-1", 2))
    (other,) = row.process(row.api.frame())
    frames = row.batch(linked, symbol_set=set_id)
    assert frames == row.batch(linked, symbol_set="chunk-1")
    assert {frame["symbol_set_ref"] for frame in frames} == {"chunk-1"}
    for symbol_set in (set_id, "chunk-1"):
        assert ask(row, [other, linked[0]], symbol_set=symbol_set) == ([linked[0]], [other])
        assert set(ask(row, [], symbol_set=symbol_set)[0]) == set(linked)
    for unknown in ("chunk-2", str(uuid.uuid4())):
        assert ask(row, [], symbol_set=unknown) == ([], [])


def test_row_5_a_part_that_is_no_integer_makes_the_whole_string_a_hash(row: Row) -> None:
    row.process(row.api.frame())
    for answer in row.each("POST", BATCH, json={"raw_ids": ["abc/not-an-int"]}):
        assert answer.status_code == 200
        assert answer.json() == {"results": [], "missing": ["abc/not-an-int"]}


def test_row_6_parts_are_asked_for_one_by_one(row: Row) -> None:
    h = store_parts(row, row.process(row.api.frame())[0], 2)
    assert ask(row, [h]) == ([f"{h}/0"], [])
    assert ask(row, [f"{h}/1"]) == ([f"{h}/1"], [])
    assert ask(row, [f"{h}/1", f"{h}/0", h]) == ([f"{h}/1", f"{h}/0"], [])
    assert ask(row, ["x/y/0", f"{h}/0/0", f"{h}/2"]) == ([], ["x/y/0", f"{h}/0/0", f"{h}/2"])


def test_row_7_results_keep_the_order_of_first_mention(row: Row) -> None:
    a, b = row.process(row.api.frame(1), row.api.frame(2))
    asked = [b.removesuffix("/0"), "nope", a.removesuffix("/0"), b]
    for answer in row.each("POST", BATCH, json={"raw_ids": asked}):
        body = answer.json()
        assert [frame["raw_id"] for frame in body["results"]] == [b, a]
        assert body["missing"] == ["nope"]


def test_row_8_bad_questions_are_refused_by_name(row: Row) -> None:
    for body, code, attr in (
        ({"raw_ids": [str(number) for number in range(1001)]}, "max_length", "raw_ids"),
        ({"raw_ids": "abc"}, "not_a_list", "raw_ids"),
        ({"raw_ids": [1]}, "invalid_input", "raw_ids__0"),
        ({"symbol_set": 5}, "invalid_input", "symbol_set"),
    ):
        for answer in row.each("POST", BATCH, json=body):
            row.api.refused(answer, 400, code, attr)
            assert answer.json()["type"] == "validation_error"


def test_row_9_frames_say_whether_they_are_resolved_and_by_what(row: Row) -> None:
    release = row.release(metadata={"git": {"commit_id": "abc"}})
    row.upload("built", item={"release_id": release["id"]})
    waiting, plain, built = row.process(row.web("absent"), row.api.frame(), row.web("built"))
    frames = row.batch([waiting, plain, built])
    assert [frame["resolved"] for frame in frames] == [False, True, True]
    assert frames[0]["contents"]["failure_code"] == "no_symbol_set"
    assert [frame["symbol_set_ref"] for frame in frames] == [None, None, "built"]
    assert [frame["release"] for frame in frames] == [None, None, release]
    listed = {frame["id"]: frame for frame in row.got("/stack_frames")["results"]}
    for frame in frames:
        assert listed[frame["id"]] == row.got(f"/stack_frames/{frame['id']}") == frame


def test_row_10_a_set_that_comes_late_resolves_the_frame_in_place(row: Row) -> None:
    (raw_id,) = row.process(row.web("late"))
    (before,) = row.batch([raw_id])
    assert before["resolved"] is False
    row.clock.forward(seconds=1)
    row.upload("late")
    (after,) = row.batch([raw_id])
    assert (after["resolved"], after["contents"]["source"]) == (True, "cart.ts")
    assert (after["id"], after["raw_id"]) == (before["id"], raw_id)
    assert row.moment(after["created_at"]) > row.moment(before["created_at"])


def test_row_11_no_frame_can_be_deleted(row: Row) -> None:
    row.process(row.api.frame())
    stored = row.rows(stack_frame)
    powerless = row.key("insight:read")
    for frame_id in (str(stored[0]["id"]), str(uuid.uuid4()), "nonsense"):
        for headers in (row.key("*"), powerless, row.key("*", team=2)):
            for answer in row.each("DELETE", f"/stack_frames/{frame_id}", headers=headers):
                assert (answer.status_code, answer.content) == (405, b"")
                assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        for answer in row.each("DELETE", f"/stack_frames/{frame_id}", headers={}):
            row.api.refused(answer, 401, "not_authenticated")
    assert row.rows(stack_frame) == stored
