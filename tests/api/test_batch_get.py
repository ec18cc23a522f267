"""`batch_get`: order, spelling, what is missing, and every refusal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate_api.batch_get import Question, read_question

if TYPE_CHECKING:
    from tests.api.conftest import Api

BATCH = "/stack_frames/batch_get"
AS_JSON = {"Content-Type": "application/json"}
SOURCE = b"function total(cart) {\n  return cart.pct;\n}\n"
MAP = b'{"version":3,"sources":["cart.ts"],"names":[],"mappings":"AAAA"}'


def ask(api: Api, **body: Any) -> tuple[list[str], list[str]]:
    answer = api.post(BATCH, body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert list(found) == ["results", "missing"]
    return [frame["raw_id"] for frame in found["results"]], found["missing"]


def test_results_keep_the_order_of_first_mention(any_api: Api) -> None:
    a, b = any_api.stored(any_api.frame(1), any_api.frame(2))
    bare = b.removesuffix("/0")
    asked = [bare, "nope", a, b, "x/y/0", "nope/0", f"{bare}/1", f"{bare}/x"]
    expected = ([b, a], ["nope", "x/y/0", f"{bare}/1", f"{bare}/x"])
    assert ask(any_api, raw_ids=asked) == expected
    assert ask(any_api, raw_ids=asked) == expected  # from memory alone


def test_what_memory_holds_is_what_the_database_holds(any_api: Api) -> None:
    raw_ids = any_api.stored(any_api.frame(1), any_api.frame(2, in_app=False))
    warm = any_api.post(BATCH, {"raw_ids": raw_ids}).content
    settings = any_api.symbolicator.settings
    with type(any_api.symbolicator)(settings=settings) as cold:
        frames = cold.batch_get(1, raw_ids)
    shown = json.loads(warm)["results"]
    assert [frame["contents"] for frame in shown] == [frame.contents for frame in frames]
    assert [frame["id"] for frame in shown] == [str(frame.id) for frame in frames]


@pytest.mark.parametrize("body", [None, {}, {"raw_ids": None}, {"raw_ids": []}, {"other": 1}])
def test_without_ids_the_newest_frames_of_the_team_come(
    api: Api, body: dict[str, Any] | None
) -> None:
    own = api.stored(api.frame(1), api.frame(2))
    api.stored(api.frame(1), team_id=2)
    answer = api.http.post(f"/api/projects/1/error_tracking{BATCH}", json=body)
    found = answer.json()
    assert {frame["raw_id"] for frame in found["results"]} == set(own)
    assert found["missing"] == []


def test_a_symbol_set_filters_by_its_ref_and_by_its_id(api: Api) -> None:
    frame = {"platform": "web:javascript", "function": "t", "lineno": 1, "colno": 1}
    linked = api.stored({**frame, "chunk_id": "chunk-1"})
    other = api.stored(api.frame())
    assert ask(api, raw_ids=linked + other, symbol_set="chunk-1") == (linked, other)
    assert ask(api, symbol_set="chunk-1") == (linked, [])
    api.symbolicator.add_symbol_set(1, "chunk-1", source=SOURCE, map=MAP)
    start = {"symbol_sets": [{"chunk_id": "chunk-1", "content_hash": "x"}], "force": True}
    started = api.post("/symbol_sets/bulk_start_upload", start).json()["id_map"]["chunk-1"]
    assert ask(api, symbol_set=started["symbol_set_id"]) == (linked, [])
    assert ask(api, symbol_set="chunk-2") == ([], [])
    assert ask(api, raw_ids=linked, symbol_set="chunk-2") == ([], linked)


def test_a_frame_whose_set_arrived_is_resolved_when_it_is_asked_for(any_api: Api) -> None:
    frame = {"platform": "web:javascript", "function": "t", "lineno": 1, "colno": 1}
    raw_ids = any_api.stored({**frame, "chunk_id": "chunk-1"})
    before = any_api.post(BATCH, {"raw_ids": raw_ids}).json()["results"][0]
    release = any_api.post("/releases", {"version": "1", "project": "shop"}).json()
    release_id = any_api.symbolicator.releases.by_hash(1, release["hash_id"]).id
    any_api.symbolicator.add_symbol_set(1, "chunk-1", source=SOURCE, map=MAP, release_id=release_id)
    after = any_api.post(BATCH, {"raw_ids": raw_ids}).json()["results"][0]
    assert (before["resolved"], before["symbol_set_ref"], before["release"]) == (False, None, None)
    assert before["contents"]["failure_code"] == "no_symbol_set"
    assert (after["resolved"], after["symbol_set_ref"]) == (True, "chunk-1")
    assert (after["contents"]["source"], after["contents"]["line"]) == ("cart.ts", 1)
    assert after["release"] == release
    assert (after["id"], after["raw_id"]) == (before["id"], before["raw_id"])
    assert after["created_at"] > before["created_at"]


def test_a_release_with_odd_metadata_rides_along(api: Api) -> None:
    odd = {"branch": "\ud800\0"}
    release = api.symbolicator.create_release(1, version="1", project="p", metadata=odd)
    api.symbolicator.add_symbol_set(1, "c", source=SOURCE, map=MAP, release_id=release.id)
    frame = {"platform": "web:javascript", "function": "t", "lineno": 1, "colno": 1}
    raw_ids = api.stored({**frame, "chunk_id": "c"})
    answer = api.post(BATCH, {"raw_ids": raw_ids})
    assert json.loads(answer.content)["results"][0]["release"]["metadata"] == odd


def test_a_thousand_ids_are_answered_and_one_more_is_refused(api: Api) -> None:
    ids = [f"{number:064x}" for number in range(1000)]
    assert ask(api, raw_ids=ids) == ([], ids)
    detail = api.refused(api.post(BATCH, {"raw_ids": [*ids, "x"]}), 400, "max_length", "raw_ids")
    assert detail == "raw_ids of 1001 exceed the limit of 1000"
    api.refused(api.post(BATCH, {"raw_ids": ["x"] * 1001}), 400, "max_length", "raw_ids")


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"raw_ids": "abc"}, "not_a_list", "raw_ids"),
        ({"raw_ids": {}}, "not_a_list", "raw_ids"),
        ({"raw_ids": [1]}, "invalid_input", "raw_ids__0"),
        ({"raw_ids": ["a", None]}, "invalid_input", "raw_ids__1"),
        ({"raw_ids": ["a\0"]}, "invalid_input", "raw_ids__0"),
        ({"raw_ids": ["a", "\ud800"]}, "invalid_input", "raw_ids__1"),
        ({"symbol_set": 5}, "invalid_input", "symbol_set"),
        ({"symbol_set": "\0"}, "invalid_input", "symbol_set"),
        ({"symbol_set": "\udfff"}, "invalid_input", "symbol_set"),
        ([], "invalid_input", None),
        ("x", "invalid_input", None),
    ],
)
def test_bad_questions_are_refused_by_name(
    shared_api: Api, body: Any, code: str, attr: str | None
) -> None:
    shared_api.refused(
        shared_api.post(BATCH, content=json.dumps(body), headers=AS_JSON), 400, code, attr
    )


def test_a_form_may_ask_too(api: Api) -> None:
    (raw_id,) = api.stored(api.frame())
    answer = api.post(BATCH, data={"raw_ids": [raw_id, "nope"]})
    assert [frame["raw_id"] for frame in answer.json()["results"]] == [raw_id]
    assert answer.json()["missing"] == ["nope"]


def test_a_million_ids_are_refused_before_they_are_parsed(api: Api) -> None:
    """S23."""
    body = b'{"raw_ids":[' + b",".join([b'"0123456789abcdef"'] * 1_000_000) + b"]}"
    detail = api.refused(api.post(BATCH, content=body, headers=AS_JSON), 413, "request_too_large")
    assert detail == f"body_bytes of {len(body)} exceeds the limit of 2097152"


@pytest.mark.parametrize(
    "body",
    [
        {"raw_ids": ["a/0", "b"], "symbol_set": "ref"},
        {"raw_ids": None, "extra": [{}]},
        {"raw_ids": ["Ω"], "symbol_set": None},
    ],
)
def test_the_quick_and_the_careful_reading_agree(body: dict[str, Any]) -> None:
    data = json.dumps(body).encode()
    expected = Question(body["raw_ids"] or [], body.get("symbol_set"))
    assert read_question(data, b"application/json") == expected
    assert read_question(data, b"Application/JSON; charset=utf-8") == expected
