"""The symbol set container: written and read back, and every defect told apart."""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import ContainerError
from symbolicate.formats.container import (
    MAGIC,
    Container,
    ContainerType,
    read_container,
    write_container,
)
from symbolicate.formats.container_limits import ContainerLimits

SOURCE_AND_MAP, HERMES_MAP = ContainerType.SOURCE_AND_MAP, ContainerType.HERMES_MAP
TEXTS = st.text(st.characters(codec="utf-8"), max_size=300).map(str.encode)
MIB = 1 << 20


def a_zip(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def header(version: int, kind: int, *rest: bytes) -> bytes:
    return MAGIC + struct.pack("<II", version, kind) + b"".join(rest)


def sections(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<Q", len(text)) + text for text in texts)


ZIP = a_zip(dwarf=b"\x7fELF" + bytes(99))
SMALL = {
    "type 2, zstd": write_container(SOURCE_AND_MAP, source=b"f()", map="{ä}".encode()),
    "type 2, plain": write_container(SOURCE_AND_MAP, source=b"f()", map=b"{}", compress=False),
    "type 2, version 1": header(1, 2, sections(b"f()", b"{}")),
    "type 6, zstd": write_container(ContainerType.DEBUG_INFO, payload=ZIP),
    "type 5, plain": write_container(ContainerType.APPLE_DSYM, payload=ZIP, compress=False),
    "a bare ZIP": ZIP,
}


@given(TEXTS, TEXTS, st.booleans())
def test_source_and_map_come_back(source: bytes, source_map: bytes, compress: bool) -> None:
    data = write_container(SOURCE_AND_MAP, source=source, map=source_map, compress=compress)
    assert read_container(data) == Container(2, SOURCE_AND_MAP, source, source_map)


@given(TEXTS, st.sampled_from([HERMES_MAP, ContainerType.PROGUARD_MAPPING]), st.booleans())
def test_text_comes_back(text: bytes, kind: ContainerType, compress: bool) -> None:
    data = write_container(kind, payload=text, compress=compress)
    assert read_container(data) == Container(2, kind, payload=text)


@pytest.mark.parametrize("kind", [ContainerType.APPLE_DSYM, ContainerType.DEBUG_INFO])
@pytest.mark.parametrize("compress", [True, False], ids=["zstd", "plain"])
def test_a_zip_comes_back(kind: ContainerType, compress: bool) -> None:
    data = write_container(kind, payload=ZIP, compress=compress)
    assert read_container(data) == Container(2, kind, payload=ZIP)


def test_version_1_has_no_compression_byte() -> None:
    text = b"\x01 is text here"
    assert read_container(header(1, 3, text)) == Container(1, HERMES_MAP, payload=text)


def test_a_bare_zip_is_type_5() -> None:
    assert read_container(ZIP) == Container(0, ContainerType.APPLE_DSYM, payload=ZIP)


def test_the_bytes_are_those_of_the_documented_layout() -> None:
    assert write_container(SOURCE_AND_MAP, source=b"ab", map=b"c", compress=False) == (
        b"posthog_error_tracking\x02\0\0\0\x02\0\0\0\0\x02\0\0\0\0\0\0\0ab\x01\0\0\0\0\0\0\0c"
    )
    frame = write_container(HERMES_MAP, payload=b"x" * 500)
    assert frame[30] == 1
    assert zstandard.get_frame_parameters(frame[31:]).content_size == 500


def test_only_one_layer_of_compression_is_taken_off() -> None:
    inner = zstandard.compress(b"{}")
    with pytest.raises(ContainerError, match="not UTF-8"):
        read_container(write_container(HERMES_MAP, payload=inner))


def test_utf8_is_checked_across_the_border_of_pieces() -> None:
    text = b"x" * (MIB - 1) + "ä".encode() + b"y" * (MIB - 2) + "€".encode()
    assert read_container(header(1, 3, text)).payload == text
    with pytest.raises(ContainerError, match=f"at byte {MIB - 1} of the payload: invalid"):
        read_container(header(1, 3, text[:MIB], b"zz"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "of 0 bytes ends within its 30-byte header", id="nothing"),
        pytest.param(MAGIC + b"\x02\0\0\0", "of 26 bytes ends within", id="cut header"),
        pytest.param(b"posthog_error_trackinG" + bytes(9), "not a symbol set", id="magic"),
        pytest.param(header(0, 2), "version 0 at byte 22", id="version 0"),
        pytest.param(header(3, 2, b"\0"), "version 3 at byte 22", id="version 3"),
        pytest.param(header(2, 1, b"\0"), "type 1 at byte 26", id="type 1"),
        pytest.param(header(2, 7, b"\0"), "type 7 at byte 26", id="type 7"),
        pytest.param(header(2, 2), "ends at byte 30, before its compression", id="no compression"),
        pytest.param(header(2, 2, b"\x01junk"), "payload at byte 31: not a zstd", id="no frame"),
        pytest.param(header(1, 2, bytes(7)), "within the source length at byte 0", id="too short"),
        pytest.param(header(1, 2, sections(b"abc")), "the map length at byte 11", id="no map"),
        pytest.param(
            header(1, 2, sections(b"abc")[:-1]),
            "source at byte 8 of the payload declares 3 bytes, 2 follow",
            id="short source",
        ),
        pytest.param(
            header(1, 2, sections(b"abc"), b"\xff" * 8),
            "map at byte 19 of the payload declares 18446744073709551615 bytes, 0 follow",
            id="huge map",
        ),
        pytest.param(
            header(1, 2, sections(b"abc", b"{}"), b"!!"),
            "2 bytes follow the map at byte 21",
            id="too long",
        ),
        pytest.param(
            header(1, 2, sections(b"ab\xff", b"{}")), "source is not UTF-8 at byte 10", id="source"
        ),
        pytest.param(
            header(1, 2, sections(b"ab", b"\xed\xa0\x80")), "map is not UTF-8 at byte 18", id="map"
        ),
        pytest.param(header(1, 3, b"ab\xc3"), "text is not UTF-8 at byte 2", id="cut character"),
        pytest.param(header(1, 6, b"\x7fELF"), "ZIP end record not found", id="no ZIP"),
    ],
)
def test_a_defect_says_what_is_wrong_and_where(data: bytes, said: str) -> None:
    with pytest.raises(ContainerError, match=said) as refused:
        read_container(data)
    assert refused.value.code == "malformed"


def test_an_unknown_compression_is_unsupported() -> None:
    with pytest.raises(ContainerError, match="compression 2 at byte 30") as refused:
        read_container(header(2, 2, b"\x02", sections(b"", b"")))
    assert refused.value.code == "unsupported"


@pytest.mark.parametrize(
    ("limits", "data", "limit"),
    [
        (ContainerLimits(stored_bytes=30), header(1, 3, b"x"), "stored_bytes"),
        (ContainerLimits(payload_bytes=18), SMALL["type 2, zstd"], "decompressed_bytes"),
        (ContainerLimits(zip_members=0), ZIP, "zip_members"),
        (ContainerLimits(zip_bytes=102), SMALL["type 6, zstd"], "zip_bytes"),
    ],
    ids=["stored", "zstd", "members of a bare ZIP", "content of a ZIP"],
)
def test_a_limit_is_named_with_what_was_seen(
    limits: ContainerLimits, data: bytes, limit: str
) -> None:
    with pytest.raises(ContainerError, match=f"{limit} of .* exceeds the limit of") as refused:
        read_container(data, limits)
    error = refused.value
    assert (error.code, error.limit) == ("limit_exceeded", limit)
    assert error.seen is not None
    assert error.allowed is not None
    assert error.seen > error.allowed


def test_s4_a_gigabyte_of_zeros_is_refused() -> None:
    stream = zstandard.ZstdCompressor(level=3).compressobj()
    frame = b"".join([*(stream.compress(bytes(MIB)) for _ in range(1024)), stream.flush()])
    with pytest.raises(ContainerError) as refused:
        read_container(header(2, 2, b"\x01", frame))
    assert refused.value.code == "limit_exceeded"
    assert refused.value.limit == "compression_ratio"


@pytest.mark.parametrize("data", SMALL.values(), ids=SMALL)
def test_f13_cut_at_any_byte_it_is_refused(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(ContainerError):
            read_container(data[:length])


@given(st.binary(max_size=120), st.sampled_from([b"", b"PK", MAGIC, MAGIC + b"\x02\0\0\0"]))
def test_arbitrary_bytes_raise_nothing_but_container_errors(tail: bytes, start: bytes) -> None:
    with suppress(ContainerError):
        read_container(start + tail)


@given(st.sampled_from(sorted(SMALL)), st.data())
def test_a_flipped_bit_raises_nothing_but_container_errors(name: str, data: st.DataObject) -> None:
    flipped = bytearray(SMALL[name])
    flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(ContainerError):
        read_container(bytes(flipped))
