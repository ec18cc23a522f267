"""Starts of uploads: what is read from a request, and how it is judged against what is there."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from symbolicate.database.pending_uploads import UploadRow
from symbolicate.errors import Refused
from symbolicate.services.upload_request import (
    MAX_BYTES,
    MAX_SETS,
    judge,
    read_upload_request,
)

RELEASE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
HEX = "ABCDEF01-2345-6789-ABCD-EF0123456789"

NEW = UploadRow(uuid.UUID(int=9), "a", None, None, None, None, None)
PENDING = replace(NEW, upload_key="1/uploads/x")
DONE = replace(NEW, storage_key="1/symbolsets/x", content_hash="token")
AGAIN = replace(DONE, upload_key="1/uploads/x")


def ask(flags: dict[str, Any] | None = None, **item: Any) -> dict[str, Any]:
    return {"symbol_sets": [{"chunk_id": "a", **item}], **(flags or {})}


FORCE: dict[str, Any] = {"force": True}
SKIP: dict[str, Any] = {"skip_on_conflict": True}
SAME: dict[str, Any] = {"content_hash": "token"}
DIFFERENT: dict[str, Any] = {"content_hash": "another"}
FOR_OTHER: dict[str, Any] = {"release_id": str(OTHER)}

ROWS: dict[str, tuple[UploadRow, dict[str, Any], str]] = {
    "none: upload": (NEW, ask(), "upload"),
    "none, with all: upload": (NEW, ask(FORCE, **SAME, **FOR_OTHER), "upload"),
    "without release, given, nothing to upload: skip": (DONE, ask(**SAME, **FOR_OTHER), "skip"),
    "other release: refused": (
        replace(DONE, release_id=RELEASE),
        ask(**DIFFERENT, **FOR_OTHER),
        "release_id_mismatch",
    ),
    "other release, force: refused": (
        replace(DONE, release_id=RELEASE),
        ask(FORCE, **DIFFERENT, **FOR_OTHER),
        "release_id_mismatch",
    ),
    "other release, skip_on_conflict: refused": (
        replace(DONE, release_id=RELEASE),
        ask(SKIP, **DIFFERENT, **FOR_OTHER),
        "release_id_mismatch",
    ),
    "other release, no token: refused for the release": (
        replace(DONE, release_id=RELEASE),
        ask(**FOR_OTHER),
        "release_id_mismatch",
    ),
    "other release, same token: tolerated": (
        replace(DONE, release_id=RELEASE),
        ask(**SAME, **FOR_OTHER),
        "skip",
    ),
    "other release, never finished: refused": (
        replace(PENDING, release_id=RELEASE),
        ask(**FOR_OTHER),
        "release_id_mismatch",
    ),
    "same release: no matter": (
        replace(DONE, release_id=OTHER),
        ask(**SAME, **FOR_OTHER),
        "skip",
    ),
    "release, none given: no matter": (replace(DONE, release_id=RELEASE), ask(**SAME), "skip"),
    "never finished: upload": (PENDING, ask(), "upload"),
    "never finished, with a token: upload": (PENDING, ask(**SAME), "upload"),
    "has token, none given: refused": (DONE, ask(), "content_hash_required"),
    "has token, none given, force: refused": (DONE, ask(FORCE), "content_hash_required"),
    "has token, empty one given: refused": (
        DONE,
        ask(content_hash=""),
        "content_hash_required",
    ),
    "has token, same: skip": (DONE, ask(**SAME), "skip"),
    "has token, same, force: skip": (DONE, ask(FORCE, **SAME), "skip"),
    "has token, different: refused": (DONE, ask(**DIFFERENT), "content_hash_mismatch"),
    "has token, different, force: upload": (DONE, ask(FORCE, **DIFFERENT), "upload"),
    "has token, different, skip_on_conflict: skip": (DONE, ask(SKIP, **DIFFERENT), "skip"),
    "replacement pending, the serving token: skip": (AGAIN, ask(**SAME), "skip"),
    "replacement pending, different: refused": (
        AGAIN,
        ask(**DIFFERENT),
        "content_hash_mismatch",
    ),
    "replacement pending, different, force: upload": (AGAIN, ask(FORCE, **DIFFERENT), "upload"),
}


@pytest.mark.parametrize(("row", "body", "expected"), ROWS.values(), ids=ROWS.keys())
def test_the_first_row_of_the_table_that_fits_decides(
    row: UploadRow, body: dict[str, Any], expected: str
) -> None:
    request = read_upload_request(body)
    if expected in ("upload", "skip"):
        assert judge(row, request.wanted[0], request) == expected
        return
    with pytest.raises(Refused) as refused:
        judge(row, request.wanted[0], request)
    assert (refused.value.code, refused.value.attr) == (expected, "symbol_sets__0__chunk_id")


def legacy(*chunk_ids: Any, **more: Any) -> dict[str, Any]:
    return {"chunk_ids": list(chunk_ids), **more}


CODES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no chunk id": (
        {"symbol_sets": [{}]},
        "invalid_chunk_ids",
        "symbol_sets__0__chunk_id",
    ),
    "an empty chunk id": (ask(chunk_id=""), "invalid_chunk_ids", "symbol_sets__0__chunk_id"),
    "an empty legacy chunk id": (legacy("a", ""), "invalid_chunk_ids", "chunk_ids__1"),
    "a chunk id twice": (legacy("a", "a"), "invalid_chunk_ids", None),
    "a chunk id in both lists": (ask() | legacy("a"), "invalid_chunk_ids", None),
    "a hex id in two spellings": (legacy(HEX, HEX.lower()), "invalid_chunk_ids", None),
    "a chunk id that is a number": (legacy(7), "invalid_input", "chunk_ids__0"),
    "NUL": (ask(chunk_id="a\0"), "invalid_input", "symbol_sets__0__chunk_id"),
    "a lone surrogate": (ask(chunk_id="\ud800"), "invalid_input", "symbol_sets__0__chunk_id"),
    "2,049 bytes": (
        ask(chunk_id="x" + "\U0001f4a9" * 512),
        "max_length",
        "symbol_sets__0__chunk_id",
    ),
    "1,001 sets": (legacy(*map(str, range(MAX_SETS)), **ask()), "max_length", None),
    "a malformed release": (
        ask(release_id="x"),
        "invalid_release_id",
        "symbol_sets__0__release_id",
    ),
    "a release that is a number": (
        ask(release_id=7),
        "invalid_release_id",
        "symbol_sets__0__release_id",
    ),
    "a malformed legacy release": (
        legacy("a", release_id="x"),
        "invalid_release_id",
        "release_id",
    ),
    "both flags": (ask(FORCE | SKIP), "invalid_conflict_handling", None),
    "a flag that is none": (ask({"force": "maybe"}), "invalid_input", "force"),
    "sets that are no list": ({"symbol_sets": {}}, "not_a_list", "symbol_sets"),
    "chunk ids that are no list": ({"chunk_ids": "a"}, "not_a_list", "chunk_ids"),
    "a set that is no object": ({"symbol_sets": ["a"]}, "invalid_input", "symbol_sets__0"),
    "a token that is a number": (
        ask(content_hash=7),
        "invalid_input",
        "symbol_sets__0__content_hash",
    ),
    "NUL in a token": (
        ask(content_hash="\0"),
        "invalid_input",
        "symbol_sets__0__content_hash",
    ),
    "one byte too many": (
        ask(content_length=MAX_BYTES + 1),
        "file_too_large",
        "symbol_sets__0__content_length",
    ),
    "no bytes": (ask(content_length=0), "min_value", "symbol_sets__0__content_length"),
    "a length that is text": (
        ask(content_length="7"),
        "invalid_input",
        "symbol_sets__0__content_length",
    ),
    "a length that is a flag": (
        ask(content_length=True),
        "invalid_input",
        "symbol_sets__0__content_length",
    ),
}


@pytest.mark.parametrize(("body", "code", "attr"), CODES.values(), ids=CODES.keys())
def test_a_bad_request_is_refused_with_its_code_and_field(
    body: dict[str, Any], code: str, attr: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        read_upload_request(body)
    assert (refused.value.code, refused.value.attr) == (code, attr)


@pytest.mark.parametrize("body", [{}, {"symbol_sets": None}, {"chunk_ids": [], "release_id": "x"}])
def test_a_request_may_want_nothing(body: dict[str, Any]) -> None:
    assert read_upload_request(body).wanted == ()


def test_both_forms_are_read_together_in_order() -> None:
    item = {"chunk_id": "b", "release_id": None, "content_hash": "t", "content_length": MAX_BYTES}
    request = read_upload_request(
        {"symbol_sets": [item], **legacy(HEX, "Chunk"), "release_id": str(RELEASE)}
    )
    first, second, third = request.wanted
    assert (first.ref, first.release_id, first.content_hash) == ("b", None, "t")
    assert first.content_length == MAX_BYTES
    assert (second.chunk_id, second.ref, second.release_id) == (HEX, HEX.lower(), RELEASE)
    assert (third.chunk_id, third.ref) == ("Chunk", "Chunk")
    assert (second.content_hash, second.content_length) == (None, None)


def test_the_longest_ref_and_the_most_sets_fit() -> None:
    names = ["\U0001f4a9" * 512, *map(str, range(MAX_SETS - 1))]
    assert len(read_upload_request(legacy(*names)).wanted) == MAX_SETS


FLAGS = {True: True, "true": True, "1": True, False: False, "false": False, "0": False, "": False}


@pytest.mark.parametrize(("sent", "meant"), [*FLAGS.items(), (None, False)], ids=repr)
def test_flags_come_as_json_or_as_form_text(sent: object, meant: bool) -> None:
    assert read_upload_request(ask({"force": sent})).force is meant
    assert read_upload_request(ask({"skip_on_conflict": sent})).skip_on_conflict is meant
