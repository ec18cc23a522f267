"""Zstandard under a cap: what comes out is what went in, and no more than was allowed."""

from __future__ import annotations

import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import ContainerError
from symbolicate.formats.container_limits import RATIO_FREE, ZSTD_WINDOW
from symbolicate.formats.zstd import compress, decompress

MIB = 1 << 20


def zeros(mebibytes: int, *, declared: bool) -> bytes:
    """Compresses zeros without ever holding them."""
    size = mebibytes * MIB if declared else -1
    stream = zstandard.ZstdCompressor(level=3).compressobj(size)
    pieces = [stream.compress(bytes(MIB)) for _ in range(mebibytes)]
    return b"".join([*pieces, stream.flush()])


@pytest.fixture(scope="module")
def undeclared_gigabyte() -> bytes:
    return zeros(1024, declared=False)


@given(st.binary(max_size=5000))
def test_what_was_compressed_comes_back(data: bytes) -> None:
    assert decompress(compress(data), limit=len(data)) == data


def test_the_content_size_is_declared() -> None:
    assert zstandard.get_frame_parameters(compress(b"x" * 300)).content_size == 300


@given(st.binary(min_size=1, max_size=3000))
def test_one_byte_over_the_limit_is_refused(data: bytes) -> None:
    with pytest.raises(ContainerError) as refused:
        decompress(compress(data), limit=len(data) - 1)
    error = refused.value
    assert (error.code, error.limit) == ("limit_exceeded", "decompressed_bytes")
    assert (error.seen, error.allowed) == (len(data), len(data) - 1)


def test_an_undeclared_size_is_counted() -> None:
    data = zeros(3, declared=False)
    assert decompress(data, limit=3 * MIB) == bytes(3 * MIB)
    with pytest.raises(ContainerError, match="decompressed_bytes"):
        decompress(data, limit=3 * MIB - 1)


def test_s4_a_declared_bomb_is_refused_before_it_is_decompressed() -> None:
    bomb = zeros(64, declared=True)
    tracemalloc.start()
    with pytest.raises(ContainerError, match=f"decompressed_bytes of {64 * MIB}"):
        decompress(bomb, limit=64 * MIB - 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MIB


def test_s4_an_undeclared_bomb_is_refused_within_the_cap_and_little_more(
    undeclared_gigabyte: bytes,
) -> None:
    tracemalloc.start()
    with pytest.raises(ContainerError) as refused:
        decompress(undeclared_gigabyte, limit=16 * MIB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.code == "limit_exceeded"
    assert peak < (16 + 2 * 32 + 16) * MIB


def test_s4_a_ratio_that_no_honest_file_has_is_refused(undeclared_gigabyte: bytes) -> None:
    with pytest.raises(ContainerError) as refused:
        decompress(undeclared_gigabyte, limit=2048 * MIB, max_ratio=200)
    assert (refused.value.code, refused.value.limit) == ("limit_exceeded", "compression_ratio")


def test_any_ratio_is_fine_up_to_64_mib() -> None:
    content = decompress(zeros(64, declared=True), limit=RATIO_FREE, max_ratio=200)
    assert len(content) == RATIO_FREE


def test_s4_a_frame_within_a_frame_is_opened_once() -> None:
    inner = zeros(512, declared=True)
    assert decompress(compress(inner), limit=len(inner)) == inner


def test_a_window_over_128_mib_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=28)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = stream.compress(b"x" * 100) + stream.flush()
    with pytest.raises(ContainerError, match=f"zstd_window of {1 << 28}") as refused:
        decompress(data, limit=100)
    assert refused.value.allowed == ZSTD_WINDOW


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "starts with nothing", id="nothing"),
        pytest.param(b"PK\x03\x04....", "starts with 504b0304", id="another magic"),
        pytest.param(compress(b"abc" * 99)[:5], "damaged", id="cut in the header"),
        pytest.param(compress(b"abc" * 99)[:-1], "ends early", id="cut in the content"),
        pytest.param(compress(b"abc") + b"x", "1 bytes follow", id="a byte too much"),
        pytest.param(compress(b"abc") * 2, "bytes follow", id="two frames"),
        pytest.param(b"\x50\x2a\x4d\x18\x03\0\0\0abc", "502a4d18", id="a skippable frame"),
        pytest.param(b"\x28\xb5\x2f\xfd\x20\x05\x01\x00\x00", "damaged", id="size that lies"),
        pytest.param(compress(b"ab") + b"\xff" * 5000, "5000 bytes follow", id="a long tail"),
    ],
)
def test_damage_is_a_container_error(data: bytes, said: str) -> None:
    with pytest.raises(ContainerError, match=said) as refused:
        decompress(data, limit=10_000)
    assert refused.value.code == "malformed"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_else(tail: bytes) -> None:
    with pytest.raises(ContainerError):
        decompress(zstandard.FRAME_HEADER + tail + b"\xff", limit=1000)
