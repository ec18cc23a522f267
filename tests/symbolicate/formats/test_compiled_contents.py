from __future__ import annotations

import json
import random
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from symbolicate.errors import CorruptCache
from symbolicate.formats.compiled_contents import (
    BLOCK,
    KEPT_BYTES,
    KEPT_SECTION_BYTES,
    CompiledContents,
    ContentState,
    line_marks,
    stored_content,
)
from symbolicate.formats.jsmc import CompiledFile, Tag
from symbolicate.formats.source_lines import split_lines
from symbolicate.formats.source_map import SourceMap

LONG = "".join(f"line {n} {'é😀日'[n % 3] * (n % 50)}\n" for n in range(4000))
TEXTS = {
    "absent": None,
    "empty": "",
    "short": "a\nb",
    "one block": "x = 1;\n" * 1000,
    "blocks": LONG,
    "one long line": "y" * 100_000,
    "CRLF": "a line\r\n" * 5000,
    "CR": "a line\r" * 5000,
    "lone surrogate": "a\ud800b\n" * 20,
}


def compiled(folder: Path, *texts: str | None) -> CompiledContents:
    sources = [f"{n}.txt" for n in range(len(texts))]
    document = {"version": 3, "sources": sources, "sourcesContent": texts, "mappings": ""}
    SourceMap.from_json(json.dumps(document).encode()).save(folder / "map")
    return CompiledContents(CompiledFile.open(folder / "map"))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_and_their_lines_come_back(text: str | None, tmp_path: Path) -> None:
    contents = compiled(tmp_path, "before", text, "after")
    assert contents.text(1) == text
    if text is None:
        assert contents.lines(1, 0, 5) is None
        return
    lines = split_lines(text)
    seeded = random.Random(len(text))
    ranges = [
        (0, 1),
        (0, 31),
        (0, 32),
        (31, 33),
        (32, 64),
        (-3, 2),
        (len(lines) - 1, len(lines) + 9),
    ]
    ranges += [(n, n + 31) for n in (seeded.randrange(len(lines)) for _ in range(20))]
    for start, stop in ranges:
        assert contents.lines(1, start, stop) == lines[max(start, 0) : stop], (start, stop)
    assert contents.lines(1, len(lines) + 40, len(lines) + 50) == []
    assert contents.lines(1, 0, -1) == []


def test_sources_outside_the_table_have_no_text(tmp_path: Path) -> None:
    contents = compiled(tmp_path, "x")
    assert [contents.text(n) for n in (-1, 0, 1)] == [None, "x", None]
    assert contents.lines(7, 0, 1) is None


@pytest.mark.parametrize(
    ("size", "state"),
    [(0, ContentState.RAW), (31, ContentState.RAW), (32, ContentState.ZSTD),
     (BLOCK, ContentState.ZSTD), (BLOCK + 1, ContentState.BLOCKS)],
)  # fmt: skip
def test_texts_are_stored_by_size(size: int, state: ContentState) -> None:
    assert stored_content(b"x" * size)[1] == state


def test_marks_are_offsets_of_every_32nd_line() -> None:
    data = b"ab\n" * 100
    assert line_marks(data) == [0, 96, 192, 288]
    assert line_marks(b"") == [0]
    assert line_marks(b"\r\n" * 32) == [0, 64]


def test_few_lines_take_few_blocks(tmp_path: Path) -> None:
    contents = compiled(tmp_path, LONG * 5)
    contents.lines(0, 9000, 9031)
    assert 0 < contents.byte_size <= 2 * BLOCK
    contents.text(0)
    assert contents.byte_size <= KEPT_BYTES


def _damaged(folder: Path, tag: Tag, junk: bytes) -> CompiledContents:
    compiled(folder, "short", LONG)
    section = CompiledFile.open(folder / "map")._sections[tag]
    data = bytearray((folder / "map").read_bytes())
    data[section.offset : section.offset + len(junk)] = junk
    (folder / "bad").write_bytes(data)
    return CompiledContents(CompiledFile.open(folder / "bad"))


@pytest.mark.parametrize(
    ("tag", "junk"),
    [
        pytest.param(Tag.CONTENT_STATES, bytes([ContentState.ZSTD]), id="no frame"),
        pytest.param(Tag.CONTENT_STATES, bytes([ContentState.BLOCKS]), id="no table"),
        pytest.param(Tag.CONTENT_STATES, bytes([2, ContentState.ZSTD]), id="a table as a frame"),
        pytest.param(Tag.CONTENTS, b"\xff" * 3, id="text that is not UTF-8"),
        pytest.param(Tag.CONTENTS, b"short" + struct.pack("<I", 1 << 31), id="too many blocks"),
        pytest.param(Tag.CONTENTS, b"short" + struct.pack("<I", 1), id="too few blocks"),
        pytest.param(Tag.CONTENTS, b"short" + bytes(4), id="no blocks"),
        pytest.param(Tag.CONTENTS_AT, struct.pack("<3Q", 9, 1 << 60, 3), id="offsets"),
        pytest.param(Tag.LINE_MARKS, b"\xff" * 400, id="marks"),
        pytest.param(Tag.LINE_MARKS_AT, struct.pack("<3I", 9, 1 << 31, 0), id="marks of sources"),
    ],
)
def test_damage_is_told_or_harmless(tag: Tag, junk: bytes, tmp_path: Path) -> None:
    contents = _damaged(tmp_path, tag, junk)
    for source in (0, 1):
        for start in (0, 40, 3000):
            with suppress(CorruptCache):
                contents.lines(source, start, start + 31)
            with suppress(CorruptCache):
                contents.text(source)


def test_a_missing_section_is_damage(tmp_path: Path) -> None:
    compiled(tmp_path, "x")
    whole = CompiledFile.open(tmp_path / "map")
    del whole._sections[Tag.LINE_MARKS]
    with pytest.raises(CorruptCache, match="LINE_MARKS"):
        CompiledContents(whole)


def test_split_lines_are_kept_within_their_bytes_however_long_the_lines(tmp_path: Path) -> None:
    text = "\n".join(f"{n} " + "z" * (50_000 if n > 500 else 40) for n in range(600))
    contents = compiled(tmp_path, text)
    lines = text.split("\n")
    for start in (0, 480, 520, 10, 590, 300, 0):
        assert contents.lines(0, start, start + 31) == lines[start : start + 31]
        kept = [line for section in contents._sections.values() for line in section]
        assert sum(map(len, kept)) <= KEPT_SECTION_BYTES
    assert contents._sections
