"""Index maps: sections laid over one another until one flat map is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.mappings import Mappings, empty_mappings
from symbolicate.formats.parsed_map import ParsedMap
from symbolicate.formats.scopes_text import ScopesPart
from symbolicate.formats.source_contents import SourceContents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from symbolicate.formats.mappings import Ints

    Longs = NDArray[np.int64]


class Section(NamedTuple):
    """A map and the generated (line, column) at which it starts."""

    start: tuple[int, int]
    map: ParsedMap


def flattened(sections: Sequence[Section], limits: MapLimits) -> ParsedMap:
    """One flat map of sections in the order of their start.

    A later section clips the earlier ones at its start; a section's column offset applies to its
    first line only. Equal sources (same URL, same content) and equal names become one.
    """
    tables = _Tables(limits)
    _require_dense(sections, limits)
    ends = [*(later.start for later in sections[1:]), None]
    pieces = [_placed(section, ends[n], tables) for n, section in enumerate(sections)]
    limits.require("sources", len(tables.sources))
    limits.require("names", len(tables.names))
    return ParsedMap(
        mappings=_concatenated(pieces, sections),
        raw_sources=tables.raw_sources,
        sources=tables.sources,
        names=tables.names,
        contents=SourceContents.of(tables.contents, limits),
        ignored=frozenset(tables.ignored),
        scopes=tables.scopes,
        function_maps=tables.function_maps,
        hermes=any(section.map.hermes for section in sections),
    )


class _Tables:
    """Sources and names of all sections, each kept once."""

    def __init__(self, limits: MapLimits) -> None:
        self._limits = limits
        self._source_ids: dict[tuple[str | None, bytes | str | None], int] = {}
        self._name_ids: dict[str | None, int] = {}
        self.raw_sources: list[str | None] = []
        self.sources: list[str | None] = []
        self.names: list[str | None] = []
        self.contents: list[object] = []
        self.function_maps: list[object] = []
        self.ignored: set[int] = set()
        self.scopes: list[ScopesPart] = []

    def source_ids(self, part: ParsedMap) -> Ints:
        """Where the sources of one section are in the flat list, plus one, 0 first."""
        entries = part.contents.entries
        ids = [0]
        for index, source in enumerate(part.sources):
            entry = entries[index] if index < len(entries) else None
            key = (source, entry if isinstance(entry, str) or entry is None else bytes(entry))
            number = self._source_ids.setdefault(key, len(self.sources))
            if number == len(self.sources):
                self.raw_sources.append(part.raw_sources[index])
                self.sources.append(source)
                self.contents.append(entry)
                maps = part.function_maps
                self.function_maps.append(maps[index] if index < len(maps) else None)
            if index in part.ignored:
                self.ignored.add(number)
            ids.append(number + 1)
        return np.array(ids, np.int32)

    def name_ids(self, part: ParsedMap) -> Ints:
        """Where the names of one section are in the flat list, plus one, 0 first."""
        ids = [0]
        for name in part.names:
            number = self._name_ids.setdefault(name, len(self.names))
            if number == len(self.names):
                self.names.append(name)
            ids.append(number + 1)
        return np.array(ids, np.int32)


class _Placed(NamedTuple):
    lines: Longs
    mappings: Mappings


def _placed(section: Section, end: tuple[int, int] | None, tables: _Tables) -> _Placed:
    (line, column), part = section.start, section.map.mappings
    lines = part.generated_lines().astype(np.int64)
    generated = part.generated.astype(np.int64)
    generated[lines == 0] += column
    lines += line
    keep = generated < 1 << 31
    if end is not None:
        keep &= (lines < end[0]) | ((lines == end[0]) & (generated < end[1]))
    sources, names = tables.source_ids(section.map), tables.name_ids(section.map)
    tables.scopes += [
        scopes.moved(section.start, (sources[1:] - 1).tolist(), (names[1:] - 1).tolist())
        for scopes in section.map.scopes
    ]
    moved = Mappings(
        part.line_starts,
        generated.astype(np.int32),
        sources[part.source],
        part.line,
        part.column,
        names[part.name],
        part.ranged,
        part.dropped,
    )
    picked = moved.kept(keep)
    return _Placed(lines[keep], picked)


def _concatenated(pieces: Sequence[_Placed], sections: Sequence[Section]) -> Mappings:
    if not pieces:
        return empty_mappings()
    last = sections[-1]
    line_count = last.start[0] + last.map.mappings.line_count
    lines = np.concatenate([piece.lines for piece in pieces])
    parts = [piece.mappings for piece in pieces]
    counts = np.bincount(lines, minlength=line_count)
    ranged = None
    if any(part.ranged is not None for part in parts):
        ranged = np.concatenate([_ranged(part) for part in parts])
    return Mappings(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        np.concatenate([part.generated for part in parts]),
        np.concatenate([part.source for part in parts]),
        np.concatenate([part.line for part in parts]),
        np.concatenate([part.column for part in parts]),
        np.concatenate([part.name for part in parts]),
        ranged,
        sum(section.map.mappings.dropped for section in sections),
    )


def _ranged(part: Mappings) -> NDArray[np.bool_]:
    return np.zeros(len(part.generated), np.bool_) if part.ranged is None else part.ranged


def _require_dense(sections: Sequence[Section], limits: MapLimits) -> None:
    """Refuses maps whose sections lie so far apart that the lines between cost memory."""
    reached = 0
    for section in sections:
        limits.require("empty_line_gap", section.start[0] - reached)
        reached = max(reached, section.start[0] + section.map.mappings.line_count)
        limits.require("generated_lines", reached)
