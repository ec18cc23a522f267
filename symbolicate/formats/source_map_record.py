"""The decoded source map record of ECMA-426, as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symbolicate.formats.positions import Positions
from symbolicate.formats.scopes import original_records, range_records

if TYPE_CHECKING:
    from symbolicate.formats.source_map import SourceMap


def record(source_map: SourceMap, positions: Positions) -> dict[str, Any]:
    """All that a map says; `scope` and `ranges` only where it has scopes."""
    sources = _source_records(source_map)
    out = {
        "file": source_map.file,
        "debugId": source_map.debug_id,
        "sources": sources,
        "mappings": _mapping_records(source_map, positions),
    }
    scopes = source_map.scopes
    if scopes is not None:
        out["ranges"] = range_records(scopes)
        for source, scope in zip(sources, original_records(scopes), strict=True):
            source["scope"] = scope
    return out


def _source_records(source_map: SourceMap) -> list[dict[str, Any]]:
    ignored = source_map.ignored_source_ids
    return [
        {"url": url, "content": source_map.source_content(index), "ignored": index in ignored}
        for index, url in enumerate(source_map.sources)
    ]


def _mapping_records(source_map: SourceMap, positions: Positions) -> list[dict[str, Any]]:
    names = source_map.names
    columns = positions.columns
    starts = columns.line_starts
    return [
        {
            "generatedPosition": {"line": line, "column": columns.generated[index]},
            "originalPosition": _original_position(positions, line, index),
            "name": names[columns.name[index] - 1] if columns.name[index] else None,
        }
        for line in range(len(starts) - 1)
        for index in range(starts[line], starts[line + 1])
    ]


def _original_position(positions: Positions, line: int, index: int) -> dict[str, int] | None:
    columns = positions.columns
    if not columns.source[index]:
        return None
    at_line, at_column = positions.original(index, line, columns.generated[index])
    return {"sourceIndex": columns.source[index] - 1, "line": at_line, "column": at_column}
