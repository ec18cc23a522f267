"""Sources, names, contents and functions of a map that was opened from its compiled form."""

from __future__ import annotations

import json
import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from symbolicate.errors import ContainerError, CorruptCache, SourceMapError
from symbolicate.formats.compiled_contents import CompiledContents
from symbolicate.formats.function_table import is_downlevelled
from symbolicate.formats.jsmc import CompiledFile, Flags, Tag
from symbolicate.formats.jsmc_strings import CompiledStrings
from symbolicate.formats.positions import Columns
from symbolicate.formats.tokens import FunctionName

if TYPE_CHECKING:
    from symbolicate.formats.scopes import Scopes

HOW = ("function_map", "scopes", "syntax_tree")
"""Where a source's functions come from, by the number that the file stores."""


class CompiledOrigin:
    """The tables of a compiled map; nothing is decoded before it is asked for."""

    def __init__(self, compiled: CompiledFile) -> None:
        self._compiled = compiled
        header = compiled.header
        self.source_count = header.sources
        self.name_count = header.names
        self.dropped_segments = header.dropped
        resolved = compiled.view(Tag.RESOLVED_AT) is not None
        at, text = (Tag.RESOLVED_AT, Tag.RESOLVED) if resolved else (Tag.SOURCES_AT, Tag.SOURCES)
        self.sources = self._strings(at, text, "null_sources")
        self.names = self._strings(Tag.NAMES_AT, Tag.NAMES, "null_names")
        self._contents = CompiledContents(compiled)

    def columns(self) -> Columns:
        """The mappings, as they lie in the file."""
        compiled, header = self._compiled, self._compiled.header
        count = header.segments
        ranged = header.flags & Flags.RANGED
        return Columns(
            compiled.required(Tag.LINE_STARTS, header.lines + 1),
            compiled.required(Tag.GENERATED, count),
            compiled.required(Tag.SOURCE, count),
            compiled.required(Tag.LINE, count),
            compiled.required(Tag.COLUMN, count),
            compiled.required(Tag.NAME, count),
            compiled.required(Tag.RANGED, (count + 7) // 8) if ranged else None,
            compiled.view(Tag.ESCAPED_COLUMNS),
        )

    @cached_property
    def raw_sources(self) -> CompiledStrings:
        """The sources as the map spells them."""
        return self._strings(Tag.SOURCES_AT, Tag.SOURCES, "null_sources")

    @property
    def ignored(self) -> frozenset[int]:
        """Ids of the sources on the ignore list."""
        bits = self._compiled.view(Tag.IGNORED)
        if bits is None:
            return frozenset()
        marked = (8 * at + bit for at, byte in enumerate(bits) if byte for bit in range(8)
                  if byte >> bit & 1)  # fmt: skip
        return frozenset(marked)

    @property
    def debug_id(self) -> str | None:
        """The debug id, lower case with hyphens."""
        if not self._compiled.header.flags & Flags.DEBUG_ID:
            return None
        text = self._compiled.header.debug_id.hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    @property
    def file(self) -> str | None:
        """The map's own word for the generated file."""
        file: str | None = self._remarks.get("file")
        return file

    @property
    def is_hermes(self) -> bool:
        """Whether columns are offsets into Hermes bytecode."""
        return bool(self._remarks.get("hermes"))

    @property
    def dart_names(self) -> dict[str, str]:
        """The names that dart2js shortened, by their short forms."""
        names: dict[str, str] = self._remarks.get("dart_names", {})
        return names

    @property
    def defects(self) -> tuple[str, ...]:
        """What lenient reading let pass."""
        return tuple(self._remarks.get("defects", ()))

    @property
    def byte_size(self) -> int:
        """What the file holds, and the strings and texts kept so far."""
        strings = self.sources.byte_size + self.names.byte_size
        return self._compiled.held_bytes + strings + self._contents.byte_size

    def save(
        self,
        path: str | os.PathLike[str],
        columns: Columns,
        *,
        data_hash: bytes | None,
        keep_going: Callable[[], bool],
    ) -> None:
        """Copies the file; nothing is made anew."""
        self._compiled.copy(path)

    def content(self, source: int) -> str | None:
        """The text of a source, decompressed each time."""
        return self._contents.text(source)

    def lines(self, source: int, start: int, stop: int) -> list[str] | None:
        """Some lines of a source."""
        return self._contents.lines(source, start, stop)

    def function(
        self, source: int, line: int, column: int, generated_line: int, generated_column: int
    ) -> FunctionName | None:
        """The function at an original position, from the tables made at compile time."""
        try:
            how, name = self._function(source, line, column)
            if how != HOW[0]:
                scoped = self._scope_function(generated_line, generated_column)
                how, name = ("scopes", scoped) if scoped else (how, name)
        except IndexError:
            raise CorruptCache("compiled source map: a function table is cut") from None
        return FunctionName(name, how) if name and not is_downlevelled(name) else None

    @cached_property
    def scopes(self) -> Scopes | None:
        """The decoded scopes; None where the map has none that can be read."""
        stored = self._compiled.view(Tag.SCOPES)
        if stored is None:
            return None
        from symbolicate.formats import zstd
        from symbolicate.formats.map_limits import DEFAULT_LIMITS
        from symbolicate.formats.scopes_text import ScopesPart, decode_scopes

        try:
            limit = DEFAULT_LIMITS.map_bytes
            text = zstd.decompress(bytes(stored), limit=limit)
            parts = [ScopesPart.of_json(part) for part in json.loads(text)]
            return decode_scopes(parts, self.names, self.source_count, DEFAULT_LIMITS)
        except SourceMapError:
            return None
        except (ContainerError, ValueError, TypeError, KeyError):
            raise CorruptCache("compiled source map: scopes are damaged") from None

    def _function(self, source: int, line: int, column: int) -> tuple[str, str | None]:
        if self._tables is None:
            return HOW[2], None
        at, origins, lines, columns, names = self._tables
        start, end = at[source], at[source + 1]
        first = bisect_left(lines, line, start, end)
        after = bisect_right(lines, line, first, end)
        index = bisect_right(columns, column, first, after) - 1
        if index < start:
            return HOW[min(origins[source], 2)], None
        return HOW[min(origins[source], 2)], self.names[names[index]]

    def _scope_function(self, line: int, column: int) -> str | None:
        table = self._scope_table
        if table is None:
            return None
        index = bisect_right(
            range(len(table) // 3), (line, column), key=lambda n: (table[3 * n], table[3 * n + 1])
        )
        return self.names[table[3 * index - 1]] if index else None

    @cached_property
    def _tables(self) -> tuple[memoryview[int], ...] | None:
        """Offsets by source, origins by source, lines, columns, names."""
        at = self._compiled.view(Tag.FUNCTIONS_AT)
        if at is None:
            return None
        required = self._compiled.required
        return (
            at,
            required(Tag.FUNCTION_ORIGINS),
            required(Tag.FUNCTION_LINES),
            required(Tag.FUNCTION_COLUMNS),
            required(Tag.FUNCTION_NAMES),
        )

    @cached_property
    def _scope_table(self) -> memoryview[int] | None:
        return self._compiled.view(Tag.SCOPE_FUNCTIONS)

    @cached_property
    def _remarks(self) -> dict[str, Any]:
        stored = self._compiled.view(Tag.REMARKS)
        if stored is None:
            return {}
        try:
            remarks = json.loads(bytes(stored))
        except ValueError:
            remarks = None
        if not isinstance(remarks, dict):
            raise CorruptCache("compiled source map: remarks are damaged")
        return remarks

    def _strings(self, at: Tag, text: Tag, absent: str) -> CompiledStrings:
        offsets, texts = self._compiled.required(at), self._compiled.required(text)
        return CompiledStrings(offsets, texts, lambda: frozenset(self._remarks.get(absent, ())))
