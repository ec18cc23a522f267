"""The container in which clients upload a symbol set, decoded to its end under caps.

Layout, all numbers little-endian: 22 bytes ASCII magic, u32 version (1 or 2), u32 type, in
version 2 one byte of compression (0 none, 1 zstd), then the payload to the end. Type 2 holds
two sections, each a u64 length and UTF-8 text; types 3 and 4 hold UTF-8 text; 5 and 6 a ZIP.
A bare ZIP is read as type 5. Format: PostHog's symbol set container, versions 1 and 2.
"""

from __future__ import annotations

import codecs
import struct
from dataclasses import dataclass
from enum import IntEnum

from symbolicate.errors import ContainerError
from symbolicate.formats import zstd
from symbolicate.formats.container_limits import DEFAULT_LIMITS, ContainerLimits
from symbolicate.formats.zip_members import check_members

MAGIC = b"posthog_error_tracking"
VERSION = 2

_HEADER = struct.Struct("<22sII")
_LENGTH = struct.Struct("<Q")
_UNCOMPRESSED, _ZSTD = 0, 1
_PIECE = 1024 * 1024


class ContainerType(IntEnum):
    """What the payload is."""

    SOURCE_AND_MAP = 2
    HERMES_MAP = 3
    PROGUARD_MAPPING = 4
    APPLE_DSYM = 5
    DEBUG_INFO = 6


@dataclass(frozen=True, slots=True)
class Container:
    """A container read to its end.

    Type 2 fills `source` and `map`, the others `payload`; all are decompressed, and text is
    known to be UTF-8. `version` is 0 for a bare ZIP.
    """

    version: int
    type: ContainerType
    source: bytes = b""
    map: bytes = b""
    payload: bytes = b""


def read_container(data: bytes, limits: ContainerLimits = DEFAULT_LIMITS) -> Container:
    """Decodes a container fully, section lengths, text and ZIP members included.

    Raises `ContainerError` and nothing else: `malformed`, `limit_exceeded` for a limit, or
    `unsupported` for a compression we do not know. ZIP members are decoded and not kept.
    """
    limits.require("stored_bytes", len(data))
    if data[:2] == b"PK":
        check_members(data, limits)
        return Container(0, ContainerType.APPLE_DSYM, payload=data)
    version, kind, start = _read_header(data)
    payload = _read_payload(data, version, start, limits)
    if kind is ContainerType.SOURCE_AND_MAP:
        source, source_map = _read_sections(payload)
        return Container(version, kind, source, source_map)
    if kind in (ContainerType.APPLE_DSYM, ContainerType.DEBUG_INFO):
        check_members(payload, limits)
    else:
        _check_utf8("text", payload, 0)
    return Container(version, kind, payload=payload)


def write_container(
    kind: ContainerType,
    *,
    source: bytes = b"",
    map: bytes = b"",
    payload: bytes = b"",
    compress: bool = True,
) -> bytes:
    """Writes a version 2 container: `source` and `map` for type 2, `payload` for the others."""
    if kind is ContainerType.SOURCE_AND_MAP:
        sections = (_LENGTH.pack(len(source)), source, _LENGTH.pack(len(map)), map)
        payload = b"".join(sections)
    if not compress:
        return _HEADER.pack(MAGIC, VERSION, kind) + bytes([_UNCOMPRESSED]) + payload
    return _HEADER.pack(MAGIC, VERSION, kind) + bytes([_ZSTD]) + zstd.compress(payload)


def _read_header(data: bytes) -> tuple[int, ContainerType, int]:
    """Gives version, type and the offset at which the version's own fields begin."""
    if len(data) < _HEADER.size:
        raise ContainerError(
            f"container of {len(data)} bytes ends within its {_HEADER.size}-byte header"
        )
    magic, version, kind = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ContainerError(
            f"not a symbol set container: it starts with {magic!r}, not {MAGIC!r} or a ZIP"
        )
    if version not in (1, 2):
        raise ContainerError(f"container version {version} at byte 22 is not 1 or 2")
    if kind not in set(ContainerType):
        raise ContainerError(f"container type {kind} at byte 26 is not 2, 3, 4, 5 or 6")
    return version, ContainerType(kind), _HEADER.size


def _read_payload(data: bytes, version: int, start: int, limits: ContainerLimits) -> bytes:
    if version == 1:
        compression = _UNCOMPRESSED
    elif len(data) > start:
        compression = data[start]
        start += 1
    else:
        raise ContainerError(f"container ends at byte {start}, before its compression byte")
    if compression == _UNCOMPRESSED:
        return data[start:]
    if compression != _ZSTD:
        what = f"container compression {compression} at byte {start - 1} is not 0 or 1"
        raise ContainerError(what, "unsupported")
    try:
        return zstd.decompress(
            data[start:], limit=limits.payload_bytes, max_ratio=limits.compression_ratio
        )
    except ContainerError as error:
        error.args = (f"payload at byte {start}: {error}",)
        raise


def _read_sections(payload: bytes) -> tuple[bytes, bytes]:
    source, end = _read_section("source", payload, 0)
    source_map, end = _read_section("map", payload, end)
    if end != len(payload):
        raise ContainerError(
            f"{len(payload) - end} bytes follow the map at byte {end} of the payload"
        )
    return source, source_map


def _read_section(name: str, payload: bytes, at: int) -> tuple[bytes, int]:
    """Gives the section whose length stands at `at`, and where it ends."""
    start = at + _LENGTH.size
    if start > len(payload):
        raise ContainerError(
            f"payload of {len(payload)} bytes ends within the {name} length at byte {at}"
        )
    (length,) = _LENGTH.unpack_from(payload, at)
    left = len(payload) - start
    if length > left:
        raise ContainerError(
            f"{name} at byte {start} of the payload declares {length} bytes, {left} follow"
        )
    section = payload[start : start + length]
    _check_utf8(name, section, start)
    return section, start + length


def _check_utf8(name: str, text: bytes, start: int) -> None:
    """Checks text piece by piece, so that a large one is never held a second time."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(text)
    for offset in range(0, len(text) + 1, _PIECE):
        piece = view[offset : offset + _PIECE]
        kept = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, final=offset + _PIECE > len(text))
        except UnicodeDecodeError as error:
            at = start + offset - kept + error.start
            what = f"{name} is not UTF-8 at byte {at} of the payload: {error.reason}"
            raise ContainerError(what) from error
