"""Unpacking: names are data, nothing lands outside the folder, nothing is replaced."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from symbolicate.formats.container import ContainerType, write_container

Run = Callable[..., Any]
MAP = b'{"version":3,"sources":[],"names":[],"mappings":""}'


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def tree(folder: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


MEMBERS = {"dwarf": b"binary", "__source/manifest.json": b"{}", "__source/0": b"text"}


@pytest.mark.parametrize(
    ("data", "files"),
    [
        pytest.param(
            write_container(ContainerType.SOURCE_AND_MAP, source=b"a()", map=MAP),
            {"source.js": b"a()", "source.js.map": MAP},
            id="source and map",
        ),
        pytest.param(
            write_container(ContainerType.HERMES_MAP, payload=MAP), {"hermes.map": MAP}, id="hermes"
        ),
        pytest.param(
            write_container(ContainerType.PROGUARD_MAPPING, payload=b"a -> b:"),
            {"mapping.txt": b"a -> b:"},
            id="mapping",
        ),
        pytest.param(
            write_container(ContainerType.DEBUG_INFO, payload=archive(MEMBERS)), MEMBERS, id="debug"
        ),
        pytest.param(archive({**MEMBERS, "empty/": b""}), MEMBERS, id="a bare ZIP"),
    ],
)
def test_a_container_is_unpacked(run: Run, data: bytes, files: dict[str, bytes]) -> None:
    Path("set").write_bytes(data)
    result = run("inspect", "set", "--extract", "out/deep", "--json")
    assert result.exit_code == 0
    assert tree("out/deep") == files
    assert json.loads(result.stdout)["extracted"] == [f"out/deep/{name}" for name in files]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "a/../../evil",
        "a//evil",
        "./evil",
        "a\\..\\evil",
        "..",
        "x" * 256,
    ],
)
def test_a_name_that_is_no_path_below_writes_nothing(run: Run, name: str) -> None:
    Path("set").write_bytes(archive({"good": b"1", name: b"2"}))
    result = run("inspect", "set", "--extract", "out")
    assert result.exit_code == 2
    assert "is no path below the folder" in result.stderr
    assert not Path("out").exists()
    assert not Path("evil").exists()


def test_a_link_inside_the_folder_leads_nowhere(run: Run) -> None:
    Path("out").mkdir()
    Path("elsewhere").mkdir()
    Path("out/link").symlink_to("../elsewhere")
    Path("set").write_bytes(archive({"good": b"1", "link/evil": b"2"}))
    result = run("inspect", "set", "--extract", "out")
    assert result.exit_code == 2
    assert "leads out of the folder" in result.stderr
    assert tree("elsewhere") == {}
    assert not Path("out/good").exists()


@pytest.mark.parametrize("is_dangling_link", [False, True])
def test_nothing_is_overwritten_and_then_nothing_is_written(
    run: Run, is_dangling_link: bool
) -> None:
    Path("out/__source").mkdir(parents=True)
    there = Path("out/__source/0")
    if is_dangling_link:
        there.symlink_to("../../gone")
    else:
        there.write_bytes(b"mine")
    Path("set").write_bytes(archive(MEMBERS))
    result = run("inspect", "set", "--extract", "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "out/__source/0: is there already, and nothing is overwritten" in result.stderr
    assert tree("out") == ({} if is_dangling_link else {"__source/0": b"mine"})
    assert not Path("gone").exists()


def test_a_member_below_another_is_refused(run: Run) -> None:
    Path("set").write_bytes(archive({"a": b"1", "a/b": b"2"}))
    result = run("inspect", "set", "--extract", "out")
    assert result.exit_code == 2
    assert "lies below another member" in result.stderr
    assert not Path("out").exists()


def test_what_is_no_container_has_nothing_to_extract(run: Run) -> None:
    Path("a.map").write_bytes(MAP)
    result = run("inspect", "a.map", "--extract", "out")
    assert result.exit_code == 2
    assert "a.map: is no container" in result.stderr


def test_a_folder_that_is_a_file_exits_2(run: Run) -> None:
    Path("out").write_bytes(b"mine")
    Path("set").write_bytes(archive({"a/b": b"1"}))
    result = run("inspect", "set", "--extract", "out")
    assert result.exit_code == 2
    assert Path("out").read_bytes() == b"mine"
