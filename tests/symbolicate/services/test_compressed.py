"""Compressed bodies: what is taken off, and what is not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import FormatError
from symbolicate.services.compressed import ENCODINGS, decompress

MIB = 1024 * 1024
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@given(st.sampled_from(ENCODINGS), st.binary(max_size=2000), st.integers(0, 300))
def test_what_was_compressed_comes_back(encoding: str, data: bytes, times: int) -> None:
    data *= times
    assert decompress(COMPRESS[encoding](data), encoding, len(data) or 1) == data


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [100 * MIB, 5 * MIB + 1])
def test_a_bomb_is_refused_at_the_limit(encoding: str, size: int) -> None:
    """S4."""
    with pytest.raises(FormatError) as refused:
        decompress(COMPRESS[encoding](bytes(size)), encoding, 5 * MIB)
    error = refused.value
    assert (error.code, error.limit, error.allowed) == (
        "limit_exceeded",
        "decompressed_bytes",
        5 * MIB,
    )
    assert error.seen is not None
    assert error.seen > 5 * MIB


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_damage_is_one_kind_of_error(encoding: str) -> None:
    good = COMPRESS[encoding](b"some text, some text, some text")
    for bad in (b"", b"x", good[:-3], good[:4], good + b"x", good + good, good[::-1]):
        with pytest.raises(FormatError) as refused:
            decompress(bad, encoding, MIB)
        assert refused.value.code == "malformed"
