"""Bodies that clients compress: one layer taken off, under a cap.

Formats: gzip (RFC 1952, one member), zlib (RFC 1950, HTTP's `deflate`), zstd (RFC 8878).
"""

from __future__ import annotations

import zlib

from symbolicate.errors import FormatError, limit_sentence
from symbolicate.formats import zstd

GZIP_MAGIC = b"\x1f\x8b"
ENCODINGS = ("gzip", "deflate", "zstd")

_WINDOWS = {"gzip": 31, "deflate": 15}
_PIECE = 65_536


def decompress(data: bytes, encoding: str, limit: int) -> bytes:
    """Gives the content of a body under one of `ENCODINGS`, at most `limit` bytes.

    Raises `FormatError`: `limit_exceeded` before more than the limit is held, else `malformed`.
    """
    if encoding == "zstd":
        return zstd.decompress(data, limit=limit)
    try:
        return _inflate(data, _WINDOWS[encoding], limit)
    except zlib.error as error:
        raise FormatError(f"damaged {encoding} body: {error}") from error


def _inflate(data: bytes, window: int, limit: int) -> bytes:
    stream = zlib.decompressobj(window)
    out = bytearray()
    while not stream.eof:
        piece = stream.decompress(data, _PIECE)
        data = stream.unconsumed_tail
        if not piece and not data and not stream.eof:
            raise zlib.error("it ends early")
        out += piece
        if len(out) > limit:
            detail = limit_sentence("decompressed_bytes", len(out), limit)
            raise FormatError(detail).passed("decompressed_bytes", len(out), limit)
    if stream.unused_data:
        raise zlib.error(f"{len(stream.unused_data)} bytes follow its end")
    return bytes(out)
