"""Differences from PyPI `sourcemap` and `symbolic` where both ought to follow the format."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import sourcemap
from hypothesis import given
from hypothesis import strategies as st
from symbolic.sourcemap import SourceMapView

from symbolicate.formats.source_map import SourceMap

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
MAPS = sorted(FIXTURES.glob("js-*/out/**/*.map"))
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def mapped_positions(text: bytes, count: int) -> list[tuple[int, int]]:
    """Positions behind the first segment of a line: before it, peers differ by rule."""
    columns = SourceMap.from_json(text)._positions.columns
    starts = columns.line_starts
    lines = [line for line in range(len(starts) - 1) if starts[line] < starts[line + 1]]
    seeded = random.Random(len(text))

    def position(line: int) -> tuple[int, int]:
        first, last = (columns.generated[at] for at in (starts[line], starts[line + 1] - 1))
        return line, seeded.randrange(first, last + 10)

    return [position(seeded.choice(lines)) for _ in range(count)]


@pytest.mark.parametrize("path", MAPS, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_tokens_equal_those_of_symbolic(path: Path) -> None:
    text = path.read_bytes()
    ours, view = SourceMap.from_json(text), SourceMapView.from_json_bytes(text)
    for line, column in mapped_positions(text, 500):
        token, theirs = ours.lookup(line, column), view.lookup(line, column)
        assert token is not None
        assert theirs is not None
        assert token == (theirs.src, theirs.src_line, theirs.src_col, theirs.name or None)


@pytest.mark.parametrize("path", MAPS, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_tokens_equal_those_of_python_sourcemap(path: Path) -> None:
    text = path.read_bytes()
    ours, index = SourceMap.from_json(text), sourcemap.loads(text.decode())
    for line, column in mapped_positions(text, 500):
        token, theirs = ours.lookup(line, column), index.lookup(line, column)
        assert token is not None
        assert token == (theirs.src, theirs.src_line, theirs.src_col, theirs.name)


def _vlq(value: int) -> str:
    rest, out = (-value << 1 | 1 if value < 0 else value << 1), ""
    while True:
        rest, digit = rest >> 5, rest & 31
        out += DIGITS[digit | (32 if rest else 0)]
        if not rest:
            return out


Lines = list[dict[int, tuple[int, int, int, int | None]]]
originals = st.tuples(
    st.integers(0, 2), st.integers(0, 5000), st.integers(0, 300), st.none() | st.integers(0, 2)
)
maps = st.lists(st.dictionaries(st.integers(0, 90), originals, max_size=6), min_size=1, max_size=5)


def document(lines: Lines) -> dict[str, Any]:
    last, texts = [0, 0, 0, 0], []
    for line in lines:
        at, segments = 0, []
        for column, (*place, name) in sorted(line.items()):
            fields = place if name is None else [*place, name]
            deltas = [field - last[i] for i, field in enumerate(fields)]
            segments.append("".join(map(_vlq, [column - at, *deltas])))
            last[: len(fields)] = fields
            at = column
        texts.append(",".join(segments))
    names = ["x", "y", "z"]
    sources = ["a.js", "b.js", "c.js"]
    return {"version": 3, "sources": sources, "names": names, "mappings": ";".join(texts)}


@given(maps, st.integers(0, 4), st.integers(0, 99))
def test_generated_maps_read_the_same_as_by_both_peers(
    lines: Lines, line: int, column: int
) -> None:
    text = json.dumps(document(lines))
    token = SourceMap.from_json(text.encode(), strict=True).lookup(line, column)
    before = [c for c in lines[line] if c <= column] if line < len(lines) else []
    if not before:
        assert token is None
        return
    view = SourceMapView.from_json_bytes(text.encode()).lookup(line, column)
    index = sourcemap.loads(text).lookup(line, column)
    assert token is not None
    assert view is not None
    assert token == (view.src, view.src_line, view.src_col, view.name or None)
    assert token == (index.src, index.src_line, index.src_col, index.name)
