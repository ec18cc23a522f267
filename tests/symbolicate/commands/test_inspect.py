"""`symbolicate inspect`: every kind of file is told, counted, and never obeyed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from symbolicate import SourceMap
from symbolicate.commands.inspect import MAX_LISTED
from symbolicate.formats.container import ContainerType, write_container

Run = Callable[..., Any]
WriteMap = Callable[..., str]
CHUNK = "0193a5c2-7f4e-7d20-9c31-5a7e00c0ffee"
SCRIPT = f"a()\n//# chunkId={CHUNK}\n//# sourceMappingURL=app.js.map\n".encode()


def facts(run: Run, name: str, data: bytes | None = None) -> dict[str, Any]:
    if data is not None:
        Path(name).write_bytes(data)
    result = run("inspect", name, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, name * 2)
    return buffer.getvalue()


def test_a_map_is_counted(run: Run, write_map: WriteMap) -> None:
    name = write_map(
        sources=["a.ts", "b.ts"],
        sourcesContent=["x", None],
        ignoreList=[1],
        debugId=CHUNK,
        chunk_id="c",
        mappings="AAAA,CCCC,CZAA;A",
        names="n",
    )
    assert facts(run, name) == {
        "kind": "source_map",
        "bytes": Path(name).stat().st_size,
        "version": 3,
        "file": "app.js",
        "sections": 0,
        "sources": 2,
        "sources_without_text": 1,
        "ignored_sources": 1,
        "names": 0,
        "segments": 3,
        "dropped_segments": 1,
        "generated_lines": 2,
        "debug_id": CHUNK,
        "ids": {"chunk_id": "c"},
        "function_maps": 0,
        "scopes": False,
        "hermes": False,
        "defects": ["names: source map: Expected `array`, got `str`"],
    }


def test_an_index_map_is_counted_whole(run: Run, map_fields: dict[str, Any]) -> None:
    offsets = [{"line": 0, "column": 0}, {"line": 2, "column": 0}]
    sections = [{"offset": offset, "map": map_fields} for offset in offsets]
    data = json.dumps({"version": 3, "sections": sections}).encode()
    found = facts(run, "index.map", data)
    assert (found["sections"], found["segments"], found["generated_lines"]) == (2, 4, 3)


@pytest.mark.parametrize(
    ("compress", "compression"), [(True, "zstd"), (False, "none")], ids=["zstd", "plain"]
)
def test_a_container_of_source_and_map_shows_both(
    run: Run, write_map: WriteMap, compress: bool, compression: str
) -> None:
    source_map = Path(write_map()).read_bytes()
    data = write_container(
        ContainerType.SOURCE_AND_MAP, source=SCRIPT, map=source_map, compress=compress
    )
    found = facts(run, "set", data)
    assert found["map"].pop("segments") == 2
    assert found["script"] == {
        "lines": 4,
        "source_mapping_url": "app.js.map",
        "ids": {"chunkId": CHUNK},
    }
    assert {name: found[name] for name in found if name not in ("map", "script")} == {
        "kind": "container",
        "bytes": len(data),
        "container_version": 2,
        "type": 2,
        "type_name": "a minified source and its map",
        "compression": compression,
        "source_bytes": len(SCRIPT),
        "map_bytes": len(source_map),
    }


def test_a_hermes_container_shows_its_map(run: Run, write_map: WriteMap) -> None:
    source_map = Path(write_map(x_hermes_function_offsets={"0": [0]})).read_bytes()
    found = facts(run, "set", write_container(ContainerType.HERMES_MAP, payload=source_map))
    assert (found["type"], found["map"]["hermes"]) == (3, True)
    assert found["payload_bytes"] == len(source_map)


def test_a_mapping_file_is_counted(run: Run) -> None:
    payload = b"a -> b:\n  int c -> d\n"
    found = facts(run, "set", write_container(ContainerType.PROGUARD_MAPPING, payload=payload))
    assert (found["type"], found["payload_bytes"], found["lines"]) == (4, len(payload), 3)


DSYM = "App.dSYM/Contents/Resources/DWARF/App"


@pytest.mark.parametrize(
    ("names", "binaries", "has_sources"),
    [
        (["dwarf", "__source/manifest.json", "__source/0"], ["dwarf"], True),
        ([DSYM, "App.dSYM/Contents/Info.plist"], [DSYM], False),
        (["readme"], [], False),
    ],
    ids=["thin", "bundle", "no symbols"],
)
@pytest.mark.parametrize("contained", [True, False])
def test_an_archive_shows_its_members_and_its_shape(
    run: Run, names: list[str], binaries: list[str], has_sources: bool, contained: bool
) -> None:
    data = archive(*names)
    if contained:
        data = write_container(ContainerType.APPLE_DSYM, payload=data)
    found = facts(run, "set", data)
    assert found["kind"] == ("container" if contained else "zip")
    assert found["members"] == {name: 2 * len(name) for name in names}
    assert (found["debug_binaries"], found["has_sources"]) == (binaries, has_sources)


def test_a_compiled_map_shows_its_header_and_sections(run: Run, write_map: WriteMap) -> None:
    data = Path(write_map(debugId=CHUNK)).read_bytes()
    SourceMap.from_json(data).save("app.jsmc", data_hash=b"\7" * 32)
    found = facts(run, "app.jsmc")
    assert (found["kind"], found["segments"], found["sources"]) == ("compiled", 2, 1)
    assert (found["debug_id"], found["data_hash"]) == (CHUNK, "07" * 32)
    assert found["flags"] == ["DEBUG_ID"]
    assert found["section_bytes"]["generated"] == 2
    assert 0 < sum(found["section_bytes"].values()) < found["bytes"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [("app.js.map", "app.js.map"), ("data:application/json,{}", "data:application/json,… (24 ")],
)
def test_a_script_shows_where_its_map_is(run: Run, address: str, shown: str) -> None:
    found = facts(run, "app.js", f"a()\n//# sourceMappingURL={address}".encode())
    assert found["kind"] == "script"
    assert found["source_mapping_url"].startswith(shown)


def test_text_shows_the_same_and_shortens_long_lists(run: Run) -> None:
    names = [f"__source/{number}" for number in range(MAX_LISTED + 2)]
    Path("set").write_bytes(archive(*names))
    lines = run("inspect", "set").stdout.splitlines()
    assert lines[0] == "ZIP archive"
    assert f"    __source/{MAX_LISTED - 1}: 22" in lines
    assert "    … and 2 more" in lines
    assert "  debug_binaries: none" in lines
    assert "  has_sources: no" in lines


def test_nothing_printed_is_obeyed_by_a_terminal_s20(run: Run, write_map: WriteMap) -> None:
    Path("set").write_bytes(archive("a\x1b]8;;x\x07\u202e"))
    name = write_map(file="\x1b[31m", chunk_id="\x9b1m")
    for shown in (run("inspect", "set").stdout, run("inspect", name).stdout):
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF", "an ELF file"),
        (b"hello", "5 bytes that begin with 68 65 6c 6c 6f"),
        (b"{}", "not a source map"),
        (b"PK\3\4", "ZIP end record not found"),
        (b"JSMC" + bytes(200), "compiled source map: version 0"),
        (b"posthog_error_tracking", "ends within its 30-byte header"),
    ],
)
def test_a_damaged_or_unknown_file_exits_2_and_says_what_was_seen(
    run: Run, data: bytes, said: str
) -> None:
    Path("file").write_bytes(data)
    result = run("inspect", "file")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"file: {said}" in result.stderr or said in result.stderr


def test_a_compiled_file_is_checked_section_by_section(run: Run, write_map: WriteMap) -> None:
    SourceMap.from_json(Path(write_map()).read_bytes()).save("app.jsmc")
    data = bytearray(Path("app.jsmc").read_bytes())
    data[data.index(b"../src/pay.ts")] ^= 1
    Path("app.jsmc").write_bytes(data)
    for arguments in (["inspect", "app.jsmc"], ["resolve", "--map", "app.jsmc", "1:11"]):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "is damaged" in result.stderr


def test_a_file_that_is_not_there_exits_2(run: Run) -> None:
    result = run("inspect", "gone")
    assert (result.exit_code, result.stderr) == (2, "Error: gone: no such file\n")
