"""Zstandard frames under a cap: the only module that knows the zstandard package.

Format: RFC 8878. One frame is read, never two in a row and never a frame within a frame.
"""

from __future__ import annotations

import threading
from io import BytesIO

import zstandard

from symbolicate.errors import ContainerError
from symbolicate.formats.container_limits import ZSTD_WINDOW, require, require_ratio

LEVEL = 3

# Four bytes of input give at most 128 KiB of output, so one piece gives at most 32 MiB.
_PIECE = 1024
_threads = threading.local()


def compress(data: bytes) -> bytes:
    """Compresses at level 3 into one frame that declares its content size."""
    try:
        kept: zstandard.ZstdCompressor = _threads.compressor
    except AttributeError:
        kept = _threads.compressor = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True)
    return kept.compress(data)


def decompress(data: bytes, *, limit: int, max_ratio: int | None = None) -> bytes:
    """Decompresses exactly one frame of at most `limit` bytes of content.

    The declared size is checked before anything is allocated and the output is counted all the
    same. With `max_ratio`, output over `RATIO_FREE` bytes that is more than that many times its
    input is refused as well. Raises `ContainerError`, with code `limit_exceeded` for a limit.
    """
    try:
        _check_size(_declared_size(data), len(data), limit, max_ratio)
        return _stream(data, limit, max_ratio)
    except zstandard.ZstdError as error:
        raise ContainerError(f"damaged zstd frame: {error}") from error


def decompress_block(data: bytes, *, limit: int) -> bytes:
    """Decompresses one frame that declares its size, at once: for small frames of our own.

    Raises `ContainerError`, with code `limit_exceeded` for a size over `limit` bytes.
    """
    try:
        require("decompressed_bytes", zstandard.frame_content_size(data), limit)
        return _decompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise ContainerError(f"damaged zstd frame: {error}") from error


def _decompressor() -> zstandard.ZstdDecompressor:
    """The thread's own decompressor: making one costs more than a small frame."""
    try:
        kept: zstandard.ZstdDecompressor = _threads.decompressor
    except AttributeError:
        kept = _threads.decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    return kept


def _declared_size(data: bytes) -> int:
    """Gives the content size that the frame declares, 0 when it declares none."""
    if data[:4] != zstandard.FRAME_HEADER:  # a skippable frame would read as empty content
        raise ContainerError(f"not a zstd frame: it starts with {data[:4].hex() or 'nothing'}")
    header = zstandard.get_frame_parameters(data)
    require("zstd_window", header.window_size, ZSTD_WINDOW)
    size: int = header.content_size
    return 0 if size == zstandard.CONTENTSIZE_UNKNOWN else size


def _check_size(size: int, compressed: int, limit: int, max_ratio: int | None) -> None:
    require("decompressed_bytes", size, limit)
    if max_ratio is not None:
        require_ratio(size, compressed, max_ratio)


def _stream(data: bytes, limit: int, max_ratio: int | None) -> bytes:
    frame = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
    view = memoryview(data)
    out = BytesIO()
    for offset in range(0, len(data), _PIECE):
        out.write(frame.decompress(view[offset : offset + _PIECE]))
        _check_size(out.tell(), len(data), limit, max_ratio)
        if frame.eof:
            excess = len(frame.unused_data) + max(0, len(data) - offset - _PIECE)
            if excess:
                raise ContainerError(f"{excess} bytes follow the end of the zstd frame")
            return out.getvalue()
    raise ContainerError(f"zstd frame ends early, after {len(data)} bytes")
