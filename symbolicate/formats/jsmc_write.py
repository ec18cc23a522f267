"""Writing of JSMC files: columns as narrow as their values allow, texts compressed one by one."""

from __future__ import annotations

import json
import os
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from symbolicate.formats import zstd
from symbolicate.formats.compiled_contents import ContentState, line_marks, stored_content
from symbolicate.formats.function_table import FunctionTable
from symbolicate.formats.jsmc import (
    ALIGNMENT,
    HEADER_BYTES,
    CompiledFile,
    Flags,
    Header,
    Section,
    Tag,
    pack_header,
    pack_section,
)
from symbolicate.formats.positions import ESCAPED_COLUMN, Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from symbolicate.formats.parsed_origin import ParsedOrigin

    Numbers = NDArray[Any]

_HOW = {"function_map": 0, "scopes": 1, "syntax_tree": 2}


def write_compiled(
    path: str | os.PathLike[str],
    columns: Columns,
    origin: ParsedOrigin,
    *,
    data_hash: bytes,
    keep_going: Callable[[], bool] = lambda: True,
) -> None:
    """Writes a parsed map; the file appears under its name only when it is whole.

    Function tables are made for source after source as long as `keep_going` says so; functions
    of the sources left over are then answered from their tokens.
    """
    scratch = f"{os.fspath(path)}.{os.getpid()}-{id(origin)}.new"
    try:
        with open(scratch, "wb") as file:
            _MapWriter(file, columns, origin, keep_going).write(data_hash)
        CompiledFile.open(scratch).verify()
        os.replace(scratch, path)
    except BaseException:
        if os.path.exists(scratch):
            os.unlink(scratch)
        raise


class _SectionWriter:
    """Appends sections to a file and remembers where they are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sections: list[Section] = []
        self._crc = self._size = 0
        file.write(bytes(HEADER_BYTES))
        self._at = HEADER_BYTES

    def add(self, tag: Tag, items: bytes | Numbers) -> None:
        """Writes one section whole."""
        if isinstance(items, bytes):
            self.append(items)
            self.close(tag)
        else:
            self.append(np.ascontiguousarray(items).data.cast("B"))
            self.close(tag, items.dtype.itemsize)

    def append(self, raw: bytes | memoryview) -> None:
        """Writes a piece of the section that `close` ends."""
        self._crc = zlib.crc32(raw, self._crc)
        self._size += len(raw)
        self._file.write(raw)

    def close(self, tag: Tag, width: int = 1) -> None:
        """Ends a section and pads to the next one's alignment."""
        count = self._size // width
        self._sections.append(Section(tag, width, self._crc, self._at, self._size, count))
        padding = -self._size % ALIGNMENT
        self._file.write(bytes(padding))
        self._at += self._size + padding
        self._crc = self._size = 0

    def finish(self, header: Header) -> None:
        """Writes the table of contents and, last, the header."""
        contents = b"".join(pack_section(section) for section in self._sections)
        self._file.write(contents)
        self._file.seek(0)
        self._file.write(pack_header(header, contents, self._at, self._at + len(contents)))


class _MapWriter:
    def __init__(
        self,
        file: BinaryIO,
        columns: Columns,
        origin: ParsedOrigin,
        keep_going: Callable[[], bool],
    ) -> None:
        self._out = _SectionWriter(file)
        self._columns = columns
        self._origin = origin
        self._keep_going = keep_going
        self._names = list(origin.names)
        self._name_ids: dict[str, int] = {}

    def write(self, data_hash: bytes) -> None:
        self._write_columns()
        self._write_sources()
        self._write_texts()
        self._write_scopes()
        self._write_strings(Tag.NAMES_AT, Tag.NAMES, self._names)
        self._write_remarks()
        self._out.finish(self._header(data_hash))

    def _header(self, data_hash: bytes) -> Header:
        origin = self._origin
        flags = Flags(0)
        for flag, is_set in (
            (Flags.RANGED, self._columns.ranged is not None),
            (Flags.SCOPES, bool(origin.scope_parts)),
            (Flags.DROPPED, bool(origin.dropped_segments)),
            (Flags.DEBUG_ID, origin.debug_id is not None),
            (Flags.LENIENT, bool(origin.dropped_segments or origin.defects)),
        ):
            flags |= flag if is_set else 0
        return Header(
            flags,
            len(self._columns.generated),
            len(self._columns.line_starts) - 1,
            bytes.fromhex((origin.debug_id or "").replace("-", "")),
            data_hash,
            origin.source_count,
            origin.name_count,
            origin.dropped_segments,
        )

    def _write_columns(self) -> None:
        columns = self._columns
        self._out.add(Tag.LINE_STARTS, np.asarray(columns.line_starts).astype(np.uint32))
        self._out.add(Tag.GENERATED, _narrow(np.asarray(columns.generated)))
        self._out.add(Tag.SOURCE, _narrow(np.asarray(columns.source)))
        self._out.add(Tag.LINE, _narrow(np.asarray(columns.line)))
        original, escapes = _escaped(np.asarray(columns.column))
        self._out.add(Tag.COLUMN, original)
        self._out.add(Tag.NAME, _narrow(np.asarray(columns.name)))
        if columns.ranged is not None:
            self._out.add(Tag.RANGED, bytes(columns.ranged))
        if escapes is not None:
            self._out.add(Tag.ESCAPED_COLUMNS, escapes)

    def _write_sources(self) -> None:
        origin = self._origin
        self._write_strings(Tag.SOURCES_AT, Tag.SOURCES, origin.raw_sources)
        if list(origin.sources) != list(origin.raw_sources):
            self._write_strings(Tag.RESOLVED_AT, Tag.RESOLVED, origin.sources)
        if origin.ignored:
            marks = np.zeros(origin.source_count, np.bool_)
            marks[list(origin.ignored)] = True
            self._out.add(Tag.IGNORED, np.packbits(marks, bitorder="little"))

    def _write_texts(self) -> None:
        """Contents and functions, in one pass so that each text is decoded once."""
        states, at = bytearray(), array("Q", [0])
        marks, marks_at = array("I"), array("I", [0])
        functions = _Functions(self._name_id)
        mapped = set(np.unique(np.asarray(self._columns.source)).tolist())
        for source in range(self._origin.source_count):
            text = self._origin.content(source)
            data = None if text is None else text.encode("utf-8", "surrogatepass")
            stored, state = (b"", ContentState.ABSENT) if data is None else stored_content(data)
            marks.extend(line_marks(data or b""))
            marks_at.append(len(marks))
            self._out.append(stored)
            states.append(state)
            at.append(at[-1] + len(stored))
            wanted = source + 1 in mapped and self._keep_going()
            functions.add(*self._origin.functions_of(source, text) if wanted else ("", None))
        self._out.close(Tag.CONTENTS)
        self._out.add(Tag.CONTENT_STATES, bytes(states))
        self._out.add(Tag.CONTENTS_AT, np.frombuffer(at, np.uint64))
        self._out.add(Tag.LINE_MARKS, np.frombuffer(marks, np.uint32))
        self._out.add(Tag.LINE_MARKS_AT, np.frombuffer(marks_at, np.uint32))
        functions.write(self._out)

    def _write_scopes(self) -> None:
        parts = self._origin.scope_parts
        if not parts:
            return
        text = json.dumps([part.as_json() for part in parts])
        self._out.add(Tag.SCOPES, zstd.compress(text.encode()))
        table = self._origin.generated_functions
        if table is not None:
            rows = [(line, column, self._name_id(name)) for line, column, name in table.entries()]
            self._out.add(Tag.SCOPE_FUNCTIONS, np.array(rows, np.uint32).reshape(-1))

    def _write_strings(self, at: Tag, text: Tag, strings: Iterable[str | None]) -> None:
        encoded = [(string or "").encode("utf-8", "surrogatepass") for string in strings]
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        self._out.add(at, ends.astype(np.uint32))
        self._out.add(text, b"".join(encoded))

    def _write_remarks(self) -> None:
        origin = self._origin
        remarks: dict[str, Any] = {
            "file": origin.file,
            "hermes": origin.is_hermes,
            "dart_names": origin.dart_names,
            "defects": list(origin.defects),
            "null_sources": _nulls(origin.sources),
            "null_names": _nulls(origin.names),
        }
        remarks = {name: value for name, value in remarks.items() if value}
        if remarks:
            self._out.add(Tag.REMARKS, json.dumps(remarks).encode())

    def _name_id(self, name: str) -> int:
        """Where a function's name is in the table of names, behind those of the map."""
        number = self._name_ids.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number


class _Functions:
    """The function tables of all sources, one behind the other."""

    def __init__(self, name_id: Callable[[str], int]) -> None:
        self._name_id = name_id
        self._at = array("I", [0])
        self._origins = bytearray()
        self._columns = (array("I"), array("I"), array("I"))

    def add(self, how: str, table: FunctionTable | None) -> None:
        self._origins.append(_HOW.get(how, 2))
        for entry in table.entries() if table else ():
            line, column, name = entry
            for values, value in zip(
                self._columns, (line, column, self._name_id(name)), strict=True
            ):
                values.append(value)
        self._at.append(len(self._columns[0]))

    def write(self, out: _SectionWriter) -> None:
        if not len(self._columns[0]):
            return
        out.add(Tag.FUNCTIONS_AT, np.frombuffer(self._at, np.uint32))
        tags = (Tag.FUNCTION_LINES, Tag.FUNCTION_COLUMNS, Tag.FUNCTION_NAMES)
        for tag, values in zip(tags, self._columns, strict=True):
            out.add(tag, np.frombuffer(values, np.uint32))
        out.add(Tag.FUNCTION_ORIGINS, bytes(self._origins))


def _narrow(values: Numbers) -> Numbers:
    """The same values in the narrowest unsigned items that hold them."""
    top = int(values.max()) if len(values) else 0
    width = np.uint8 if top < 1 << 8 else np.uint16 if top < 1 << 16 else np.uint32
    return values.astype(width)


def _escaped(values: Numbers) -> tuple[Numbers, Numbers | None]:
    """Columns in two bytes and those too wide apart, where that saves space."""
    wide = np.flatnonzero(values >= ESCAPED_COLUMN)
    if not len(wide) or len(wide) * 4 >= len(values):
        return _narrow(values), None
    escapes = np.stack([wide, values[wide]], axis=1).astype(np.uint32).reshape(-1)
    return np.minimum(values, ESCAPED_COLUMN).astype(np.uint16), escapes


def _nulls(strings: Sequence[str | None]) -> list[int]:
    return [index for index, string in enumerate(strings) if string is None]
