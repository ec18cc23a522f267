from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.formats.source_lines import KEPT_BYTES, SourceLines, line_ends, split_lines
from symbolicate.formats.source_text import utf16_placer


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a", ""]),
        ("a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("a\n\r\nb", ["a", "", "b"]),
        ("a\u2028b\x0bc\x0cd\x85e", ["a\u2028b\x0bc\x0cd\x85e"]),
    ],
    ids=["empty", "one line", "ends with LF", "three ends", "empty line", "no other ends"],
)
def test_lines_end_with_lf_crlf_or_cr_only(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines
    assert len(line_ends(text.encode())) == len(lines) - 1


@given(st.text(alphabet="ab\r\né😀", max_size=60))
def test_ends_and_split_agree(text: str) -> None:
    data = text.encode()
    starts = [0, *line_ends(data)]
    pieces = [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
    assert [piece.rstrip(b"\r\n").decode() for piece in pieces] == split_lines(text)


@given(st.text(alphabet="ab\r\né😀日", max_size=60), st.data())
def test_offsets_become_lines_and_utf16_columns(text: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(text)))
    if text[index - 1 : index + 1] == "\r\n":
        return
    encoded, before = text.encode(), text[:index]
    offset = len(before.encode())
    only_lf = encoded[:offset].rpartition(b"\n")[2]
    place = utf16_placer(encoded)
    lines = split_lines(before)
    expected = (len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)
    assert place(offset, encoded[:offset].count(b"\n"), len(only_lf)) == expected


def test_ranges_are_clipped_to_the_source() -> None:
    lines = SourceLines({0: "a\nb\nc"}.get)
    assert lines.between(0, 0, 2) == ["a", "b"]
    assert lines.between(0, -5, 1) == ["a"]
    assert lines.between(0, 1, 99) == ["b", "c"]
    assert lines.between(0, 9, 12) == []
    assert lines.between(0, -9, -3) == []
    assert lines.between(1, 0, 9) is None


def test_a_source_is_read_once_and_the_oldest_goes_first() -> None:
    asked: list[int] = []
    size = KEPT_BYTES // 4

    def text(source: int) -> str:
        asked.append(source)
        return "x" * size

    lines = SourceLines(text)
    for source in (0, 1, 0, 1, 2, 0, 3, 1):
        lines.between(source, 0, 1)
    assert asked == [0, 1, 2, 3, 1]
    assert lines.byte_size <= KEPT_BYTES


def test_seeded_ranges_equal_slices_of_the_split_text() -> None:
    seeded = random.Random(5)
    text = "".join(seeded.choice(["ab", "é", "\n", "\r\n", ""]) for _ in range(3000))
    whole, lines = split_lines(text), SourceLines(lambda _: text)
    for _ in range(50):
        start = seeded.randrange(len(whole))
        stop = start + seeded.randrange(40)
        assert lines.between(0, start, stop) == whole[start:stop]
