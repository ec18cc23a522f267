"""Look-ups against committed answers of trace-mapping for every map of the fixtures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from symbolicate.formats.source_map import SourceMap

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
ANSWERS: dict[str, list[list[int]]] = json.loads(
    (FIXTURES / "js-function-names" / "out" / "trace-mapping.json").read_text()
)


@pytest.mark.parametrize("path", sorted(ANSWERS))
def test_ids_and_positions_equal_those_of_trace_mapping(path: str, tmp_path: Path) -> None:
    parsed = SourceMap.from_json((FIXTURES / path).read_bytes(), strict=True)
    parsed.save(tmp_path / "compiled")
    rows = ANSWERS[path]
    expected = [tuple(row[2:]) or None for row in rows]
    assert [parsed.source_index(*row[:2]) for row in rows] == expected
    assert [
        SourceMap.open(tmp_path / "compiled").source_index(*row[:2]) for row in rows
    ] == expected
    found = parsed.lookup_many(*np.array([row[:2] for row in rows]).T)
    columns = zip(found.source, found.line, found.column, found.name, strict=True)
    assert list(columns) == [row or (-1, -1, -1, -1) for row in expected]


def test_answers_cover_the_fixtures() -> None:
    assert len(ANSWERS) >= 3
    assert all(len(rows) >= 1000 for rows in ANSWERS.values())
    assert sum(len(row) > 2 for rows in ANSWERS.values() for row in rows) > 1000
