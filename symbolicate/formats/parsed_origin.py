"""Sources, names and functions of a map that was parsed from JSON in this process."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from hashlib import blake2b

from symbolicate.errors import MapTooComplex, SourceMapError
from symbolicate.formats.function_map import decode_function_map
from symbolicate.formats.function_table import FunctionTable, is_downlevelled
from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.parsed_map import ParsedMap
from symbolicate.formats.positions import Columns
from symbolicate.formats.scope_functions import generated_functions, original_functions
from symbolicate.formats.scopes import Scopes
from symbolicate.formats.scopes_text import decode_scopes
from symbolicate.formats.source_lines import SourceLines
from symbolicate.formats.tokens import FunctionName

_TABLES_BYTES = 16 << 20


class ParsedOrigin:
    """The tables of a parsed map; function tables are made per source and kept up to 16 MiB."""

    def __init__(self, parsed: ParsedMap, limits: MapLimits) -> None:
        self.raw_sources = parsed.raw_sources
        self.sources = parsed.sources
        self.names = parsed.names
        self.ignored = parsed.ignored
        self.debug_id = parsed.debug_id
        self.defects = tuple(parsed.defects)
        self.is_hermes = parsed.hermes
        self.dart_names = parsed.dart_names
        self.dropped_segments = parsed.mappings.dropped
        self._contents = parsed.contents
        self.file = parsed.file
        self._function_maps = parsed.function_maps
        self.scope_parts = parsed.scopes
        self._data = parsed.data
        self._limits = limits
        self._tables = _FunctionTables()
        self._lines = SourceLines(self.content)

    @property
    def source_count(self) -> int:
        return len(self.sources)

    @property
    def name_count(self) -> int:
        return len(self.names)

    @property
    def byte_size(self) -> int:
        texts = sum(
            64 + len(text) for texts in (self.sources, self.names) for text in texts if text
        )
        return (
            texts
            + len(self._data)
            + self._contents.byte_size
            + self._tables.byte_size
            + self._lines.byte_size
        )

    def content(self, source: int) -> str | None:
        return self._contents.text(source) if source < self.source_count else None

    def lines(self, source: int, start: int, stop: int) -> list[str] | None:
        """Some lines of a source, which is kept split for the next time."""
        return self._lines.between(source, start, stop)

    def function(
        self, source: int, line: int, column: int, generated_line: int, generated_column: int
    ) -> FunctionName | None:
        how, table = self._tables.get(source) or self._tables.put(
            source, *self.functions_of(source, self.content(source))
        )
        if how != "function_map" and self.generated_functions is not None:
            name = self.generated_functions.name_at(generated_line, generated_column)
            if name:
                return FunctionName(name, "scopes")
        name = table.name_at(line, column) if table else None
        return FunctionName(name, how) if name and not is_downlevelled(name) else None

    @cached_property
    def scopes(self) -> Scopes | None:
        """The decoded scopes; None where the map has none that can be read.

        Raises `MapTooComplex` for scopes that pass a limit.
        """
        if not self.scope_parts:
            return None
        try:
            return decode_scopes(self.scope_parts, self.names, self.source_count, self._limits)
        except MapTooComplex:
            raise
        except SourceMapError:
            return None

    @cached_property
    def generated_functions(self) -> FunctionTable | None:
        """The functions that the scopes name, by generated position."""
        return generated_functions(self.scopes) if self.scopes else None

    def save(
        self,
        path: str | os.PathLike[str],
        columns: Columns,
        *,
        data_hash: bytes | None,
        keep_going: Callable[[], bool],
    ) -> None:
        """Writes the compiled form; without a hash it is named after the map's JSON."""
        from symbolicate.formats.jsmc_write import write_compiled

        named = data_hash or blake2b(self._data, digest_size=32).digest()
        write_compiled(path, columns, self, data_hash=named, keep_going=keep_going)

    def functions_of(self, source: int, text: str | None) -> tuple[str, FunctionTable | None]:
        """The best table for a source whose text is at hand, and where it comes from."""
        if source < len(self._function_maps):
            table = decode_function_map(self._function_maps[source], self._limits)
            if table is not None:
                return "function_map", table
        table = original_functions(self.scopes, source) if self.scopes else None
        if table is not None:
            return "scopes", table
        return "syntax_tree", self._from_text(text, source)

    def _from_text(self, text: str | None, source: int) -> FunctionTable | None:
        if text is None or len(text) > self._limits.parsed_source_bytes:
            return None
        from symbolicate.formats.js_functions import function_table

        return function_table(text, self.sources[source])


class _FunctionTables:
    """Function tables by source, least recently used first out, weighed in bytes."""

    def __init__(self) -> None:
        self._tables: OrderedDict[int, tuple[str, FunctionTable | None]] = OrderedDict()
        self._lock = threading.Lock()
        self.byte_size = 0

    def get(self, source: int) -> tuple[str, FunctionTable | None] | None:
        with self._lock:
            found = self._tables.get(source)
            if found is not None:
                self._tables.move_to_end(source)
            return found

    def put(
        self, source: int, how: str, table: FunctionTable | None
    ) -> tuple[str, FunctionTable | None]:
        with self._lock:
            if source not in self._tables:
                self._tables[source] = how, table
                self.byte_size += _weight(table)
            while self.byte_size > _TABLES_BYTES and len(self._tables) > 1:
                _, (_, oldest) = self._tables.popitem(last=False)
                self.byte_size -= _weight(oldest)
        return how, table


def _weight(table: FunctionTable | None) -> int:
    return 64 + (table.byte_size if table else 0)
