"""JSMC, the compiled form of a source map: sections that are mapped and read where they lie.

Little-endian. A header of 128 bytes, sections aligned to 8 bytes, then a table of contents. The
header's CRC covers the header and the table, each table entry holds the CRC of its section.
Reading takes the standard library alone; only contents and scopes are compressed.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from enum import IntEnum, IntFlag
from typing import NamedTuple

from symbolicate.errors import CorruptCache

MAGIC = b"JSMC"
VERSION = 1
HEADER_BYTES = 128
ALIGNMENT = 8
MAX_SECTIONS = 64

_HEADER = struct.Struct("<4sHHQIIQ16s32sIIQI24sI")
_CONTENTS_ENTRY = struct.Struct("<BBBBIQQQ")
_FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Tag(IntEnum):
    """What a section holds; `_AT` are offsets into the section that follows it in this list."""

    LINE_STARTS = 1
    GENERATED = 2
    SOURCE = 3
    LINE = 4
    COLUMN = 5
    NAME = 6
    RANGED = 7
    SOURCES_AT = 8
    SOURCES = 9
    RESOLVED_AT = 10
    RESOLVED = 11
    IGNORED = 12
    NAMES_AT = 13
    NAMES = 14
    CONTENTS_AT = 15
    CONTENT_STATES = 16
    CONTENTS = 17
    FUNCTIONS_AT = 18
    FUNCTION_LINES = 19
    FUNCTION_COLUMNS = 20
    FUNCTION_NAMES = 21
    SCOPE_FUNCTIONS = 22
    ESCAPED_COLUMNS = 23
    FUNCTION_ORIGINS = 24
    SCOPES = 25
    REMARKS = 26
    LINE_MARKS_AT = 27
    LINE_MARKS = 28


class Flags(IntFlag):
    """What a compiled map has beside plain mappings."""

    RANGED = 2
    SCOPES = 4
    DROPPED = 8
    DEBUG_ID = 16
    LENIENT = 32


class Header(NamedTuple):
    """Counts and identity of one compiled map."""

    flags: Flags
    segments: int
    lines: int
    debug_id: bytes
    data_hash: bytes
    sources: int
    names: int
    dropped: int


MAPPED_FROM = 256 << 10
"""Bytes above which a file is mapped; a mapped one weighs as much, for its descriptor."""


class Section(NamedTuple):
    """Where one section lies, how wide its items are and what its bytes must sum up to."""

    tag: int
    width: int
    crc: int
    offset: int
    size: int
    items: int


class CompiledFile:
    """One JSMC file; views of it stay valid as long as they are held.

    A large file is mapped, which holds a file descriptor; a small one is read, so that a process
    can keep thousands open. `held_bytes` is what either costs a cache.
    """

    __slots__ = ("_data", "_sections", "header", "held_bytes")

    def __init__(self, data: memoryview, held_bytes: int) -> None:
        self._data = data
        self.held_bytes = held_bytes
        self.header, at, count = _read_header(data)
        self._sections = _read_contents(data, at, count)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> CompiledFile:
        """Opens a file; only the header and the table of contents are checked."""
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= MAPPED_FROM:
                return cls(memoryview(file.read()), size)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(memoryview(mapped), MAPPED_FROM)

    def view(self, tag: Tag) -> memoryview[int] | None:
        """The items of a section, or None where the file has no such section."""
        section = self._sections.get(tag)
        if section is None:
            return None
        raw = self._data[section.offset : section.offset + section.size]
        return raw.cast("B") if section.width == 1 else raw.cast(_FORMATS[section.width])  # type: ignore[call-overload]

    def required(self, tag: Tag, count: int | None = None) -> memoryview[int]:
        """The items of a section that must be there, and be so many."""
        view = self.view(tag)
        if view is None or (count is not None and len(view) != count):
            raise CorruptCache(f"compiled source map: section {tag.name} is missing or cut")
        return view

    def copy(self, path: str | os.PathLike[str]) -> None:
        """Writes the same file again under another name."""
        scratch = f"{os.fspath(path)}.{os.getpid()}-{id(self)}.new"
        with open(scratch, "wb") as file:
            file.write(self._data)
        os.replace(scratch, path)

    def verify(self) -> None:
        """Checks every section's CRC; for files that come from elsewhere."""
        for section in self._sections.values():
            raw = self._data[section.offset : section.offset + section.size]
            if zlib.crc32(raw) != section.crc:
                raise CorruptCache(f"compiled source map: section {section.tag} is damaged")


def pack_header(header: Header, contents: bytes, at: int, file_size: int) -> bytes:
    """The 128 bytes of a header whose table of contents lies at `at`."""
    parts = _HEADER.pack(
        MAGIC,
        VERSION,
        header.flags,
        header.segments,
        header.lines,
        len(contents) // _CONTENTS_ENTRY.size,
        at,
        header.debug_id,
        header.data_hash,
        header.sources,
        header.names,
        file_size,
        header.dropped,
        bytes(24),
        0,
    )[:-4]
    return parts + struct.pack("<I", zlib.crc32(contents, zlib.crc32(parts)))


def pack_section(section: Section) -> bytes:
    """One entry of the table of contents."""
    return _CONTENTS_ENTRY.pack(
        section.tag, section.width, 0, 0, section.crc, section.offset, section.size, section.items
    )


def _read_header(data: memoryview) -> tuple[Header, int, int]:
    """The header, and where the table of contents lies and how many entries it has."""
    if len(data) < HEADER_BYTES or data[:4] != MAGIC:
        raise CorruptCache("compiled source map: not a JSMC file")
    (_, version, flags, segments, lines, count, at, debug_id, data_hash, sources, names, size,
     dropped, _, crc) = _HEADER.unpack_from(data)  # fmt: skip
    if version != VERSION:
        raise CorruptCache(f"compiled source map: version {version}, not {VERSION}")
    end = at + count * _CONTENTS_ENTRY.size
    if size != len(data) or count > MAX_SECTIONS or at < HEADER_BYTES or end > size:
        raise CorruptCache("compiled source map: the file is cut")
    if zlib.crc32(data[at:end], zlib.crc32(data[: HEADER_BYTES - 4])) != crc:
        raise CorruptCache("compiled source map: the header is damaged")
    header = Header(Flags(flags), segments, lines, debug_id, data_hash, sources, names, dropped)
    return header, at, count


def _read_contents(data: memoryview, at: int, count: int) -> dict[int, Section]:
    sections = {}
    for number in range(count):
        entry = _CONTENTS_ENTRY.unpack_from(data, at + number * _CONTENTS_ENTRY.size)
        tag, width, codec, _, crc, offset, size, items = entry
        inside = HEADER_BYTES <= offset <= offset + size <= len(data)
        if codec or width not in _FORMATS or items * width != size or not inside:
            raise CorruptCache(f"compiled source map: section {tag} is out of bounds")
        sections[tag] = Section(tag, width, crc, offset, size, items)
    return sections
