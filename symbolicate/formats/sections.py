"""Index maps: sections laid over one another until one flat map is left.

All sections are decoded as one text, so that very many small ones cost no more than their bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.mappings import Mappings, empty_mappings
from symbolicate.formats.parsed_map import ParsedMap
from symbolicate.formats.range_mappings import decode_ranges
from symbolicate.formats.scopes_text import ScopesPart
from symbolicate.formats.source_contents import SourceContents
from symbolicate.formats.vlq import decode_relative

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from symbolicate.formats.mappings import Flags, Ints

    Longs = NDArray[np.int64]

Start = tuple[int, int]
_NEVER: Start = (1 << 40, 0)


@dataclass(slots=True)
class Section:
    """A plain map that holds from `start` up to `end`, both generated (line, column)."""

    start: Start
    end: Start
    map: ParsedMap
    mappings: bytes
    ranges: bytes | None

    def moved(self, start: Start) -> None:
        """Places a section of an index map where that map itself is placed."""
        self.start = _after(start, self.start)
        self.end = self.end if self.end == _NEVER else _after(start, self.end)

    def clipped(self, end: Start) -> None:
        """Ends where another section starts."""
        self.end = min(self.end, end)


def _after(start: Start, offset: Start) -> Start:
    return start[0] + offset[0], offset[1] + (0 if offset[0] else start[1])


class Decoding(NamedTuple):
    """How the texts of the sections are read."""

    strict: bool
    range_base: int
    limits: MapLimits


def section(start: Start, part: ParsedMap, mappings: bytes, ranges: bytes | None) -> Section:
    """A section that nothing clips yet."""
    return Section(start, _NEVER, part, mappings, ranges)


def flattened(sections: Sequence[Section], decoding: Decoding) -> ParsedMap:
    """One flat map of sections in the order of their start.

    A section's column offset applies to its first line only. Equal sources (same URL, same
    content) and equal names become one.
    """
    limits = decoding.limits
    _require_dense(sections, limits)
    tables = _Tables(limits)
    source_ids = [tables.source_ids(part.map) for part in sections]
    name_ids = [tables.name_ids(part.map) for part in sections]
    limits.require("sources", len(tables.sources))
    limits.require("names", len(tables.names))
    for part, sources, names in zip(sections, source_ids, name_ids, strict=True):
        tables.scopes += [scopes.moved(part.start, sources, names) for scopes in part.map.scopes]
    return ParsedMap(
        mappings=_laid_out(sections, source_ids, name_ids, decoding),
        raw_sources=tables.raw_sources,
        sources=tables.sources,
        names=tables.names,
        contents=SourceContents.of(tables.contents, limits),
        ignored=frozenset(tables.ignored),
        scopes=tables.scopes,
        function_maps=tables.function_maps,
        hermes=any(part.map.hermes for part in sections),
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

    def source_ids(self, part: ParsedMap) -> list[int]:
        """Where the sources of one section are in the flat list."""
        entries = part.contents.entries
        ids = []
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
            ids.append(number)
        return ids

    def name_ids(self, part: ParsedMap) -> list[int]:
        """Where the names of one section are in the flat list."""
        ids = []
        for name in part.names:
            number = self._name_ids.setdefault(name, len(self.names))
            if number == len(self.names):
                self.names.append(name)
            ids.append(number)
        return ids


def _laid_out(
    sections: Sequence[Section],
    source_ids: Sequence[Sequence[int]],
    name_ids: Sequence[Sequence[int]],
    decoding: Decoding,
) -> Mappings:
    if not sections:
        return empty_mappings()
    whole, first_lines = _decoded(sections, source_ids, name_ids, decoding)
    counts = np.diff([*first_lines, whole.line_count])
    of_line = np.repeat(np.arange(len(sections)), counts)
    inner = np.arange(whole.line_count) - np.repeat(first_lines, counts)
    starts, ends = (
        np.array([getattr(p, at) for p in sections], np.int64) for at in ("start", "end")
    )
    segments = np.diff(whole.line_starts)
    of_segment = np.repeat(of_line, segments)
    lines = np.repeat(starts[of_line, 0] + inner, segments)
    shifts = np.repeat(np.where(inner == 0, starts[of_line, 1], 0), segments)
    generated = whole.generated + shifts
    ends = ends[of_segment]
    keep = (lines < ends[:, 0]) | ((lines == ends[:, 0]) & (generated < ends[:, 1]))
    keep &= generated < 1 << 31
    flat = Mappings(
        whole.line_starts,
        generated.astype(np.int32),
        _translated(whole.source, of_segment, source_ids),
        whole.line,
        whole.column,
        _translated(whole.name, of_segment, name_ids),
        whole.ranged,
        whole.dropped,
    ).kept(keep)
    line_count = int((starts[:, 0] + counts).max())
    per_line = np.bincount(lines[keep], minlength=line_count)
    line_starts = np.concatenate([[0], np.cumsum(per_line)]).astype(np.int32)
    return replace(flat, line_starts=line_starts, dropped=whole.dropped)


def _decoded(
    sections: Sequence[Section],
    source_ids: Sequence[Sequence[int]],
    name_ids: Sequence[Sequence[int]],
    decoding: Decoding,
) -> tuple[Mappings, list[int]]:
    """All mappings one behind the other, and the line at which each section begins."""
    text = b";".join([part.mappings for part in sections])
    line_counts = [part.mappings.count(b";") + 1 for part in sections]
    first_lines = [0, *np.cumsum(line_counts)[:-1].tolist()]
    strict = decoding.strict
    relative = decode_relative(text, strict=strict, limits=decoding.limits)
    ranged = None
    if any(part.ranges is not None for part in sections):
        ranged = _ranged(sections, relative.line_starts, first_lines, decoding)
    whole = relative.finish(
        np.array([len(ids) for ids in source_ids], np.int32),
        np.array([len(ids) for ids in name_ids], np.int32),
        strict=strict,
        ranged=ranged,
        first_lines=first_lines,
    )
    return whole.require_mostly_whole(), first_lines


def _ranged(
    sections: Sequence[Section], line_starts: Ints, first_lines: list[int], decoding: Decoding
) -> Flags:
    flags = np.zeros(int(line_starts[-1]), np.bool_)
    ends = [*first_lines[1:], len(line_starts) - 1]
    for part, first, end in zip(sections, first_lines, ends, strict=True):
        if part.ranges is not None:
            own = line_starts[first : end + 1]
            marked = decode_ranges(
                part.ranges, own - own[0], first_base=decoding.range_base, strict=decoding.strict
            )
            flags[own[0] : own[-1]] = marked
    return flags


def _translated(ids: Ints, of_segment: Longs, tables: Sequence[Sequence[int]]) -> Ints:
    """Ids plus one of the sections' own lists as ids plus one of the flat ones."""
    table = np.array([0, *(number + 1 for numbers in tables for number in numbers)], np.int32)
    bases = np.cumsum([0, *map(len, tables)])[:-1]
    return table[np.where(ids > 0, ids + bases[of_segment], 0)]


def _require_dense(sections: Sequence[Section], limits: MapLimits) -> None:
    """Refuses maps whose sections lie so far apart that the lines between cost memory."""
    reached = 0
    for part in sections:
        limits.require("empty_line_gap", part.start[0] - reached)
        reached = max(reached, part.start[0] + part.mappings.count(b";") + 1)
        limits.require("generated_lines", reached)
