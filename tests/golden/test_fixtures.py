"""The committed bundles, maps and crashes agree with each other and with a second resolver."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from symbolic.sourcemap import SourceMapView

Json = dict[str, Any]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FOLDERS = sorted(
    path for path in FIXTURES.iterdir() if path.is_dir() and (path / "README.md").is_file()
)
PLACE = ("source", "line", "column")


class Bundle(NamedTuple):
    """A bundle, its number of application frames, and how many of them its map gets right."""

    file: str
    frames: int
    exact: int

    @property
    def path(self) -> Path:
        return FIXTURES / self.file


BUNDLES = [
    Bundle("js-esbuild/out/plain/app.js", 25, 25),
    Bundle("js-esbuild/out/chunk-id/app.js", 25, 25),
    Bundle("js-rollup/out/plain/app.mjs", 25, 23),
    Bundle("js-rollup/out/chunk-id/app.mjs", 25, 23),
    Bundle("js-rollup-plugin/out/event/app.mjs", 25, 23),
    Bundle("js-rollup-plugin/out/symbol-set/app.mjs", 25, 23),
    Bundle("js-browser/out/app.js", 33, 33),
]
each_bundle = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.file)
each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def application_frames(bundle: Bundle) -> list[Json]:
    crashes = load(bundle.path.parent / "crash.json")
    frames = [frame for crash in crashes for frame in crash["frames"]]
    return [frame for frame in frames if frame["file"] == bundle.path.name]


@cache
def view(path: Path) -> SourceMapView:
    return SourceMapView.from_json_bytes(Path(f"{path}.map").read_bytes())


def symbolic_says(path: Path, line: int, column: int) -> Json:
    token = view(path).lookup(line - 1, column - 1)
    assert token is not None
    return {"source": token.src, "line": token.src_line + 1, "column": token.src_col + 1}


def place(position: Json) -> Json:
    return {name: position[name] for name in PLACE}


def utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_every_fixture_folder_has_a_readme() -> None:
    folders = {path.name for path in FIXTURES.iterdir() if not path.name.startswith((".", "_"))}
    assert folders == {folder.name for folder in FOLDERS}


@each_folder
def test_every_readme_names_recipe_tools_and_licence(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "\n## Recipe\n" in text
    assert re.search(r"^Tools?\b|Tool versions:", text, re.MULTILINE)
    assert re.search(r"^Licence: MIT", text, re.MULTILINE)


@each_folder
def test_every_recipe_is_a_script_that_exists(folder: Path) -> None:
    recipe = (folder / "README.md").read_text(encoding="utf-8").partition("## Recipe")[2]
    named = re.findall(r"(?:\.\./|\./)[\w./-]+\.(?:sh|py)\b", recipe)
    assert named
    assert all((folder / script).is_file() for script in named)


@each_bundle
def test_crash_has_every_application_frame(bundle: Bundle) -> None:
    frames = application_frames(bundle)
    assert len(frames) == bundle.frames
    assert all(frame["expected"] and frame["truth"] for frame in frames)


@each_bundle
def test_expected_equals_the_truth_wherever_the_map_allows_it(bundle: Bundle) -> None:
    frames = application_frames(bundle)
    wrong = [f for f in frames if place(f["expected"]) != place(f["truth"])]
    assert len(frames) - len(wrong) == bundle.exact
    assert [(f["truth"]["line"], f["expected"]["line"]) for f in wrong] in (
        [],
        [(27, 26), (41, 40)],
    )


@each_bundle
def test_frames_outside_the_bundle_have_no_answer(bundle: Bundle) -> None:
    for crash in load(bundle.path.parent / "crash.json"):
        for frame in crash["frames"]:
            if frame["file"] != bundle.path.name:
                assert frame["expected"] is frame["truth"] is None
                assert frame["file"] is None or frame["file"].startswith("node:")


@each_bundle
def test_symbolic_agrees_with_every_expected(bundle: Bundle) -> None:
    for frame in application_frames(bundle):
        answer = symbolic_says(bundle.path, frame["line"], frame["column"])
        assert answer == place(frame["expected"])


@each_bundle
def test_map_parses_and_holds_the_source_of_every_frame(bundle: Bundle) -> None:
    source_map = load(Path(f"{bundle.path}.map"))
    assert source_map["version"] == 3
    contents = dict(zip(source_map["sources"], source_map["sourcesContent"], strict=True))
    for frame in application_frames(bundle):
        truth = frame["truth"]
        line = contents[truth["source"]].split("\n")[truth["line"] - 1]
        assert 1 <= truth["column"] <= utf16_units(line)


@each_bundle
def test_map_embeds_the_committed_source(bundle: Bundle) -> None:
    source_map = load(Path(f"{bundle.path}.map"))
    for source, content in zip(source_map["sources"], source_map["sourcesContent"], strict=True):
        name = source.rpartition("/")[2]
        file = bundle.path.parents[1] / "src" / name
        if not file.is_file():
            file = FIXTURES / "js-app/src" / name
        assert file.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    ("file", "chunk_id"),
    [
        ("js-esbuild/out/plain/app.js", None),
        ("js-rollup/out/plain/app.mjs", None),
        ("js-rollup-plugin/out/event/app.mjs", "11d76ed3-b39f-5934-9750-257837a7d00b"),
        ("js-rollup-plugin/out/symbol-set/app.mjs", "55e4d2a0-93e3-4fef-9aff-c66a5654ba86"),
        ("js-browser/out/app.js", "75882292-fd45-5476-827d-7d23f6477db0"),
        ("js-browser/out/banner.js", "cd4c5f93-9c14-5fd3-bf19-4169b7cb03cf"),
    ],
)
def test_chunk_id_stands_in_the_bundle_and_not_in_its_map(file: str, chunk_id: str | None) -> None:
    text = (FIXTURES / file).read_text(encoding="utf-8")
    comment = re.findall(r"^//# chunkId=(\S+)$", text, re.MULTILINE)
    registered = re.findall(r'_posthogChunkIds.*?\[\w\]="([^"]+)"', text)
    assert comment == registered == ([] if chunk_id is None else [chunk_id])
    assert not {"chunk_id", "debugId"} & set(load(FIXTURES / f"{file}.map"))


@pytest.mark.parametrize(
    "file", ["js-esbuild/out/chunk-id/app.js", "js-rollup/out/chunk-id/app.mjs"]
)
def test_adopted_debug_id_is_the_chunk_id_everywhere(file: str) -> None:
    text = (FIXTURES / file).read_text(encoding="utf-8")
    source_map = load(FIXTURES / f"{file}.map")
    assert source_map["chunk_id"] == source_map["debugId"]
    assert f'_posthogChunkIds[n]="{source_map["chunk_id"]}"' in text
    assert text.endswith(f"//# debugId={source_map['debugId']}\n")


def test_browser_columns_are_utf16_units_right_of_astral_text() -> None:
    bundle = BUNDLES[-1]
    crashes = {crash["label"]: crash for crash in load(bundle.path.parent / "crash.json")}
    frame = crashes["unicode-typeerror"]["frames"][0]
    minified = bundle.path.read_text(encoding="utf-8").split("\n")[frame["line"] - 1]
    original = (FIXTURES / "js-browser/src/greet.ts").read_text(encoding="utf-8").split("\n")
    for line, column, word in (
        (minified, frame["column"], "label"),
        (original[frame["truth"]["line"] - 1], frame["truth"]["column"], "label"),
    ):
        units = line.encode("utf-16-le")[2 * (column - 1) :].decode("utf-16-le")
        assert units.startswith(word)
        assert not line[column - 1 :].startswith(word)
        assert not line.encode()[column - 1 :].startswith(word.encode())
