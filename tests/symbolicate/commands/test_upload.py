"""`symbolicate upload`: one honest outcome a file, whatever the server does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import Result

from symbolicate.formats.container import read_container

if TYPE_CHECKING:
    from tests.symbolicate.commands.conftest import ScriptedServer

Run = Callable[..., Result]
WriteBundle = Callable[..., Path]
KEY = "phx_a-key-that-nobody-may-see"
Many = Callable[[int], list[str]]


def outcomes(result: Result) -> list[str]:
    """The lines of the files, without the summary."""
    return [line.removeprefix("dist/") for line in result.stdout.splitlines()[:-1]]


def report(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_what_is_uploaded_is_said_and_arrives(run: Run, target: ScriptedServer, many: Many) -> None:
    (chunk_id,) = many(1)
    result = run("upload", "dist")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "dist/000.js: uploaded\n1 uploaded, 0 present, 0 skipped, 0 failed\n"
    assert read_container(target.sets[chunk_id]).source == Path("dist/000.js").read_bytes()
    (start,) = (sent.json for sent in target.sent if sent.path.endswith("start_upload"))
    (wanted,) = start["symbol_sets"]
    assert wanted["content_length"] == len(target.sets[chunk_id])
    assert wanted["release_id"] is None
    assert (start["force"], start["skip_on_conflict"]) == (False, False)


def test_only_the_api_sees_the_key_and_nobody_prints_it(
    run: Run, target: ScriptedServer, many: Many
) -> None:
    many(1)
    assert run("upload", "dist").exit_code == 0
    for sent in target.sent:
        is_api = sent.path.startswith("/api/projects/1/")
        assert (sent.headers.get("Authorization") == f"Bearer {KEY}") is is_api
    target.always("bulk_start_upload", 400, {"code": "x", "detail": f"{'x' * 290} {KEY}"})
    result = run("upload", "dist", "--force")
    assert KEY[:8] not in result.stdout + result.stderr
    assert "failed: the server answered 400" in result.stdout


def test_repeating_an_upload_sends_nothing(run: Run, target: ScriptedServer, many: Many) -> None:
    many(2)
    run("upload", "dist")
    target.sent.clear()
    assert outcomes(run("upload", "dist")) == ["000.js: present", "001.js: present"]
    assert target.paths() == ["POST bulk_start_upload"]


def test_sets_go_in_batches_of_fifty(run: Run, target: ScriptedServer, many: Many) -> None:
    many(120)
    assert run("upload", "dist").stdout.endswith("120 uploaded, 0 present, 0 skipped, 0 failed\n")
    for name in ("start", "finish"):
        sizes = [
            len(next(iter(sent.json.values())))
            for sent in target.sent
            if sent.path.endswith(f"bulk_{name}_upload")
        ]
        assert sizes == [50, 50, 20]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("content_hash_mismatch", "(--force replaces it, --skip-on-conflict keeps it)"),
        ("release_id_mismatch", "(--force moves no set to another release: upload without one, or"),
    ],
)
def test_a_conflict_says_what_to_do_about_it(
    run: Run, target: ScriptedServer, many: Many, code: str, said: str
) -> None:
    many(1)
    target.refuse("bulk_start_upload", 400, code)
    assert said in run("upload", "dist").stdout


def test_help_names_the_variables_of_posthogs_program_too(run: Run) -> None:
    shown = run("upload", "--help").stdout
    for name in ("HOST", "PROJECT_ID", "API_KEY"):
        assert f"POSTHOG_CLI_{name}" in shown


@pytest.mark.parametrize(
    ("flag", "field"), [("--force", "force"), ("--skip-on-conflict", "skip_on_conflict")]
)
def test_flags_are_passed_on(
    run: Run, target: ScriptedServer, many: Many, flag: str, field: str
) -> None:
    many(1)
    run("upload", "dist", flag)
    assert target.sent[0].json[field] is True


@pytest.mark.parametrize("is_present", [False, True])
def test_maps_are_deleted_only_when_the_server_confirmed_them(
    run: Run, target: ScriptedServer, many: Many, is_present: bool
) -> None:
    many(1)
    if is_present:
        run("upload", "dist")
    assert run("upload", "dist", "--delete-after").exit_code == 0
    assert [path.name for path in Path("dist").iterdir()] == ["000.js"]


def test_a_map_that_may_not_be_the_stored_one_is_kept(
    run: Run, target: ScriptedServer, many: Many
) -> None:
    many(1)
    run("upload", "dist")
    run("upload", "dist", "--delete-after", "--skip-on-conflict")
    assert Path("dist/000.js.map").exists()


def test_a_dry_run_asks_and_changes_nothing(
    run: Run, target: ScriptedServer, many: Many, write_bundle: WriteBundle
) -> None:
    many(1)
    run("upload", "dist")
    target.sent.clear()
    script = write_bundle("dist/new.js", None)
    before = script.read_bytes()
    result = run("upload", "dist", "--inject", "--dry-run", "--delete-after", "--release", "a@1")
    assert outcomes(result) == [
        "000.js: present",
        "new.js: would be injected, would be uploaded",
    ]
    assert {path.split()[1] for path in target.paths()[1:]} == {"bulk_check_upload"}
    assert target.sent[0].method == "GET"
    assert script.read_bytes() == before
    assert len(list(Path("dist").glob("*.map"))) == 2


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("pay('dist/000.js');a().b()", "skipped: same as dist/000.js"),
        ("other()", "failed: another file has this chunk id: dist/000.js"),
    ],
)
def test_a_chunk_id_that_comes_twice_is_told(
    run: Run,
    target: ScriptedServer,
    many: Many,
    write_bundle: WriteBundle,
    code: str,
    outcome: str,
) -> None:
    (chunk_id,) = many(1)
    script = write_bundle("dist/copy/000.js", chunk_id.upper(), code)
    script.write_text(script.read_text().replace(chunk_id.upper(), chunk_id))
    result = run("upload", "dist")
    assert outcomes(result) == ["000.js: uploaded", f"copy/000.js: {outcome}"]
    assert len(target.sets) == 1


def test_an_id_in_other_case_is_the_same_id(
    run: Run, target: ScriptedServer, many: Many, write_bundle: WriteBundle
) -> None:
    (chunk_id,) = many(1)
    write_bundle("dist/copy.js", chunk_id.upper())
    result = run("upload", "dist")
    assert outcomes(result)[1] == "copy.js: failed: another file has this chunk id: dist/000.js"


def test_every_file_that_is_not_uploaded_says_why(
    run: Run, target: ScriptedServer, many: Many, write_bundle: WriteBundle
) -> None:
    many(1)
    write_bundle("dist/no-id.js", None)
    write_bundle("dist/bad.js", "x").with_name("bad.js.map").write_text("not json")
    Path("dist/vendor.js").write_text("a()")
    result = run("upload", "dist", "--json")
    shown = {
        item["path"]: (item["outcome"], item.get("why", "")) for item in report(result)["files"]
    }
    assert shown["dist/000.js"] == ("uploaded", "")
    assert shown["dist/vendor.js"][0] == "skipped"
    assert shown["dist/vendor.js"][1].startswith("no map (it names none")
    assert shown["dist/no-id.js"] == (
        "failed",
        "no chunk id or debug id in the script or its map (--inject gives one)",
    )
    assert "not JSON" in shown["dist/bad.js"][1]
    assert report(result)["counts"] == {"uploaded": 1, "present": 0, "skipped": 1, "failed": 2}
    assert result.exit_code == 1


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_nothing_found_is_a_failure_that_says_what_was_looked_for(
    run: Run, target: ScriptedServer, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    result = run("upload", "empty", *arguments)
    assert (result.exit_code, target.sent) == (1, [])
    assert "no .js, .mjs, .cjs file with a source map and no Hermes map in empty" in result.stderr
    assert not arguments or report(result)["files"] == []


def test_only_skipped_files_are_a_failure_that_is_said(run: Run, target: ScriptedServer) -> None:
    Path("a.js").write_text("a()")
    result = run("upload", "a.js")
    assert (result.exit_code, target.sent) == (1, [])
    assert result.stderr == "nothing was uploaded: every file was skipped\n"


def test_a_release_is_looked_up_then_made_and_every_set_bound_to_it(
    run: Run, target: ScriptedServer, many: Many
) -> None:
    many(1)
    target.always("/releases/hash/", 404)
    target.always("/releases", 201, {"id": "r1"})
    result = run("upload", "dist", "--release", "@acme/shop@1.2.3", "--json")
    assert report(result)["release_id"] == "r1"
    looked, made, start = target.sent[:3]
    body = made.json
    assert (body["project"], body["version"]) == ("@acme/shop", "1.2.3")
    assert looked.path.endswith(body["hash_id"])
    assert start.json["symbol_sets"][0]["release_id"] == "r1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dist", "--release", "shop"), "NAME@VERSION"),
        (("dist", "--release", "shop@"), "NAME@VERSION"),
        (("dist", "--force", "--skip-on-conflict"), "not both"),
        (("gone",), "does not exist"),
        (("dist", "--api-key", "phx_x"), "No such option"),
        ((), "Missing argument"),
        (("dist", "--host", "nowhere"), "is not like"),
    ],
)
def test_wrong_usage_is_said(
    run: Run, target: ScriptedServer, many: Many, arguments: tuple[str, ...], said: str
) -> None:
    many(1)
    result = run("upload", *arguments)
    assert (result.exit_code, target.sent) == (2, [])
    assert said in result.stderr
