from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symbolicate.errors import CorruptCache
from symbolicate.formats import jsmc
from symbolicate.formats.jsmc import HEADER_BYTES, CompiledFile, Tag
from symbolicate.formats.source_map import SourceMap

SOURCE = "class Cart {\n  total() { throw 1 }\n}\nnew Cart().total();\n"
FULL: dict[str, Any] = {
    "version": 3,
    "file": "app.js",
    "sources": ["src/cart.js", None, "é\ud800.js", "rn.js", "empty.js"],
    "sourcesContent": [SOURCE, None, "x", "function f() {}", ""],
    "names": ["n", "日本", "\udc00"],
    "mappings": "AACaA,OAAA,EAAA;;ACAAC,GAEA,CGFA;AFAA,AAAA",
    "ignoreList": [1, 3],
    "debugId": "85314830-023f-4cf1-a267-535f4e37bb17",
    "x_facebook_sources": [None, None, None, [{"names": ["Rn#f"], "mappings": "AAA"}]],
    "x_hermes_function_offsets": {"0": [1]},
}
POSITIONS = [(line, column) for line in range(-1, 6) for column in range(-1, 20)]


def parsed(**fields: Any) -> SourceMap:
    return SourceMap.from_json(json.dumps({**FULL, **fields}).encode())


def compiled(source_map: SourceMap, folder: Path) -> SourceMap:
    source_map.save(folder / "map.jsmc")
    return SourceMap.open(folder / "map.jsmc", verify=True)


VARIANTS: dict[str, dict[str, Any]] = {
    "everything": {},
    "nothing mapped": {"mappings": "", "sources": [], "names": [], "ignoreList": []},
    "range mappings": {"mappings": "AAAA,KACA;;EAAA", "rangeMappings": "B"},
    "dropped segments": {"mappings": "AAAA,EAAA,A!,GAAA"},
    "defects": {"names": 7, "mappings": "A"},
    "no contents": {"sourcesContent": []},
    "scopes": {
        "names": ["f", "g"],
        "scopes": "BAAA,BFAAAC,CAK,CKA,A,A,A,A,ECAC,FK",
        "x_facebook_sources": None,
    },
    "wide columns": {"mappings": "AAAg3oE;AAAh3oE" + ",CAAC" * 20 + ";AAA2+/D;AAAA"},
    "all wide columns": {"mappings": "AAAg3oE"},
    "index map": {
        "sections": [
            {"offset": {"line": 0, "column": 0}, "map": {**FULL, "file": "x"}},
            {"offset": {"line": 5, "column": 3}, "map": FULL},
        ]
    },
}


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_an_opened_map_answers_like_the_parsed_one(fields: dict[str, Any], tmp_path: Path) -> None:
    before = parsed(**fields)
    after = compiled(before, tmp_path)
    assert after.record() == before.record()
    for attribute in (
        "sources",
        "raw_sources",
        "names",
        "ignored_sources",
        "debug_id",
        "file",
        "is_hermes",
        "dropped_segments",
        "defects",
    ):
        assert getattr(after, attribute) == getattr(before, attribute), attribute
    for at in POSITIONS:
        assert after.lookup(*at) == before.lookup(*at), at
        assert after.source_index(*at) == before.source_index(*at), at
        assert after.function_at(*at) == before.function_at(*at), at
    lines, columns = np.array(POSITIONS).T
    tokens = before.lookup_many(lines, columns).tokens()
    assert tokens == [before.lookup(*at) for at in POSITIONS]
    assert after.lookup_many(lines, columns).tokens() == tokens
    assert [after.source_content(i) for i in range(-1, 7)] == [
        before.source_content(i) for i in range(-1, 7)
    ]


def test_functions_are_stored_with_where_they_come_from(tmp_path: Path) -> None:
    after = compiled(parsed(), tmp_path)
    assert after.function_at(0, 0) == ("Cart.total", "syntax_tree")
    assert after.function_at(3, 0) is not None
    scoped = compiled(parsed(**VARIANTS["scopes"]), tmp_path)
    assert {scoped.function_at(0, column) for column in range(4)} == {("f", "scopes")}


def test_functions_are_looked_for_as_long_as_there_is_time(tmp_path: Path) -> None:
    whole = parsed(sources=["a.js", "b.js"], sourcesContent=[SOURCE] * 2, mappings="AACaA,KCAA")
    asked = iter([True, False])
    whole.save(tmp_path / "m", keep_going=lambda: next(asked))
    opened = SourceMap.open(tmp_path / "m")
    assert opened.function_at(0, 0) == ("Cart.total", "syntax_tree")
    assert opened.function_at(0, 5) is None
    assert opened.source_content(1) == SOURCE


def test_resolved_sources_are_kept_beside_the_raw_ones(tmp_path: Path) -> None:
    data = {"version": 3, "sourceRoot": "r", "sources": ["a.js"], "mappings": "AAAA"}
    before = SourceMap.from_json(json.dumps(data).encode(), url="https://h/js/x.map")
    after = compiled(before, tmp_path)
    assert after.sources == ["https://h/js/r/a.js"]
    assert after.raw_sources == ["a.js"]


def test_saving_an_opened_map_copies_it(tmp_path: Path) -> None:
    opened = compiled(parsed(), tmp_path)
    opened.save(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "map.jsmc").read_bytes()


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> bool:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        parsed().save(tmp_path / "m", keep_going=fail)
    assert list(tmp_path.iterdir()) == []


def test_the_hash_is_that_of_the_json_or_the_callers(tmp_path: Path) -> None:
    data = json.dumps(FULL).encode()
    SourceMap.from_json(data).save(tmp_path / "m")
    own = blake2b(data, digest_size=32).digest()
    SourceMap.open(tmp_path / "m", data_hash=own)
    with pytest.raises(CorruptCache, match="other data"):
        SourceMap.open(tmp_path / "m", data_hash=bytes(32))
    SourceMap.from_json(data).save(tmp_path / "m", data_hash=b"x" * 32)
    SourceMap.open(tmp_path / "m", data_hash=b"x" * 32)


def test_truncation_at_every_byte_is_seen_on_open(tmp_path: Path) -> None:
    parsed().save(tmp_path / "m")
    whole = (tmp_path / "m").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(CorruptCache) as raised:
            SourceMap.open(tmp_path / "cut")
        assert raised.value.code == "corrupt_cache"


def test_every_flipped_byte_is_seen_by_open_or_verify_or_harms_nothing(tmp_path: Path) -> None:
    parsed(**VARIANTS["scopes"]).save(tmp_path / "m")
    whole = (tmp_path / "m").read_bytes()
    sections = _covered(tmp_path / "m")
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 0x55
        (tmp_path / "flipped").write_bytes(flipped)
        try:
            SourceMap.open(tmp_path / "flipped", verify=True)
        except CorruptCache:
            continue
        assert at not in sections, f"byte {at} of {len(whole)}"


def _covered(path: Path) -> set[int]:
    compiled_file = CompiledFile.open(path)
    return {
        at
        for section in compiled_file._sections.values()
        for at in range(section.offset, section.offset + section.size)
    } | set(range(HEADER_BYTES))


@pytest.mark.parametrize("tag", [tag for tag in Tag if tag not in (Tag.RESOLVED, Tag.RANGED)])
def test_damaged_sections_never_crash_a_lookup(tag: Tag, tmp_path: Path) -> None:
    parsed(**VARIANTS["wide columns"]).save(tmp_path / "m")
    section = CompiledFile.open(tmp_path / "m")._sections.get(tag)
    if section is None:
        pytest.skip("the map has no such section")
    seeded = random.Random(tag)
    whole = (tmp_path / "m").read_bytes()
    for noise in (b"\xff", b"\x7f", None):
        junk = (noise or b"\0") * section.size if noise else seeded.randbytes(section.size)
        cut = slice(section.offset, section.offset + section.size)
        (tmp_path / "d").write_bytes(whole[: cut.start] + junk + whole[cut.stop :])
        _use(lambda: SourceMap.open(tmp_path / "d"))


def _use(open_map: Callable[[], SourceMap]) -> None:
    try:
        opened = open_map()
    except CorruptCache:
        return
    actions: list[Callable[[], object]] = [
        lambda: opened.sources,
        lambda: opened.names,
        lambda: opened.ignored_sources,
        lambda: opened.defects,
        lambda: opened.scopes,
        lambda: opened.lookup_many(*np.array(POSITIONS).T).tokens(),
        *(lambda i=i: opened.source_content(i) for i in range(6)),
        *(lambda at=at: opened.lookup(*at) for at in POSITIONS),
        *(lambda at=at: opened.function_at(*at) for at in POSITIONS),
        *(lambda at=at: opened.source_index(*at) for at in POSITIONS),
    ]
    for action in actions:
        try:
            action()
        except CorruptCache:
            continue


def _with_header(path: Path, offset: int, value: bytes) -> None:
    """Overwrites a header field and makes the CRC right again."""
    data = bytearray(path.read_bytes())
    data[offset : offset + len(value)] = value
    contents_at = int.from_bytes(data[24:32], "little")
    contents = data[contents_at:]
    data[124:128] = zlib.crc32(contents, zlib.crc32(data[:124])).to_bytes(4, "little")
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (0, b"ELF\x7f", "not a JSMC file"),
        (4, b"\x02\x00", "version 2"),
        (8, b"\xff", "missing or cut"),
        (16, b"\xff", "missing or cut"),
        (20, b"\xff", "cut"),
        (24, b"\0", "damaged"),
        (88, b"\0\0", "cut"),
    ],
)
def test_headers_that_do_not_fit_the_file_are_refused(
    offset: int, value: bytes, message: str, tmp_path: Path
) -> None:
    parsed().save(tmp_path / "m")
    _with_header(tmp_path / "m", offset, value)
    with pytest.raises(CorruptCache, match=message):
        SourceMap.open(tmp_path / "m")


def test_columns_are_as_narrow_as_their_values(tmp_path: Path) -> None:
    compiled(parsed(mappings="AAAA,g3oEAAA"), tmp_path)
    file = CompiledFile.open(tmp_path / "map.jsmc")
    widths = [file.required(tag).itemsize for tag in (Tag.GENERATED, Tag.SOURCE, Tag.LINE)]
    assert widths == [4, 1, 1]
    compiled(parsed(**VARIANTS["wide columns"]), tmp_path)
    file = CompiledFile.open(tmp_path / "map.jsmc")
    assert file.required(Tag.COLUMN).itemsize == 2
    assert len(file.required(Tag.ESCAPED_COLUMNS)) >= 2


def test_opening_and_looking_up_needs_the_standard_library_alone(tmp_path: Path) -> None:
    parsed().save(tmp_path / "m")
    code = (
        "import sys\n"
        "for name in ('numpy', 'msgspec', 'tree_sitter', 'zstandard'): sys.modules[name] = None\n"
        "from symbolicate.formats.source_map import SourceMap\n"
        f"found = SourceMap.open({str(tmp_path / 'm')!r})\n"
        "print(found.lookup(0, 0), found.function_at(0, 0).name)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout.strip() == (
        "Token(source='src/cart.js', line=1, column=13, name='n') Cart.total"
    ), printed.stderr


def test_a_small_file_holds_no_descriptor_and_a_large_one_weighs_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "map.jsmc"
    parsed().save(path)
    before = len(os.listdir("/dev/fd"))
    read = [SourceMap.open(path) for _ in range(50)]
    assert len(os.listdir("/dev/fd")) == before
    monkeypatch.setattr(jsmc, "MAPPED_FROM", 100)
    mapped = SourceMap.open(path, verify=True)
    assert len(os.listdir("/dev/fd")) == before + 1
    assert read[0].byte_size - path.stat().st_size == mapped.byte_size - 100
    assert [mapped.lookup(*at) for at in POSITIONS] == [read[0].lookup(*at) for at in POSITIONS]


@pytest.mark.parametrize("size", [0, 50], ids=["empty", "cut"])
def test_a_mapped_file_that_is_cut_is_corrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(jsmc, "MAPPED_FROM", -1 if size else 0)
    path = tmp_path / "map.jsmc"
    path.write_bytes(b"JSMC" + bytes(size - 4) if size else b"")
    with pytest.raises(CorruptCache):
        CompiledFile.open(path)
