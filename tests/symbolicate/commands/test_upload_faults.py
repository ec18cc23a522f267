"""`symbolicate upload` when servers and disks misbehave: nothing is lost or left unsaid."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import Result

if TYPE_CHECKING:
    from tests.symbolicate.commands.conftest import ScriptedServer

Run = Callable[..., Result]
Many = Callable[[int], list[str]]


def outcomes(result: Result) -> list[str]:
    """The lines of the files, without the summary."""
    return [line.removeprefix("dist/") for line in result.stdout.splitlines()[:-1]]


def report(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("part", ["start", "finish"])
def test_a_set_that_is_refused_costs_the_others_nothing(
    run: Run, target: ScriptedServer, many: Many, part: str
) -> None:
    ids = many(3)
    target.refuse(f"bulk_{part}_upload", 400, "invalid_symbol_set", when=ids[1])
    result = run("upload", "dist")
    assert result.exit_code == 1
    assert sorted(outcomes(result)) == [
        "000.js: uploaded",
        "001.js: failed: the server answered 400: because invalid_symbol_set",
        "002.js: uploaded",
    ]
    assert sorted(target.sets) == sorted([ids[0], ids[2]])


@pytest.mark.parametrize(("refused", "taken"), [("PUT", "POST"), ("POST", "PUT")])
def test_a_storage_that_does_not_know_one_way_gets_the_bytes_the_other_way(
    run: Run, target: ScriptedServer, many: Many, refused: str, taken: str
) -> None:
    (chunk_id,) = many(1)
    url = f"{target.address}/bytes/{chunk_id}"
    ways: dict[str, dict[str, Any]] = {
        "PUT": {"presigned_put_url": url},
        "POST": {"presigned_url": {"url": url, "fields": {}}},
    }
    fallback = {f"fallback_{name}": value for name, value in ways[taken].items()}
    started = {"symbol_set_id": chunk_id, **ways[refused], **fallback}
    target.always("bulk_start_upload", 201, {"id_map": {chunk_id: started}})
    target.next("/bytes/", 501, method=refused)
    assert run("upload", "dist").exit_code == 0
    sent = [sent.method for sent in target.sent if "/bytes/" in sent.path]
    assert sent == [refused, taken]


def test_a_put_comes_before_a_form_which_has_the_fields_first(
    run: Run, target: ScriptedServer, many: Many
) -> None:
    (chunk_id,) = many(1)
    target.next("/bytes/", 501)
    assert run("upload", "dist").exit_code == 0
    put, form = (sent for sent in target.sent if "/bytes/" in sent.path)
    assert (put.method, form.method) == ("PUT", "POST")
    assert form.body.index(b'name="policy"') < form.body.index(b'name="file"')
    assert put.body in form.body
    assert chunk_id in target.sets


@pytest.mark.parametrize("part", ["bulk_start_upload", "/bytes/", "bulk_finish_upload"])
@pytest.mark.parametrize("status", [0, 500, 503, 429])
def test_a_bad_moment_costs_nothing(
    run: Run, target: ScriptedServer, many: Many, part: str, status: int
) -> None:
    ids = many(2)
    target.next(part, status, status)
    assert run("upload", "dist").exit_code == 0
    assert sorted(target.sets) == sorted(ids)


def test_an_address_that_expired_is_asked_for_again(
    run: Run, target: ScriptedServer, many: Many
) -> None:
    (chunk_id,) = many(1)
    target.next("/bytes/", 403, 403)
    assert outcomes(run("upload", "dist")) == ["000.js: uploaded"]
    assert target.paths().count("POST bulk_start_upload") == 2
    assert chunk_id in target.sets


def test_a_set_that_the_storage_refuses_fails_alone(
    run: Run, target: ScriptedServer, many: Many
) -> None:
    ids = many(2)
    target.always(f"/bytes/{ids[0]}", 413)
    result = run("upload", "dist", "--delete-after")
    assert outcomes(result) == [
        "000.js: failed: the storage answered 413: said",
        "001.js: uploaded",
    ]
    assert (result.exit_code, list(target.sets)) == (1, ids[1:])
    assert Path("dist/000.js.map").exists()


@pytest.mark.parametrize("part", ["bulk_start_upload", "bulk_finish_upload"])
@pytest.mark.parametrize("status", [0, 500])
def test_a_server_that_dies_leaves_an_outcome_for_every_file_and_every_map(
    run: Run, target: ScriptedServer, many: Many, part: str, status: int
) -> None:
    many(120)
    target.until(part, 2, status)
    result = run("upload", "dist", "--delete-after")
    assert result.exit_code == 3
    assert result.stdout.endswith("50 uploaded, 0 present, 0 skipped, 70 failed\n")
    assert len(outcomes(result)) == 120
    assert result.stderr.count("\n") == 1
    assert len(target.sets) == 50
    assert len(list(Path("dist").glob("*.map"))) == 70


@pytest.mark.parametrize("status", [401, 403, 404, 405, 301])
def test_a_server_that_lets_nobody_in_ends_the_run_at_once(
    run: Run, target: ScriptedServer, many: Many, status: int
) -> None:
    many(60)
    target.always(
        "/api/", status, {"code": "c", "detail": "no entry"}, Location="https://else.test"
    )
    result = run("upload", "dist")
    said = "moved to https://else.test" if status == 301 else "no entry"
    assert (result.exit_code, len(target.sent)) == (2, 1)
    assert result.stderr == f"Error: the server answered {status}: {said}\n"
    assert result.stdout.endswith("0 uploaded, 0 present, 0 skipped, 60 failed\n")


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[" * 100_000, [], {"id_map": {"x": {"symbol_set_id": "y"}}}, {"id_map": [1]}],
)
def test_an_answer_of_something_else_is_not_taken_for_success(
    run: Run, target: ScriptedServer, many: Many, body: Any
) -> None:
    many(1)
    target.always("bulk_start_upload", 201, body)
    result = run("upload", "dist")
    assert (result.exit_code, outcomes(result)[0][:14]) == (2, "000.js: failed")


def test_a_map_that_cannot_be_deleted_is_a_failure(
    run: Run, target: ScriptedServer, many: Many, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(1)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".map":
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    result = run("upload", "dist", "--delete-after")
    said = "failed: uploaded, but the map cannot be deleted: Permission denied"
    assert (result.exit_code, outcomes(result)) == (1, [f"000.js: {said}"])


def test_a_release_that_another_build_makes_meanwhile_is_taken(
    run: Run, target: ScriptedServer, many: Many
) -> None:
    many(1)
    target.next("/releases/hash/", 404)
    target.always("/releases/hash/", 200, {"id": "r2"})
    target.refuse("/releases", 400, "release_hash_in_use")
    assert report(run("upload", "dist", "--release", "a@1", "--json"))["release_id"] == "r2"


def test_a_server_that_is_not_there_is_out_of_reach(
    run: Run, target: ScriptedServer, many: Many
) -> None:
    many(1)
    result = run("upload", "dist", "--host", "http://127.0.0.1:1")
    assert result.exit_code == 3
    assert "127.0.0.1:1" in result.stderr
