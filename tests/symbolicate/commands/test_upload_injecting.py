"""`symbolicate upload --inject`: who gets which id, what is rewritten and when, and said of it."""

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
Files = dict[str, bytes]
TYPES_ONLY = {"sourcesContent": None, "mappings": ""}


def outcomes(result: Result) -> list[str]:
    """The lines of the files, without the summary."""
    return [line.removeprefix("dist/") for line in result.stdout.splitlines()[:-1]]


def contents() -> Files:
    return {path.name: path.read_bytes() for path in Path("dist").iterdir()}


@pytest.fixture
def write_twins(write_bundle: WriteBundle) -> Callable[..., None]:
    """Writes two bundles of the same code, compiled from sources of their own names."""

    def write(**fields: Any) -> None:
        for name in ("a", "b"):
            script = write_bundle(f"dist/{name}.js", None, "export {};")
            source_map = Path(f"{script}.map")
            said = {"sources": [f"{name}.ts"], **fields}
            source_map.write_text(json.dumps({**json.loads(source_map.read_bytes()), **said}))

    return write


Twins = Callable[..., None]


def test_a_file_says_that_it_was_injected(
    run: Run, target: ScriptedServer, write_bundle: WriteBundle
) -> None:
    write_bundle("dist/a.js", None)
    write_bundle("dist/b.js")
    result = run("upload", "dist", "--inject")
    assert outcomes(result) == ["a.js: injected, uploaded", "b.js: uploaded"]
    assert outcomes(run("upload", "dist", "--inject")) == ["a.js: present", "b.js: present"]


@pytest.mark.parametrize("fields", [TYPES_ONLY, {"sources": ["same.ts"], "file": "same.js"}])
def test_bundles_that_are_the_same_are_sent_once(
    run: Run, target: ScriptedServer, write_twins: Twins, fields: dict[str, Any]
) -> None:
    write_twins(**fields)
    planned = run("upload", "dist", "--inject", "--dry-run")
    assert outcomes(planned)[1] == "b.js: would be injected, skipped: same as dist/a.js"
    result = run("upload", "dist", "--inject")
    assert result.exit_code == 0
    assert outcomes(result) == [
        "a.js: injected, uploaded",
        "b.js: injected, skipped: same as dist/a.js",
    ]
    (chunk_id,) = target.sets
    assert f"chunkId={chunk_id}" in Path("dist/b.js").read_text()
    again = run("upload", "dist", "--inject", "--delete-after")
    assert outcomes(again) == ["a.js: present", "b.js: skipped: same as dist/a.js"]
    assert (again.exit_code, list(Path("dist").glob("*.map"))) == (0, [])


def test_the_same_code_of_other_sources_gets_an_id_of_its_own(
    run: Run, target: ScriptedServer, write_twins: Twins
) -> None:
    write_twins()
    result = run("upload", "dist", "--inject")
    assert outcomes(result) == ["a.js: injected, uploaded", "b.js: injected, uploaded"]
    sources = [json.loads(read_container(data).map)["sources"] for data in target.sets.values()]
    assert sources == [["a.ts"], ["b.ts"]]
    assert outcomes(run("upload", "dist", "--inject")) == ["a.js: present", "b.js: present"]


def test_other_content_under_one_debug_id_fails_and_is_left_alone(
    run: Run, target: ScriptedServer, write_twins: Twins
) -> None:
    write_twins(debugId="0193a5c2-7f4e-7d20-9c31-5a7e00c0ffee")
    before = contents()
    result = run("upload", "dist", "--inject")
    assert result.exit_code == 1
    assert outcomes(result)[1] == "b.js: failed: another file has this chunk id: dist/a.js"
    assert {name for name, data in contents().items() if data != before[name]} == {
        "a.js",
        "a.js.map",
    }


@pytest.mark.parametrize("status", [400, 401, 503])
def test_a_bundle_that_the_server_refuses_is_not_rewritten(
    run: Run, target: ScriptedServer, write_twins: Twins, status: int
) -> None:
    write_twins(**TYPES_ONLY)
    before = contents()
    target.always("bulk_start_upload", status)
    result = run("upload", "dist", "--inject")
    assert result.exit_code == {400: 1, 401: 2, 503: 3}[status]
    assert "injected" not in result.stdout
    assert contents() == before


def test_a_bundle_that_cannot_be_rewritten_is_not_uploaded(
    run: Run, target: ScriptedServer, write_bundle: WriteBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle("dist/a.js", None)

    def refuse(_source: str, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("symbolicate.commands.packing.os.replace", refuse)
    result = run("upload", "dist", "--inject")
    assert outcomes(result) == ["a.js: failed: cannot be injected: No space left on device"]
    assert (result.exit_code, target.sets) == (1, {})


def test_a_run_that_deleted_the_maps_can_be_repeated(
    run: Run, target: ScriptedServer, write_bundle: WriteBundle
) -> None:
    arguments = ("upload", "dist", "--inject", "--delete-after")
    write_bundle("dist/a.js", None)
    write_bundle("dist/b.js")
    assert run(*arguments).exit_code == 0
    target.sent.clear()
    again = run(*arguments)
    assert (again.exit_code, again.stderr) == (0, "")
    assert outcomes(again) == ["a.js: present: its map is gone", "b.js: present: its map is gone"]
    assert target.paths() == ["POST bulk_check_upload"]
    assert target.sent[0].json["skip_on_conflict"] is True
    del target.sets["0193a5c2-7f4e-7d20-9c31-5a7e00c0ffee"]
    assert outcomes(run(*arguments))[1].startswith("b.js: skipped: no map (its comment names")


@pytest.mark.parametrize(("status", "code"), [(400, 0), (404, 0), (503, 3)])
def test_a_server_that_cannot_tell_of_sets_costs_the_others_nothing(
    run: Run, target: ScriptedServer, write_bundle: WriteBundle, status: int, code: int
) -> None:
    write_bundle("dist/a.js")
    Path("dist/lib.js").write_text("a()\n//# debugId=0193a5c2-7f4e-7d20-9c31-5a7e00c0ffee\n")
    target.always("bulk_check_upload", status)
    result = run("upload", "dist")
    assert (result.exit_code, "a.js: uploaded" in result.stdout) == (code, code == 0)
    assert ("lib.js: skipped: no map (it names none" in result.stdout) is (code == 0)


@pytest.mark.parametrize("status", [401, 404])
def test_a_server_that_lets_nobody_in_is_not_taken_for_one_that_cannot_tell(
    run: Run, target: ScriptedServer, status: int
) -> None:
    Path("lib.js").write_text("a()\n//# debugId=0193a5c2-7f4e-7d20-9c31-5a7e00c0ffee\n")
    target.always("bulk_check_upload", status)
    assert run("upload", "lib.js").exit_code == 2
