from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import MapTooComplex, SourceMapError
from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.mappings import Mappings
from symbolicate.formats.vlq import decode
from symbolicate.formats.vlq_digits import ALPHABET

Row = tuple[int, ...]
MAX = (1 << 31) - 1


def vlq(value: int) -> bytes:
    unsigned = value << 1 if value >= 0 else -value << 1 | 1
    out = bytearray()
    while True:
        unsigned, digit = unsigned >> 5, unsigned & 31
        out.append(ALPHABET[digit | (32 if unsigned else 0)])
        if not unsigned:
            return bytes(out)


def encoded(lines: Sequence[Sequence[Row]]) -> bytes:
    """The `mappings` string of absolute segments, line by line."""
    last = [0, 0, 0, 0, 0]
    texts = []
    for line in lines:
        last[0] = 0
        segments = []
        for row in line:
            segments.append(b"".join(vlq(v - last[i]) for i, v in enumerate(row)))
            last[: len(row)] = row
        texts.append(b",".join(segments))
    return b";".join(texts)


def rows(found: Mappings) -> list[list[Row]]:
    """Decoded segments in the same shape."""
    out = []
    for start, end in zip(found.line_starts[:-1], found.line_starts[1:], strict=True):
        line = []
        for i in range(start, end):
            row = [found.generated[i]]
            if found.source[i]:
                row += [found.source[i] - 1, found.line[i], found.column[i]]
            if found.name[i]:
                row.append(found.name[i] - 1)
            line.append(tuple(int(value) for value in row))
        out.append(line)
    return out


indexes = st.integers(0, 9)
numbers = st.one_of(st.integers(0, 40), st.integers(0, MAX))
segments = st.one_of(
    st.tuples(numbers),
    st.tuples(numbers, indexes, numbers, numbers),
    st.tuples(numbers, indexes, numbers, numbers, indexes),
)
maps = st.lists(st.lists(segments, max_size=8), min_size=1, max_size=6)


@given(maps)
def test_decoding_undoes_encoding(lines: list[list[Row]]) -> None:
    in_order = [sorted(line, key=lambda row: row[0]) for line in lines]
    assert rows(decode(encoded(lines), 10, 10, strict=True)) == in_order


def test_chunk_borders_do_not_show() -> None:
    seeded = random.Random(7)
    lines = [
        sorted(
            (seeded.randrange(1 << 20), seeded.randrange(10), line, seeded.randrange(999))
            for _ in range(seeded.randrange(9))
        )
        for line in range(20_000)
    ]
    text = encoded(lines)
    assert len(text) > 3 * 128 * 1024
    assert rows(decode(text, 10, 0, strict=True)) == lines


def test_one_line_longer_than_a_chunk() -> None:
    line = [(column, 0, column // 7, column % 7, column % 3) for column in range(100_000)]
    assert rows(decode(encoded([line]), 1, 3, strict=True)) == [line]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"", [[]], id="empty string is one empty line"),
        pytest.param(b";;", [[], [], []], id="empty lines"),
        pytest.param(b"AAAA,C", [[(0, 0, 0, 0), (1,)]], id="one field unmaps"),
        pytest.param(b"CAAA;CACA", [[(1, 0, 0, 0)], [(1, 0, 1, 0)]], id="column resets by line"),
        pytest.param(
            b"EAAA,FAAC", [[(0, 0, 0, 1), (2, 0, 0, 0)]], id="unsorted columns are sorted"
        ),
        pytest.param(b"+/////DA+/////D+/////DA", [[(MAX, 0, MAX, MAX, 0)]], id="largest values"),
        pytest.param(b"i" + b"g" * 5000 + b"A", [[(1,)]], id="zero continuation digits"),
    ],
)
def test_valid_text(text: bytes, expected: list[list[Row]]) -> None:
    assert rows(decode(text, 1, 1, strict=True)) == expected


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(b"AAAA,,C", [[(0, 0, 0, 0), (1,)]], id="empty segment"),
        pytest.param(b",AAAA", [[(0, 0, 0, 0)]], id="leading comma"),
        pytest.param(b"AAAA,", [[(0, 0, 0, 0)]], id="trailing comma"),
        pytest.param(b"AAAA,;C", [[(0, 0, 0, 0)], [(1,)]], id="comma before the line's end"),
        pytest.param(b"A,CA,C", [[(0,), (2,)]], id="two fields move the column"),
        pytest.param(b"A,CAA,C", [[(0,), (2,)]], id="three fields"),
        pytest.param(b"A,CAAAAA,C", [[(0,), (2,)]], id="six fields"),
        pytest.param(b"A,ABAAAA,C", [[(0,), (1,)]], id="six fields with a negative zero"),
        pytest.param(b"A,AAAAAAAAAA,C", [[(0,), (1,)]], id="ten fields"),
        pytest.param(b"A,C=,C", [[(0,), (2,)]], id="padding"),
        pytest.param(b"A,C?AA,C", [[(0,), (2,)]], id="invalid character"),
        pytest.param(b"A,Cg,C", [[(0,), (2,)]], id="unfinished number"),
        pytest.param(b"A,F,G", [[(0,), (1,)]], id="negative column"),
        pytest.param(b"A,CCAA,CDAA", [[(0,), (2, 0, 0, 0)]], id="source index too large"),
        pytest.param(b"A,CAAAC,CAAAD", [[(0,), (2, 0, 0, 0, 0)]], id="name index too large"),
        pytest.param(b"A,AADA,CAEA", [[(0,), (1, 0, 1, 0)]], id="negative original line"),
        pytest.param(b"A,AggggggE,C", [[(0,), (1,)]], id="number beyond 32 bits"),
        pytest.param(b"A,ggggggE,C", [[(0,), (1,)]], id="column beyond 32 bits"),
        pytest.param(b"A,gggggggggggggggB,C", [[(0,), (1,)]], id="number beyond 64 bits"),
        pytest.param(b"A," + b"g" * 2000 + b"B,C", [[(0,), (1,)]], id="number of 2001 digits"),
    ],
)
def test_defects_raise_when_strict_and_drop_one_segment_when_lenient(
    text: bytes, kept: list[list[Row]]
) -> None:
    with pytest.raises(SourceMapError) as raised:
        decode(text, 1, 1, strict=True)
    assert raised.value.code == "malformed"
    lenient = decode(text, 1, 1)
    assert (rows(lenient), lenient.dropped) == (kept, 1)


def test_negative_zero_is_an_error_when_strict_and_zero_when_lenient() -> None:
    with pytest.raises(SourceMapError):
        decode(b"BAAA", 1, 0, strict=True)
    assert rows(decode(b"BAAA,hAAAA", 1, 0)) == [[(0, 0, 0, 0), (0, 0, 0, 0)]]


def test_a_defect_costs_nothing_beyond_its_own_segment() -> None:
    line = [(column, 0, column, 0) for column in range(60_000)]
    parts = encoded([line]).split(b",")
    parts[30_000] = parts[30_000][:1] + b"!" + parts[30_000][1:]
    found = decode(b",".join(parts), 1, 0)
    assert (len(found.generated), found.dropped) == (59_999, 1)
    assert int(found.generated[-1]) == 59_999


def test_runs_of_empty_segments_count_once() -> None:
    found = decode(b"A," + b"," * 300_000 + b"C;" + b"," * 300_000 + b";C", 0, 0)
    assert rows(found) == [[(0,), (1,)], [], [(1,)]]
    assert found.dropped == 2


@pytest.mark.parametrize(
    ("text", "limits", "limit"),
    [
        (b"A,A,A", MapLimits(segments=2), "segments"),
        (b"," * 70_000_000, MapLimits(), "segments"),
        (b";;;", MapLimits(generated_lines=3), "generated_lines"),
        (b";" * 20_000_000, MapLimits(), "generated_lines"),
    ],
    ids=["segments", "comma bomb", "lines", "line bomb"],
)
@pytest.mark.parametrize("strict", [True, False])
def test_limits_are_checked_before_memory_is_taken(
    text: bytes, limits: MapLimits, limit: str, strict: bool
) -> None:
    with pytest.raises(MapTooComplex) as raised:
        decode(text, 1, 1, strict=strict, limits=limits)
    assert raised.value.limit == limit
    assert raised.value.code == "limit_exceeded"


@given(st.text(alphabet="ABCgz5/+,;=!\x00é", max_size=60).map(str.encode), st.booleans())
def test_any_text_decodes_or_raises_the_typed_error(text: bytes, strict: bool) -> None:
    try:
        found = decode(text, 3, 3, strict=strict)
    except SourceMapError:
        assert strict
    else:
        assert np.all(found.source <= 3)
        assert np.all(np.diff(found.line_starts) >= 0)
        assert found.line_starts[-1] == len(found.generated)
