"""Source maps: from minified positions back to the lines that people wrote (ECMA-426)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from symbolicate.errors import CorruptCache
from symbolicate.formats.positions import Found, Positions, out_of_bounds
from symbolicate.formats.tokens import FunctionName, Token, TokenColumns

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from symbolicate.formats.batch_positions import BatchPositions
    from symbolicate.formats.map_limits import MapLimits
    from symbolicate.formats.map_origin import MapOrigin
    from symbolicate.formats.scopes import Scopes

__all__ = ["FunctionName", "SourceMap", "Token", "TokenColumns"]

_new_token = tuple.__new__


class SourceMap:
    """A parsed or an opened source map.

    Lines and columns are 0-based, columns count UTF-16 code units. Instances are immutable to
    the caller; every method may be called from several threads at once.
    """

    __slots__ = (
        "_adjusted",
        "_batch",
        "_columns",
        "_find",
        "_lines",
        "_lock",
        "_name_ids",
        "_names",
        "_origin",
        "_positions",
        "_source_ids",
        "_sources",
    )

    def __init__(self, positions: Positions, origin: MapOrigin) -> None:
        self._positions = positions
        self._find = positions.find
        self._adjusted = positions.adjusted
        columns = positions.columns
        self._source_ids, self._name_ids = columns.source, columns.name
        self._lines, self._columns = columns.line, columns.column
        self._origin = origin
        self._sources = origin.sources
        self._names = origin.names
        self._batch: BatchPositions | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_json(
        cls,
        data: bytes,
        *,
        url: str | None = None,
        strict: bool = False,
        limits: MapLimits | None = None,
        range_base: int = -1,
    ) -> SourceMap:
        """Parses a plain or an index map.

        `url` is the map's own address, against which sources are resolved; without it they stay
        verbatim behind their `sourceRoot`. Strict: every defect raises `SourceMapError`. Lenient:
        segments at fault are dropped and counted, other defects noted in `defects`. A limit that
        is passed raises `MapTooComplex` in both modes.
        """
        from symbolicate.formats.map_limits import DEFAULT_LIMITS
        from symbolicate.formats.parsed_origin import ParsedOrigin
        from symbolicate.formats.source_map_parse import parse

        limits = limits or DEFAULT_LIMITS
        parsed = parse(data, url=url, strict=strict, limits=limits, range_base=range_base)
        return cls(Positions(parsed.mappings.columns()), ParsedOrigin(parsed, limits))

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        data_hash: bytes | None = None,
        verify: bool = False,
    ) -> SourceMap:
        """Opens a compiled map; nothing is parsed, and numpy is not needed.

        Raises `CorruptCache` for a file that is damaged, cut, of another version, or made from
        other data than `data_hash` names. `verify` also checks every section, as for a file that
        comes from another machine; without it only what is read is checked, when it is read.
        """
        from symbolicate.formats.compiled_origin import CompiledOrigin
        from symbolicate.formats.jsmc import CompiledFile

        compiled = CompiledFile.open(path)
        if data_hash is not None and compiled.header.data_hash != data_hash:
            raise CorruptCache("compiled source map: made from other data")
        if verify:
            compiled.verify()
        origin = CompiledOrigin(compiled)
        return cls(Positions(origin.columns()), origin)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        data_hash: bytes | None = None,
        keep_going: Callable[[], bool] = lambda: True,
    ) -> None:
        """Writes the compiled form, for `open`; the file appears whole or not at all.

        `data_hash` (32 bytes) names what it was made from; by default BLAKE2b-256 of the JSON.
        Functions are looked for in source after source as long as `keep_going` says so.
        """
        columns = self._positions.columns
        self._origin.save(path, columns, data_hash=data_hash, keep_going=keep_going)

    def lookup(self, line: int, column: int) -> Token | None:
        """The original position of a generated one; None where nothing is mapped.

        The mapping is the last at or before `column` on the same generated line.
        """
        try:
            index = self._find(line, column)
            if index < 0:
                return None
            source, name = self._source_ids[index], self._name_ids[index]
            if not source:
                return None
            if self._adjusted:
                at_line, at_column = self._positions.original(index, line, column)
            else:
                at_line, at_column = self._lines[index], self._columns[index]
        except IndexError:
            raise out_of_bounds() from None
        text = self._names[name - 1] if name else None
        return _new_token(Token, (self._sources[source - 1], at_line, at_column, text))

    def lookup_many(self, lines: ArrayLike, columns: ArrayLike) -> TokenColumns:
        """The same for arrays of positions, answered column by column."""
        with self._lock:
            if self._batch is None:
                from symbolicate.formats.batch_positions import BatchPositions

                self._batch = BatchPositions(self._positions.columns)
        return TokenColumns(self._batch.locate(lines, columns), self._sources, self._names)

    def source_index(self, line: int, column: int) -> Found | None:
        """What `lookup` finds, as ids: (source, line, column, name), -1 for no name."""
        return self._positions.locate(line, column)

    def function_at(self, line: int, column: int) -> FunctionName | None:
        """The original function that encloses a generated position, and how it was found.

        Tried in this order: the map's function map, its scopes, the syntax tree of the original
        source, the name at the position's own token.
        """
        found = self._positions.locate(line, column)
        if found is None:
            return None
        source, original_line, original_column, name = found
        function = self._origin.function(source, original_line, original_column, line, column)
        if function is not None:
            return function
        if name < 0:
            name = self._positions.name_before(line, column)
        text = self._names[name] if name >= 0 else None
        return FunctionName(text, "token") if text else None

    def source_content(self, index: int) -> str | None:
        """The text of one original source, by its place in `sources`."""
        return self._origin.content(index)

    def source_lines(self, index: int, start: int, stop: int) -> list[str] | None:
        """Lines `start` to `stop` - 1 of one source, clipped to it; None if it has no text."""
        return self._origin.lines(index, start, stop)

    @property
    def sources(self) -> list[str | None]:
        """The original sources as tokens name them."""
        return [self._sources[index] for index in range(self._origin.source_count)]

    @property
    def names(self) -> list[str | None]:
        """The original names; None where the map's own entry is no string."""
        return [self._names[index] for index in range(self._origin.name_count)]

    @property
    def raw_sources(self) -> list[str | None]:
        """The original sources as the map spells them."""
        raw = self._origin.raw_sources
        return [raw[index] for index in range(self._origin.source_count)]

    @property
    def ignored_sources(self) -> list[str]:
        """Those sources that the map asks debuggers to skip."""
        found = (self._sources[index] for index in self.ignored_source_ids)
        return [source for source in found if source is not None]

    @property
    def ignored_source_ids(self) -> frozenset[int]:
        """The same by their place in `sources`."""
        return self._origin.ignored

    @property
    def debug_id(self) -> str | None:
        """The map's debug id, lower case with hyphens."""
        return self._origin.debug_id

    @property
    def file(self) -> str | None:
        """The map's own word for the generated file."""
        return self._origin.file

    @property
    def scopes(self) -> Scopes | None:
        """The decoded scopes proposal; None where the map has none that can be read."""
        return self._origin.scopes

    def record(self) -> dict[str, Any]:
        """The decoded source map record of ECMA-426, as plain JSON values."""
        from symbolicate.formats.source_map_record import record

        return record(self, self._positions)

    @property
    def dropped_segments(self) -> int:
        """Segments that lenient reading had to leave out."""
        return self._origin.dropped_segments

    @property
    def defects(self) -> tuple[str, ...]:
        """What else lenient reading let pass, one sentence each."""
        return self._origin.defects

    @property
    def is_hermes(self) -> bool:
        """Whether the map says that its columns are offsets into Hermes bytecode."""
        return self._origin.is_hermes

    def dart_name(self, short: str) -> str | None:
        """The class name that dart2js shortened; None where the map does not say."""
        return self._origin.dart_names.get(short)

    @property
    def byte_size(self) -> int:
        """Estimate of the memory held, for caches that are weighed in bytes."""
        batch = self._batch
        keys = batch.byte_size if batch else 0
        return self._positions.byte_size + self._origin.byte_size + keys
