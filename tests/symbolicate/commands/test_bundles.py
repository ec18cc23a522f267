"""Bundles are found with their maps, each once, and what is not found says why."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from symbolicate.commands.bundles import Bundle, Found, HermesMap, Unusable, find_bundles

MAP = json.dumps({"version": 3, "sources": [], "names": [], "mappings": "", "file": "named.js"})
HERMES = json.dumps({**json.loads(MAP), "x_hermes_function_offsets": {"0": [0]}, "chunk_id": "c"})
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files by name below the working directory."""
    monkeypatch.chdir(tmp_path)

    def files(**texts: str) -> None:
        for name, text in texts.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return files


def names(address: str) -> str:
    return f"a()\n//# sourceMappingURL={address}\n"


def found(*paths: str) -> list[Found]:
    return find_bundles(map(Path, paths or ("dist",)))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("a.js.map", "a.js.map"),
        ("maps/a.map", "maps/a.map"),
        ("../maps/a.map", "../maps/a.map"),
        ("a%20b.map?v=1#x", "a b.map"),
        ("/static/js/a.js.map", "a.js.map"),
        ("https://cdn.test/x/a.js.map?v=2", "a.js.map"),
        ("//cdn.test/a.js.map", "a.js.map"),
        ("gone.map", "a.js.map"),
        ("x" * 5000, "a.js.map"),
        ("a%00b", "a.js.map"),
    ],
)
def test_the_map_is_the_one_that_the_comment_names_else_the_one_beside(
    write: Write, address: str, place: str
) -> None:
    write(**{"dist/a.js": names(address), f"dist/{place}": MAP})
    (bundle,) = (item for item in found() if isinstance(item, Bundle))
    assert bundle.map is not None
    assert bundle.map.resolve() == Path("dist", place).resolve()


def test_a_script_without_a_comment_has_the_map_beside_it(write: Write) -> None:
    write(**{"dist/a.cjs": "a()", "dist/a.cjs.map": MAP})
    assert found() == [Bundle(Path("dist/a.cjs"), Path("dist/a.cjs.map"))]


def test_a_map_inside_the_script_is_no_file(write: Write) -> None:
    inline = base64.b64encode(MAP.encode()).decode()
    write(**{"dist/a.js": names(f"data:application/json;base64,{inline}")})
    assert found() == [Bundle(Path("dist/a.js"), None)]


def test_folders_are_searched_to_the_bottom_but_for_node_modules(write: Write) -> None:
    for folder in ("dist", "dist/b/c", "dist/node_modules/x", "dist/b/node_modules"):
        write(**{f"{folder}/a.mjs": "a()", f"{folder}/a.mjs.map": MAP, f"{folder}/a.css": "x"})
    scripts = [item.script for item in found() if isinstance(item, Bundle)]
    assert scripts == [Path("dist/a.mjs"), Path("dist/b/c/a.mjs")]
    assert len(found()) == 2


@pytest.mark.parametrize(
    "paths",
    [
        ("dist", "dist"),
        ("dist/a.js", "dist"),
        ("dist/a.js.map", "dist/a.js"),
        ("dist/../dist/a.js",),
    ],
)
def test_each_script_comes_once(write: Write, paths: tuple[str, ...]) -> None:
    write(**{"dist/a.js": names("a.js.map"), "dist/a.js.map": MAP})
    (bundle,) = found(*paths)
    assert isinstance(bundle, Bundle)
    assert (bundle.script.name, bundle.map and bundle.map.name) == ("a.js", "a.js.map")


@pytest.mark.parametrize(
    ("script", "source_map"), [("dist/a.js", "dist/a.js.map"), ("dist/named.js", "dist/other.map")]
)
def test_a_map_that_is_named_finds_its_script(write: Write, script: str, source_map: str) -> None:
    write(**{script: "a()", source_map: MAP})
    assert found(source_map) == [Bundle(Path(script), Path(source_map))]


def test_a_map_that_a_script_claims_elsewhere_is_not_listed_again(write: Write) -> None:
    write(**{"dist/a.js": names("maps/b.js.map"), "dist/maps/b.js.map": MAP})
    assert found() == [Bundle(Path("dist/a.js"), Path("dist/maps/b.js.map"))]


@pytest.mark.parametrize(
    ("files", "path", "said", "is_wrong"),
    [
        pytest.param(
            {"dist/a.js": "a()"},
            "dist",
            "no map (it names none, and there is no a.js.map",
            False,
            id="a script that names no map",
        ),
        pytest.param(
            {"dist/a.js": names("b.map")},
            "dist",
            "no map (its comment names b.map, which is",
            False,
            id="a script whose map is gone",
        ),
        pytest.param(
            {"dist/a.js.map": MAP},
            "dist",
            "no script (there is no a.js beside it)",
            False,
            id="a map without its script",
        ),
        pytest.param(
            {"a.js.map": MAP},
            "a.js.map",
            "no script (there is no a.js beside it)",
            True,
            id="a map that was named without its script",
        ),
        pytest.param({}, "gone.js", "no such file", True, id="a file that is not there"),
        pytest.param(
            {"a.png": "\x89PNG"},
            "a.png",
            "neither a script nor a source map",
            True,
            id="a file of another kind",
        ),
    ],
)
def test_what_cannot_be_used_says_why(
    write: Write, files: dict[str, str], path: str, said: str, is_wrong: bool
) -> None:
    write(**files)
    (item,) = found(path)
    assert isinstance(item, Unusable)
    assert said in item.why
    assert item.is_wrong is is_wrong


def test_a_folder_that_cannot_be_read_is_wrong(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(**{"dist/locked/a.js": "a()"})
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found() == [Unusable(Path("dist/locked"), "Permission denied", is_wrong=True)]


@pytest.mark.parametrize("path", ["dist", "dist/app.hbc.map"])
def test_a_hermes_map_needs_no_script(write: Write, path: str) -> None:
    write(**{"dist/app.hbc.map": HERMES, "dist/app.hbc": "bytecode", "dist/style.css.map": MAP})
    assert found(path) == [HermesMap(Path("dist/app.hbc.map"))]


@pytest.mark.parametrize(("path", "is_wrong"), [("dist", False), ("dist/app.hbc.map", True)])
def test_a_hermes_map_without_an_id_is_no_set(write: Write, path: str, is_wrong: bool) -> None:
    write(**{"dist/app.hbc.map": HERMES.replace("chunk_id", "other")})
    why = "a Hermes map without a chunk id"
    assert found(path) == [Unusable(Path("dist/app.hbc.map"), why, is_wrong)]


def test_a_script_without_its_map_still_tells_its_id(write: Write) -> None:
    write(**{"dist/a.js": "a()\n//# chunkId=one\n", "dist/b.js": f"//# chunkId=two\n{names('c')}"})
    assert [item.chunk_id for item in found() if isinstance(item, Unusable)] == ["one", "two"]


def test_a_map_may_be_named_although_another_script_beside_has_it_too(write: Write) -> None:
    write(**{"dist/a.js": names("a.js.map"), "dist/a.js.map": MAP, "other/a.js.map": MAP})
    (bundle, alone) = found("dist", "other/a.js.map")
    assert isinstance(bundle, Bundle)
    assert isinstance(alone, Unusable)
