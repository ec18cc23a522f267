"""The members of a ZIP archive, read under caps and only as bytes: names are keys, never paths.

Format: PKWARE APPNOTE 6.3.10, stored and deflated members, Zip64 fields understood. The archive
must begin at byte 0 and end with its end record; offsets in messages count from there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from symbolicate.errors import ContainerError
from symbolicate.formats.container_limits import ContainerLimits, require_ratio

STORED, DEFLATED = 0, 8

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

_ENCRYPTED, _UTF8 = 0x1, 0x800
# Deflate expands at most 1,032 times, so one piece of input gives at most 17 MiB.
_PIECE = 16 * 1024


class Member(NamedTuple):
    """One entry of the central directory; `offset` is that of its local header."""

    name: str
    method: int
    crc: int
    stored_size: int
    size: int
    offset: int


def read_directory(data: bytes, limits: ContainerLimits) -> dict[str, Member]:
    """Reads the central directory in its order; no member's content is touched.

    Guarantees: at most `limits.zip_members` names, no name twice, only methods we can read, and
    declared sizes within the limits. Raises `ContainerError`.
    """
    count, start, end = _directory_bounds(data)
    limits.require("zip_members", count)
    found: dict[str, Member] = {}
    total, at = 0, start
    while at < end:
        member, following = _read_entry(data, at, end)
        if member.name in found:
            raise _malformed(f"ZIP member {member.name!r} occurs twice", at)
        found[member.name] = member
        total += member.size
        limits.require("zip_members", len(found))
        limits.require("zip_bytes", total)
        at = following
    if len(found) != count:
        raise _malformed(f"ZIP end record declares {count} members, {len(found)} are listed", start)
    return found


def check_members(data: bytes, limits: ContainerLimits) -> dict[str, Member]:
    """Reads the directory and decodes every member to its end, keeping none of the content."""
    members = read_directory(data, limits)
    for member in members.values():
        for _ in member_chunks(data, member, limits):
            pass
    return members


def read_member(data: bytes, member: Member, limits: ContainerLimits) -> bytes:
    """Gives a member's whole content, its size and CRC-32 checked."""
    return b"".join(member_chunks(data, member, limits))


def member_chunks(data: bytes, member: Member, limits: ContainerLimits) -> Iterator[bytes]:
    """Yields a member's content in pieces of at most 17 MiB; raises at its end if it is damaged."""
    start = _content_start(data, member)
    view = memoryview(data)[start : start + member.stored_size]
    pieces = _inflate(view, member, start) if member.method == DEFLATED else _stored(view)
    size = crc = 0
    for piece in pieces:
        size += len(piece)
        crc = zlib.crc32(piece, crc)
        if size > member.size:  # the sum of declared sizes is what bounds the work
            raise _malformed(f"{member.name!r} holds more than its declared {member.size}", start)
        require_ratio(size, member.stored_size, limits.compression_ratio)
        yield piece
    if (size, crc) != (member.size, member.crc):
        declared = f"{member.size} bytes with CRC-32 {member.crc:08x}"
        raise _malformed(f"{member.name!r} declares {declared}, found {size} with {crc:08x}", start)


def _stored(view: memoryview) -> Iterator[bytes]:
    for offset in range(0, len(view), _PIECE):
        yield bytes(view[offset : offset + _PIECE])


def _inflate(view: memoryview, member: Member, start: int) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    for offset in range(0, len(view), _PIECE):
        if stream.eof:
            raise _malformed(f"{member.name!r} has bytes after its deflate stream", start + offset)
        try:
            piece = stream.decompress(view[offset : offset + _PIECE])
        except zlib.error as error:
            raise ContainerError(
                f"{member.name!r} is damaged near byte {start + offset} of the ZIP: {error}"
            ) from error
        yield piece
    if not stream.eof or stream.unused_data:
        raise _malformed(f"{member.name!r} does not end where its deflate stream ends", start)


def _directory_bounds(data: bytes) -> tuple[int, int, int]:
    """Gives the declared member count and the byte range of the central directory."""
    end = _find_end(data)
    *_, count, size, offset, _ = _END.unpack_from(data, end)
    if count == 0xFFFF or 0xFFFFFFFF in (size, offset):
        end, count, size, offset = _read_end64(data, end)
    if offset + size != end:
        raise _malformed(
            f"ZIP directory of {size} bytes at {offset} does not end at its end record", end
        )
    return count, offset, end


def _find_end(data: bytes) -> int:
    """Finds the end record whose comment reaches exactly to the end of the data."""
    at = len(data)
    lowest = max(0, len(data) - _END.size - 0xFFFF)
    while (at := data.rfind(b"PK\x05\x06", lowest, at + 3)) >= 0:
        if at + _END.size <= len(data):
            comment: int = _END.unpack_from(data, at)[-1]
            if at + _END.size + comment == len(data):
                return at
    raise _malformed("ZIP end record not found", len(data))


def _read_end64(data: bytes, end: int) -> tuple[int, int, int, int]:
    """Gives position, member count, directory size and offset of the Zip64 end record."""
    locator = end - _LOCATOR64.size
    if locator < 0 or data[locator : locator + 4] != b"PK\x06\x07":
        raise _malformed("Zip64 locator not found", end)
    at: int = _LOCATOR64.unpack_from(data, locator)[2]
    if at + _END64.size > locator or data[at : at + 4] != b"PK\x06\x06":
        raise _malformed("Zip64 end record not found", at)
    *_, count, size, offset = _END64.unpack_from(data, at)
    return at, count, size, offset


def _read_entry(data: bytes, at: int, end: int) -> tuple[Member, int]:
    """Reads one directory entry; gives it and the position of the next."""
    if at + _ENTRY.size > end or data[at : at + 4] != b"PK\x01\x02":
        raise _malformed("ZIP directory entry expected", at)
    fields = _ENTRY.unpack_from(data, at)
    flags, method, crc, stored_size, size = fields[3], fields[4], *fields[7:10]
    name_length, extra_length, comment_length, offset = *fields[10:13], fields[16]
    name_at = at + _ENTRY.size
    extra_at = name_at + name_length
    following: int = extra_at + extra_length + comment_length
    if following > end:
        raise _malformed("ZIP directory entry passes the end of the directory", at)
    name = _decode_name(data[name_at:extra_at], flags, name_at)
    extra = data[extra_at : extra_at + extra_length]
    size, stored_size, offset = _widen(extra, (size, stored_size, offset), at)
    member = Member(name, method, crc, stored_size, size, offset)
    _check_method(member, flags, at)
    return member, following


def _decode_name(raw: bytes, flags: int, at: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError as error:
        raise ContainerError(f"ZIP member name at byte {at} of the ZIP: {error}") from error


def _widen(extra: bytes, fields: tuple[int, int, int], at: int) -> list[int]:
    """Replaces saturated sizes and offset by the values of the Zip64 extra field."""
    values = list(fields)
    missing = [index for index, value in enumerate(values) if value == 0xFFFFFFFF]
    if not missing:
        return values
    wide = _zip64_extra(extra)
    if len(wide) < 8 * len(missing):
        raise _malformed("Zip64 field missing or too short", at)
    for index, place in enumerate(missing):
        (values[place],) = struct.unpack_from("<Q", wide, 8 * index)
    return values


def _zip64_extra(extra: bytes) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _check_method(member: Member, flags: int, at: int) -> None:
    if flags & _ENCRYPTED:
        raise _unsupported(f"{member.name!r} is encrypted", at)
    if member.method not in (STORED, DEFLATED):
        raise _unsupported(
            f"{member.name!r} uses compression method {member.method}, not 0 or 8", at
        )


def _content_start(data: bytes, member: Member) -> int:
    """Gives where the member's stored bytes begin, which all lie within the data."""
    at = member.offset
    if at + _LOCAL.size > len(data) or data[at : at + 4] != b"PK\x03\x04":
        raise _malformed(f"local header of {member.name!r} expected", at)
    name_length, extra_length = _LOCAL.unpack_from(data, at)[-2:]
    start: int = at + _LOCAL.size + name_length + extra_length
    if start + member.stored_size > len(data):
        raise _malformed(f"{member.name!r} of {member.stored_size} bytes passes the end", start)
    return start


def _malformed(what: str, at: int) -> ContainerError:
    return ContainerError(f"{what} (at byte {at} of the ZIP)")


def _unsupported(what: str, at: int) -> ContainerError:
    return ContainerError(f"{what} (at byte {at} of the ZIP)", "unsupported")
