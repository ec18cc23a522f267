"""`symbolicate upload` against real servers, on every pair of stores."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from symbolicate.cli import main
from symbolicate.formats.container import read_container

if TYPE_CHECKING:
    from tests.api.conftest import Api

BUNDLES = Path(__file__).resolve().parents[2] / "fixtures"
MAP = json.dumps({"version": 3, "sources": ["a.ts"], "names": [], "mappings": "AAAA"})
PLAIN = "js-esbuild/out/plain/app.js"

Upload = Callable[..., Result]


@pytest.fixture
def upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upload:
    """Runs the command in a folder of its own, with the server and its key in the environment."""
    folder = tmp_path / "build"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(api: Api, *arguments: str, key: str | None = None) -> Result:
        environment = {
            "SYMBOLICATE_API_KEY": key or api.key,
            "SYMBOLICATE_HOST": api.address,
            "SYMBOLICATE_PROJECT": "@current",
            "no_proxy": "127.0.0.1",
        }
        result = CliRunner().invoke(main, ["upload", *arguments], env=environment)
        assert api.key not in result.output
        return result

    return run


def copy_bundle(name: str) -> Path:
    """Copies a bundle of the fixtures with its map into the working directory."""
    for file in (BUNDLES / name, Path(f"{BUNDLES / name}.map")):
        Path(file.name).write_bytes(file.read_bytes())
    return Path(Path(name).name)


def chunk_id_of(result: Result) -> str:
    (file,) = json.loads(result.stdout)["files"]
    return str(file["chunk_id"])


def write_bundles(count: int) -> list[str]:
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for number, chunk_id in enumerate(ids):
        path = Path(f"{number:03}.js")
        path.write_text(f"f({number})\n//# chunkId={chunk_id}\n//# sourceMappingURL={path}.map")
        Path(f"{path}.map").write_text(MAP)
    return ids


def test_an_injected_bundle_arrives_and_its_frames_resolve(any_api: Api, upload: Upload) -> None:
    path = copy_bundle(PLAIN)
    width = -len(path.read_text())
    result = upload(any_api, ".", "--inject", "--json", "--release", "@acme/shop@1")
    assert result.exit_code == 0, result.output
    chunk_id = chunk_id_of(result)
    width += len(path.read_text()) - len(f"\n//# chunkId={chunk_id}")
    crashes = json.loads((BUNDLES / PLAIN).with_name("crash.json").read_text("utf-8"))
    wanted = [frame for crash in crashes for frame in crash["frames"] if frame["expected"]]
    raw = [raw_frame(frame, chunk_id, width) for frame in wanted]
    found = any_api.symbolicator.resolve(1, raw)
    answers = [(frame.contents["source"], frame.contents["line"]) for (frame,) in found]
    assert answers == [(f["expected"]["source"], f["expected"]["line"]) for f in wanted]
    listed = any_api.get("/symbol_sets", params={"ref": chunk_id}).json()["results"]
    assert [(one["has_uploaded_file"], one["release"]["project"]) for one in listed] == [
        (True, "@acme/shop")
    ]


def test_a_hermes_map_arrives_and_its_frames_resolve(any_api: Api, upload: Upload) -> None:
    folder = BUNDLES / "hermes-metro/out"
    result = upload(any_api, str(folder), "--json")
    assert result.exit_code == 0, result.output
    chunk_id = chunk_id_of(result)
    frames = [
        frame
        for crash in json.loads((folder / "crash.json").read_text("utf-8"))
        for frame in crash["frames"]
        if frame["expected"] and frame["expected"]["source"]
    ]
    raw = [
        {
            "platform": "hermes",
            "function": frame["function"],
            "filename": "app.hbc",
            "colno": frame["offset"],
            "chunk_id": chunk_id,
        }
        for frame in frames
    ]
    answers = [
        (frame.contents["source"], frame.contents["line"])
        for (frame,) in any_api.symbolicator.resolve(1, raw)
    ]
    assert answers == [(f["expected"]["source"], f["expected"]["line"]) for f in frames]
    assert upload(any_api, str(folder)).stdout.endswith(
        "0 uploaded, 1 present, 0 skipped, 0 failed\n"
    )


def raw_frame(frame: dict[str, Any], chunk_id: str, width: int) -> dict[str, Any]:
    """The frame as the injected bundle sends it: what was on its first line is further right."""
    column = frame["column"] + (width if frame["line"] == 1 else 0)
    place = {"filename": "https://shop.test/app.js", "lineno": frame["line"], "colno": column}
    name = {"function": frame["function"] or "?", "platform": "web:javascript"}
    return {**place, **name, "chunk_id": chunk_id, "in_app": True}


def test_many_bundles_arrive_once_and_a_repeated_run_sends_none(
    any_api: Api, upload: Upload
) -> None:
    ids = write_bundles(120)
    first = upload(any_api, ".")
    assert first.stdout.endswith("120 uploaded, 0 present, 0 skipped, 0 failed\n")
    assert any_api.get("/symbol_sets", params={"status": "valid"}).json()["count"] == 120
    again = upload(any_api, ".")
    assert again.stdout.endswith("0 uploaded, 120 present, 0 skipped, 0 failed\n")
    assert again.exit_code == 0
    (one,) = any_api.get("/symbol_sets", params={"ref": ids[7]}).json()["results"]
    url = any_api.get(f"/symbol_sets/{one['id']}/download").json()["url"]
    container = read_container(any_api.http.get(url, headers={"Authorization": ""}).content)
    assert container.source == Path("007.js").read_bytes()


def test_a_dry_run_leaves_nothing_on_the_server(api: Api, upload: Upload) -> None:
    write_bundles(2)
    result = upload(api, ".", "--dry-run", "--release", "shop@1")
    assert result.stdout.endswith("0 failed, 2 would be uploaded\n")
    assert api.get("/symbol_sets").json()["count"] == 0
    assert api.get("/releases").json()["count"] == 0


def test_other_content_needs_a_word_and_then_replaces(api: Api, upload: Upload) -> None:
    write_bundles(2)
    upload(api, ".")
    Path("000.js").write_text(f"changed();{Path('000.js').read_text()}")
    refused = upload(api, ".")
    assert (refused.exit_code, refused.stdout.count("present\n")) == (1, 1)
    assert "--force replaces it" in refused.stdout
    kept = upload(api, ".", "--skip-on-conflict")
    assert (kept.exit_code, kept.stdout.count("present\n")) == (0, 2)
    forced = upload(api, ".", "--force")
    assert (forced.exit_code, forced.stdout.count("uploaded\n")) == (0, 1)


def test_a_set_of_another_release_is_replaced_without_naming_one(api: Api, upload: Upload) -> None:
    write_bundles(1)
    upload(api, ".", "--release", "shop@1")
    Path("000.js").write_text(f"changed();{Path('000.js').read_text()}")
    for flag in ("--force", "--skip-on-conflict"):
        refused = upload(api, ".", "--release", "shop@2", flag)
        assert refused.exit_code == 1
        assert "--force moves no set to another release: upload without one" in refused.stdout
    assert upload(api, ".", "--force").stdout.startswith("000.js: uploaded")


def test_a_run_that_deleted_its_maps_can_be_repeated(api: Api, upload: Upload) -> None:
    copy_bundle(PLAIN)
    for said in ("injected, uploaded", "present: its map is gone"):
        result = upload(api, ".", "--inject", "--delete-after", "--release", "shop@1")
        assert (result.exit_code, result.stdout.splitlines()[0]) == (0, f"app.js: {said}")


def test_a_set_stays_with_its_release_and_an_equal_one_is_present(api: Api, upload: Upload) -> None:
    write_bundles(1)
    assert upload(api, ".").exit_code == 0
    for release in ("shop@1", "shop@2"):
        result = upload(api, ".", "--release", release)
        assert "present" in result.stdout, result.stdout
    (one,) = api.get("/symbol_sets").json()["results"]
    assert one["release"]["version"] == "1"


@pytest.mark.parametrize(
    ("scopes", "code", "said"),
    [
        (("error_tracking:read",), 2, "error_tracking:write"),
        (("error_tracking:write",), 0, ""),
    ],
)
def test_a_key_needs_the_scope(
    api: Api, upload: Upload, scopes: tuple[str, ...], code: int, said: str
) -> None:
    write_bundles(1)
    key = api.symbolicator.keys.create(1, scopes)
    result = upload(api, ".", key=key)
    assert result.exit_code == code
    assert said in result.stderr
    assert key not in result.output


def test_a_project_of_others_ends_the_run_with_an_outcome_for_each_file(
    api: Api, upload: Upload
) -> None:
    write_bundles(2)
    result = upload(api, ".", "--project", "77")
    assert (result.exit_code, result.stdout.count("failed: the server answered 403")) == (2, 2)
