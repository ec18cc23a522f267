"""Rows 37–39 of the conformance table: symbol sets, listed, handed out and cleared away."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import update

from symbolicate.database.tables import stack_frame, symbol_set
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.symbolicator import Symbolicator

if TYPE_CHECKING:
    from tests.api.conformance.conftest import Row

KEYS = [
    "id",
    "ref",
    "team_id",
    "created_at",
    "last_used",
    "failure_reason",
    "has_uploaded_file",
    "release",
]
DELETE = "/symbol_sets/bulk_delete"


def refs(row: Row, **given: Any) -> list[str]:
    page = row.got("/symbol_sets", **given)
    assert page["count"] == len(page["results"])
    return [one["ref"] for one in page["results"]]


def test_row_37_sets_are_the_teams_own_and_show_no_secret(quiet: Row) -> None:
    own, theirs = quiet.upload("own"), quiet.upload("theirs", team=2)
    quiet.clock.forward(seconds=1)
    quiet.start("pending")
    for answer in quiet.each("GET", "/symbol_sets"):
        assert [one["ref"] for one in answer.json()["results"]] == ["pending", "own"]
        assert all(list(one) == KEYS for one in answer.json()["results"])
    shown = quiet.got(f"/symbol_sets/{own}")
    assert (shown["has_uploaded_file"], shown["failure_reason"]) == (True, None)
    assert refs(quiet, team=2) == ["theirs"]
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        quiet.api.refused(quiet.ask(method, f"/symbol_sets/{theirs}"), 404, "not_found")
    quiet.api.refused(quiet.get(f"/symbol_sets/{theirs}/download"), 404, "not_found")
    assert quiet.post(DELETE, {"ids": [theirs]}).json() == {"deleted": 0}
    assert refs(quiet, params={"status": "valid"}) == ["own"]
    assert refs(quiet, params={"status": "all", "order_by": "ref"}) == ["own", "pending"]
    quiet.api.refused(
        quiet.get("/symbol_sets", params={"status": "x"}), 400, "invalid_choice", "status"
    )
    odd = {"order_by": "storage_ptr"}
    quiet.api.refused(quiet.get("/symbol_sets", params=odd), 400, "invalid_choice", "order_by")
    assert quiet.got(f"/symbol_sets/{own}", params=odd) == shown
    before = quiet.rows(symbol_set)
    body = {"ref": "new", "storage_ptr": "x", "content_hash": "y", "team_id": 2}
    for method in ("PUT", "PATCH"):
        for answer in quiet.each(method, f"/symbol_sets/{own}", json=body):
            assert (answer.status_code, answer.json()) == (200, shown)
    assert quiet.rows(symbol_set) == before
    assert refs(quiet, team=2) == ["theirs"]


def test_row_37_a_set_that_cannot_be_read_is_invalid_and_says_why(row: Row) -> None:
    row.upload("good")
    started = row.start("bad")
    html = write_container(ContainerType.SOURCE_AND_MAP, source=b"x()", map=b"<html>404</html>")
    assert row.api.send(started, html).is_success
    assert row.finish(started["symbol_set_id"]).status_code == 201
    row.process(row.web("bad"))
    for answer in row.each("GET", "/symbol_sets", params={"status": "invalid"}):
        (shown,) = answer.json()["results"]
        assert (shown["ref"], shown["has_uploaded_file"]) == ("bad", True)
        assert shown["failure_reason"].startswith("Invalid source map: ")
    assert refs(row, params={"status": "valid"}) == ["good"]


def test_row_38_downloads_and_deletions_answer_in_the_envelope(quiet: Row) -> None:
    own = quiet.upload("own", "cart")
    pending = quiet.start("pending")["symbol_set_id"]
    for answer in quiet.each("GET", f"/symbol_sets/{own}/download"):
        assert (answer.status_code, list(answer.json())) == (200, ["url"])
        assert httpx.get(answer.json()["url"], timeout=30).content == quiet.bundle("cart")
    for answer in quiet.each("GET", f"/symbol_sets/{pending}/download"):
        sentence = quiet.api.refused(answer, 404, "not_found")
        assert sentence == "Symbol set has no uploaded file."
    for body, code, sentence, attr in (
        ({}, "required", "ids is required", "ids"),
        ({"ids": []}, "required", "ids is required", "ids"),
        ({"ids": "x"}, "not_a_list", "ids must be a list", "ids"),
        ({"ids": [own, "x"]}, "invalid_input", "", "ids__1"),
    ):
        told = quiet.api.refused(quiet.post(DELETE, body), 400, code, attr)
        assert sentence in ("", told)
    assert set(refs(quiet)) == {"own", "pending"}
    answer = quiet.post(DELETE, {"ids": [own, pending, str(uuid.uuid4())]})
    assert (answer.status_code, answer.json()) == (200, {"deleted": 2})
    assert refs(quiet) == []
    assert quiet.objects() == []
    single = quiet.upload("single")
    answer = quiet.delete(f"/symbol_sets/{single}")
    assert (answer.status_code, answer.content) == (204, b"")
    quiet.api.refused(quiet.delete(f"/symbol_sets/{single}"), 404, "not_found")


def store_ages(row: Row) -> tuple[str, str, str]:
    """Makes three sets, used 31 days ago, never used in 45 days, and new, with frames.

    Gives the raw ids of a resolved frame and of an unresolved one of the first set, and of an
    unresolved one of the second.
    """
    row.clock.forward(days=-45)
    row.upload("used")
    row.upload("unused")
    never_used = symbol_set.c.ref == "unused"
    row.clock.forward(days=14)
    resolved, failed = row.process(row.web("used"), row.web("used", lineno=2))
    row.clock.forward(days=31)
    row.upload("recent")
    waiting = row.process(row.web("unused", lineno=2))
    row.write(update(symbol_set).where(never_used).values(last_used=None))
    return resolved, failed, waiting[0]


def kept(row: Row) -> tuple[list[Any], list[str], list[Any]]:
    """Gives what is stored: sets with their object's key, objects, frames."""
    sets = [(one["ref"], one["storage_key"]) for one in row.rows(symbol_set)]
    return sets, row.objects(), [one["id"] for one in row.rows(stack_frame)]


def test_row_39_old_sets_go_with_their_failures_and_objects(quiet: Row) -> None:
    resolved, failed, waiting = store_ages(quiet)
    before = kept(quiet)
    retention = quiet.api.symbolicator.retention
    assert retention.run(dry_run=True).symbol_sets == 2
    assert kept(quiet) == before
    assert retention.run().symbol_sets == 2
    for answer in quiet.each("GET", "/symbol_sets"):
        assert [one["ref"] for one in answer.json()["results"]] == ["recent"]
    ((_, storage_key),), objects, _ = kept(quiet)
    assert objects == [storage_key]
    answer = quiet.post("/stack_frames/batch_get", {"raw_ids": [resolved, failed, waiting]})
    assert answer.json()["missing"] == [failed, waiting]
    (left,) = answer.json()["results"]
    assert (left["raw_id"], left["resolved"], left["symbol_set_ref"]) == (resolved, True, None)


def test_row_39_a_deployment_may_keep_what_was_never_used(quiet: Row) -> None:
    _, _, waiting = store_ages(quiet)
    settings = replace(quiet.api.symbolicator.settings, delete_unused=False)
    with Symbolicator(settings=settings, clock=quiet.clock) as deployment:
        assert deployment.retention.run().symbol_sets == 1
    for answer in quiet.each("GET", "/symbol_sets"):
        assert {one["ref"] for one in answer.json()["results"]} == {"recent", "unused"}
    quiet.batch([waiting])
