"""ZIP members: the standard library's writer is the oracle for what an archive is."""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import ContainerError
from symbolicate.formats.container_limits import DEFAULT_LIMITS, ContainerLimits
from symbolicate.formats.zip_members import (
    DEFLATED,
    STORED,
    check_members,
    read_directory,
    read_member,
)

MIB = 1 << 20
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/\\"), min_size=1, max_size=9)
ARCHIVES = st.dictionaries(NAMES, st.binary(max_size=400), max_size=6)
METHODS = st.sampled_from([STORED, DEFLATED])


def pack(
    files: dict[str, bytes], method: int = DEFLATED, *, zip64: bool = False, comment: bytes = b""
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=zip64) as member:
                member.write(content)
    return buffer.getvalue()


def patched(data: bytes, record: bytes, offset: int, form: str, *values: int) -> bytes:
    """Overwrites fields of the last record with this signature."""
    changed = bytearray(data)
    struct.pack_into(form, changed, data.rindex(record) + offset, *values)
    return bytes(changed)


def contents(data: bytes) -> dict[str, bytes]:
    members = check_members(data, DEFAULT_LIMITS)
    return {name: read_member(data, member, DEFAULT_LIMITS) for name, member in members.items()}


@given(ARCHIVES, METHODS, st.booleans())
def test_every_member_is_read_back(files: dict[str, bytes], method: int, zip64: bool) -> None:
    assert contents(pack(files, method, zip64=zip64)) == files


def test_a_streamed_archive_is_read() -> None:
    class Pipe(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.data += bytes(piece)
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", DEFLATED) as archive:
        archive.writestr("dwarf", b"abc" * 100)
    assert contents(pipe.data) == {"dwarf": b"abc" * 100}


def test_the_end_record_is_found_behind_a_comment_that_looks_like_one() -> None:
    assert contents(pack({"a": b"1"}, comment=b"PK\x05\x06" * 9)) == {"a": b"1"}


def test_a_zip64_end_record_is_read() -> None:
    data = pack({"a": b"1", "b": b"22"})
    *_, count, size, offset, _ = struct.unpack_from("<4s4H2LH", data, data.rindex(b"PK\x05\x06"))
    end = len(data) - 22
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    narrow = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    assert contents(data[:end] + wide + locator + narrow) == {"a": b"1", "b": b"22"}
    with pytest.raises(ContainerError, match="Zip64 locator not found"):
        contents(data[:end] + narrow)
    with pytest.raises(ContainerError, match="Zip64 end record not found"):
        contents(data[:end] + bytes(len(wide)) + locator + narrow)


def test_zip64_sizes_in_an_entry_are_read_from_its_extra_field() -> None:
    data = pack({"a": b"123"}, STORED)
    end, entry = data.rindex(b"PK\5\6"), data.rindex(b"PK\1\2")
    extra = struct.pack("<2H2s2HQQ", 9, 2, b"..", 1, 16, 3, 3)
    wide = data[:end] + extra + data[end:]
    wide = patched(wide, b"PK\1\2", 20, "<LL", 0xFFFFFFFF, 0xFFFFFFFF)
    wide = patched(wide, b"PK\1\2", 30, "<H", len(extra))
    wide = patched(wide, b"PK\5\6", 12, "<L", end - entry + len(extra))
    assert contents(wide) == {"a": b"123"}
    with pytest.raises(ContainerError, match="Zip64 field missing"):
        contents(patched(data, b"PK\1\2", 24, "<L", 0xFFFFFFFF))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "C:\\x", "a/../b", "dwarf/", "."]
)
def test_s13_a_name_is_a_key_and_never_a_path(name: str) -> None:
    assert contents(pack({name: b"x"})) == {name: b"x"}


def test_s13_a_name_with_nul_is_kept_as_it_is() -> None:
    data = pack({"aXb": b"x"}).replace(b"aXb", b"a\0b")
    assert contents(data) == {"a\0b": b"x"}


GOOD = pack({"one": b"1" * 300, "two": b"2" * 300})
ENTRY, END = b"PK\x01\x02", b"PK\x05\x06"


def broken(record: bytes, offset: int, form: str, value: int) -> bytes:
    return patched(GOOD, record, offset, form, value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"PK", "end record not found", id="only a magic"),
        pytest.param(GOOD + b"x", "end record not found", id="a byte too much"),
        pytest.param(b"x" + GOOD, "does not end at its end record", id="a prefix"),
        pytest.param(GOOD.replace(b"two", b"one"), "'one' occurs twice", id="name twice"),
        pytest.param(broken(END, 10, "<H", 3), "declares 3 members, 2", id="count"),
        pytest.param(broken(ENTRY, 0, "<L", 0), "entry expected", id="entry magic"),
        pytest.param(broken(ENTRY, 16, "<L", 7), "CRC-32 00000007", id="checksum"),
        pytest.param(broken(ENTRY, 20, "<L", 2), "does not end where", id="deflate cut"),
        pytest.param(broken(ENTRY, 20, "<L", 60), "does not end where", id="bytes after deflate"),
        pytest.param(broken(ENTRY, 20, "<L", 999), "passes the end", id="content past the end"),
        pytest.param(broken(ENTRY, 24, "<L", 9), "more than its declared 9", id="longer"),
        pytest.param(broken(ENTRY, 24, "<L", 999), "found 300", id="shorter"),
        pytest.param(broken(ENTRY, 28, "<H", 999), "the end of the directory", id="name length"),
        pytest.param(broken(ENTRY, 42, "<L", 5), "local header of 'two'", id="offset"),
        pytest.param(broken(ENTRY, 42, "<L", 1 << 31), "local header", id="offset past the end"),
    ],
)
def test_a_damaged_archive_says_what_is_wrong_and_where(data: bytes, said: str) -> None:
    with pytest.raises(ContainerError, match=f"{said}.*at byte .* of the ZIP") as refused:
        check_members(data, DEFAULT_LIMITS)
    assert refused.value.code == "malformed"


def end_record(count: int, size: int, offset: int, comment: bytes = b"") -> bytes:
    counts = struct.pack("<4H", 0, 0, count, count)
    return END + counts + struct.pack("<2LH", size, offset, len(comment)) + comment


WIDE = end_record(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"PK\x05\x06" + bytes(9), "end record not found", id="end record"),
        pytest.param(ENTRY + end_record(1, 4, 0), "entry expected", id="directory entry"),
        pytest.param(
            broken(ENTRY, 42, "<L", len(GOOD))[:-2] + b"\4\0PK\3\4", "local", id="local header"
        ),
        pytest.param(
            b"PK\6\6" + struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1) + WIDE,
            "Zip64 end record not found",
            id="Zip64 end record",
        ),
        pytest.param(
            bytes(10) + end_record(0xFFFF, 0, 0, b"PK\6\7......"),
            "Zip64 locator not found",
            id="Zip64 locator",
        ),
    ],
)
def test_a_record_that_begins_and_does_not_end_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ContainerError, match=said):
        check_members(data, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(broken(ENTRY, 8, "<H", 1), "'two' is encrypted", id="encrypted"),
        pytest.param(broken(ENTRY, 10, "<H", 93), "compression method 93", id="zstd"),
    ],
)
def test_what_we_cannot_decode_is_unsupported(data: bytes, said: str) -> None:
    with pytest.raises(ContainerError, match=said) as refused:
        read_directory(data, DEFAULT_LIMITS)
    assert refused.value.code == "unsupported"


def test_a_name_that_says_utf8_and_is_not_is_refused() -> None:
    data = patched(GOOD.replace(b"two", b"\xff\xffo"), ENTRY, 8, "<H", 0x800)
    with pytest.raises(ContainerError, match=r"member name at byte .* of the ZIP"):
        read_directory(data, DEFAULT_LIMITS)


def test_deflate_damage_names_the_member() -> None:
    data = bytearray(GOOD)
    data[data.index(b"one") + 3] = 0xFF  # a block type that does not exist
    with pytest.raises(ContainerError, match="'one' is damaged near byte"):
        check_members(bytes(data), DEFAULT_LIMITS)


def test_a_deflate_stream_that_ends_long_before_its_member_is_refused() -> None:
    empty_stream = b"\x03\0"
    data = pack({"a": empty_stream + bytes(70_000)}, STORED)
    with pytest.raises(ContainerError, match="bytes after its deflate stream"):
        check_members(patched(data, ENTRY, 10, "<H", DEFLATED), DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("limits", "limit", "seen", "allowed"),
    [
        pytest.param(ContainerLimits(zip_members=1), "zip_members", 2, 1, id="members"),
        pytest.param(ContainerLimits(zip_bytes=299), "zip_bytes", 300, 299, id="one member"),
        pytest.param(ContainerLimits(zip_bytes=599), "zip_bytes", 600, 599, id="all members"),
    ],
)
def test_a_limit_says_what_was_seen(
    limits: ContainerLimits, limit: str, seen: int, allowed: int
) -> None:
    with pytest.raises(ContainerError) as refused:
        read_directory(GOOD, limits)
    error = refused.value
    assert (error.code, error.limit, error.seen, error.allowed) == (
        ("limit_exceeded", limit, seen, allowed)
    )


def test_a_count_that_understates_does_not_hide_members() -> None:
    data = patched(GOOD, END, 10, "<H", 1)
    with pytest.raises(ContainerError, match="zip_members of 2 exceeds the limit of 1"):
        read_directory(data, ContainerLimits(zip_members=1))


def test_a_count_over_the_limit_is_refused_before_the_directory_is_walked() -> None:
    with pytest.raises(ContainerError, match="zip_members of 9 exceeds the limit of 8"):
        read_directory(broken(END, 10, "<H", 9), ContainerLimits(zip_members=8))


def test_s4_a_member_that_hides_its_size_is_stopped_at_the_ratio() -> None:
    bomb = pack({"dwarf": bytes(96 * MIB)})
    with pytest.raises(ContainerError) as refused:
        check_members(bomb, DEFAULT_LIMITS)
    assert (refused.value.code, refused.value.limit) == ("limit_exceeded", "compression_ratio")
    small = patched(bomb, ENTRY, 24, "<L", 1000)
    with pytest.raises(ContainerError, match="more than its declared 1000"):
        check_members(small, DEFAULT_LIMITS)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_flipped_byte_raises_nothing_but_container_errors(at: int, mask: int) -> None:
    flipped = bytearray(GOOD)
    flipped[at] ^= mask
    with suppress(ContainerError):
        check_members(bytes(flipped), DEFAULT_LIMITS)
