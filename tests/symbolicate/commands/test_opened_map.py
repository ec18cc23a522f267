"""Maps opened from whatever holds or names them, and what is said of other files."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from symbolicate import SourceMap
from symbolicate.commands import local_files
from symbolicate.commands.local_files import BadFile, kind_of
from symbolicate.commands.opened_map import base_name, open_map
from symbolicate.formats.container import ContainerType, write_container

FIELDS = {"version": 3, "file": "out/app.js", "sources": ["a.ts"], "names": [], "mappings": "AACA"}
MAP = json.dumps(FIELDS).encode()
HERMES = json.dumps({**FIELDS, "x_hermes_function_offsets": {"0": [0]}}).encode()


def compiled(folder: Path) -> bytes:
    SourceMap.from_json(MAP).save(folder / "scratch")
    return (folder / "scratch").read_bytes()


def script(address: str) -> bytes:
    return f"a();\n//# sourceMappingURL={address}\n".encode()


def contents(folder: Path) -> dict[str, bytes]:
    encoded = base64.b64encode(MAP).decode()
    return {
        "map": MAP,
        "map behind a BOM": b"\xef\xbb\xbf" + MAP,
        "map behind a guard": b")]}'\n" + MAP,
        "container": write_container(ContainerType.SOURCE_AND_MAP, source=b"a()", map=MAP),
        "hermes container": write_container(ContainerType.HERMES_MAP, payload=HERMES),
        "compiled": compiled(folder),
        "script, data URL": script(f"data:application/json;base64,{encoded}"),
    }


@pytest.mark.parametrize("case", range(7))
def test_every_file_that_holds_a_map_opens_it(tmp_path: Path, case: int) -> None:
    name, data = list(contents(tmp_path).items())[case]
    path = tmp_path / "min.js.map"
    path.write_bytes(data)
    opened = open_map(path)
    assert opened.map.lookup(0, 0) == ("a.ts", 1, 0, None), name
    assert opened.generated == {"app.js", "min.js"}


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        pytest.param(b"\x7fELF\2", "an ELF file, not a source map", id="ELF"),
        pytest.param(b"PK\3\4", "a ZIP file, not", id="ZIP"),
        pytest.param(b"\1\2\0", "3 bytes that begin with 01 02 00, not", id="unknown"),
        pytest.param(b"", "0 bytes that begin with nothing, not", id="empty"),
        pytest.param(b"a()", "3 bytes that begin with 61 28 29, not", id="a script without a map"),
        pytest.param(b"//# debugId=1", "a script that does not hold its map", id="only an id"),
        pytest.param(b"{", "source map: not", id="damaged JSON"),
        pytest.param(b'{"a":1}', "not a source map", id="other JSON"),
        pytest.param(b"JSMC", "compiled source map: ", id="damaged compiled file"),
        pytest.param(b"posthog_error_tracking", "ends within its", id="damaged container"),
        pytest.param(
            write_container(ContainerType.PROGUARD_MAPPING, payload=b"a"),
            "a container of PROGUARD_MAPPING, which holds no source map",
            id="another container",
        ),
        pytest.param(script("a.map"), "a script that does not hold its map", id="a map elsewhere"),
        pytest.param(script("data:text/plain,x"), "does not hold JSON", id="another data URL"),
    ],
)
def test_what_was_seen_is_said_of_any_other_file(tmp_path: Path, data: bytes, seen: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(BadFile) as caught:
        open_map(path)
    assert caught.value.exit_code == 2
    assert seen in caught.value.message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("pipe", "is not a file"), (".", "is not a file"), ("x", "no such file")):
        with pytest.raises(BadFile, match=why):
            open_map(tmp_path / name)


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.map"
    path.write_bytes(MAP)
    monkeypatch.setattr(local_files, "MAX_BYTES", len(MAP))
    open_map(path)
    monkeypatch.setattr(local_files, "MAX_BYTES", len(MAP) - 1)
    with pytest.raises(BadFile, match=f"file_bytes of {len(MAP)} exceeds the limit"):
        open_map(path)


def test_names_in_a_refusal_are_stripped_of_controls(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        open_map(tmp_path / "a\x1b[31m\n.map")
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("https://x.test/static/app.js?v=1#a/b", "app.js"),
        ("C:\\shop\\app.js", "app.js"),
        ("app.js", "app.js"),
        ("https://x.test/", ""),
    ],
)
def test_a_stack_names_a_file_by_its_last_part(file: str, name: str) -> None:
    assert base_name(file) == name


def test_a_webassembly_file_is_native() -> None:
    assert kind_of(b"\0asm\1\0\0\0") == "native"
