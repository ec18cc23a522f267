"""Decoding of the `mappings` string, many segments at a time (ECMA-426, base64 VLQ).

A chunk's bytes become small codes by one table: a number of one digit becomes its value plus 16,
a digit that more digits follow a negative code, a separator a code above all values. Numbers of
several digits (about one in eight) are put together from their last digit backwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from symbolicate.formats.map_limits import DEFAULT_LIMITS, MapLimits
from symbolicate.formats.mappings import Mappings
from symbolicate.formats.relative_mappings import RelativeMappings
from symbolicate.formats.vlq_digits import COMMA, DIGITS, INVALID, SEMICOLON
from symbolicate.formats.vlq_scalar import decode_chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from symbolicate.formats.mappings import Ints

    Codes = NDArray[np.int8]
    Ranks = NDArray[np.int64]

_CHUNK = 64 * 1024
_WINDOW = 4096
_COUNTED_AT_ONCE = 1 << 20
_MAX_VECTOR_DIGITS = 12
_UINT32_MAX = (1 << 32) - 1
_EDGE_COMMAS = re.compile(rb"(?:^|(?<=;)),++|(?<!,),++(?=;|\Z)")
_COMMA_RUNS = re.compile(rb",{2,}+")

_BIAS = 16
_NEGATIVE_ZERO = 99
_SEPARATOR = 100
_LINE_END = 101
_LONG = 120
_INVALID = 127


def _code(digit: int) -> int:
    if digit < 32:
        value = -(digit >> 1) if digit & 1 else digit >> 1
        return _NEGATIVE_ZERO if digit == 1 else value + _BIAS
    if digit < 64:
        return digit - 32 - 128
    return {COMMA: _SEPARATOR, SEMICOLON: _LINE_END, INVALID: _INVALID}[digit]


_CODES = bytes(_code(digit) & 0xFF for digit in DIGITS)
_DIGIT_OF_CODE = np.zeros(256, np.int64)
for _digit in range(32):
    _DIGIT_OF_CODE[_code(_digit) & 0xFF] = _digit


class _NeedsScalar(Exception):
    """A chunk holds something that the vector decoder does not judge."""


def decode(
    text: bytes,
    sources: int,
    names: int,
    *,
    strict: bool = False,
    limits: MapLimits = DEFAULT_LIMITS,
) -> Mappings:
    """Decodes a `mappings` string whose indexes point into lists of the given lengths.

    Strict: any defect raises `SourceMapError`. Lenient: the segment at fault is dropped and
    counted, and the running values of its readable fields stay.
    """
    return decode_relative(text, strict=strict, limits=limits).finish(sources, names, strict=strict)


def decode_relative(
    text: bytes | memoryview, *, strict: bool, limits: MapLimits
) -> RelativeMappings:
    """Reads all segments of a `mappings` string as relative values, in the map's own order."""
    view = np.frombuffer(text, np.uint8)
    lines = _count(view, b";") + 1
    limits.require("generated_lines", lines)
    commas = _count(view, b",")
    limits.require("segments", commas + lines)
    dropped = 0
    if not strict and commas * 3 > len(text):
        text, dropped = _without_empty_segments(bytes(text))
        commas = text.count(b",")
    relative = RelativeMappings(commas + lines, lines, dropped)
    for chunk in _chunks(text):
        try:
            _decode_chunk(chunk, relative)
        except _NeedsScalar:
            relative.add_scalar(decode_chunk(chunk, strict=strict))
    return relative


def _count(view: NDArray[np.uint8], byte: bytes) -> int:
    starts = range(0, len(view), _COUNTED_AT_ONCE)
    return sum(int(np.count_nonzero(view[at : at + _COUNTED_AT_ONCE] == byte[0])) for at in starts)


def _without_empty_segments(text: bytes) -> tuple[bytes, int]:
    text, at_edges = _EDGE_COMMAS.subn(b"", text)
    text, inside = _COMMA_RUNS.subn(b",", text)
    return text, at_edges + inside


def _chunks(text: bytes | memoryview) -> Iterator[bytes]:
    """Cuts at separators; every chunk starts with the separator before it and ends with one."""
    start, before = 0, b";"
    while start < len(text):
        end = _cut(text, start)
        if end == len(text):
            yield b"".join((before, text[start:], b";"))
            return
        yield b"".join((before, text[start:end]))
        before = bytes(text[end - 1 : end])
        start = end
    yield before + b";"


def _cut(text: bytes | memoryview, start: int) -> int:
    """Just behind the last separator of the next chunk, or the first beyond it."""
    cut = start + _CHUNK
    if cut >= len(text):
        return len(text)
    window = bytes(text[cut - _WINDOW : cut])
    found = max(window.rfind(b","), window.rfind(b";"))
    if found >= 0:
        return cut - _WINDOW + found + 1
    while cut < len(text):
        window = bytes(text[cut : cut + _CHUNK])
        hits = [at for at in (window.find(b","), window.find(b";")) if at >= 0]
        if hits:
            return cut + min(hits) + 1
        cut += _CHUNK
    return len(text)


def _decode_chunk(chunk: bytes, relative: RelativeMappings) -> None:
    codes = np.frombuffer(chunk.translate(_CODES), np.int8)
    final = codes >= 0
    follows = ~final[:-1]
    if (follows & (codes[1:] >= _SEPARATOR)).any():
        raise _NeedsScalar
    marked = codes.copy()
    np.maximum(codes[1:], follows.view(np.int8) * np.int8(_LONG), out=marked[1:])
    ends = np.flatnonzero(final)
    short = marked.take(ends)
    special = np.flatnonzero(short >= _NEGATIVE_ZERO)
    kinds = short.take(special)
    if kinds.max() == _INVALID or kinds.min() == _NEGATIVE_ZERO:
        raise _NeedsScalar
    is_long = kinds == _LONG
    values = short.astype(np.int32) - np.int32(_BIAS)
    long = special.take(np.flatnonzero(is_long))
    if len(long):
        values[long] = _long_values(codes, ends.take(long))
    at = np.flatnonzero(~is_long)
    _store(values, special.take(at), kinds.take(at) == _LINE_END, relative)


def _long_values(codes: Codes, at: Ranks) -> Ints:
    """Signed values of the numbers of two or more digits that end at the positions `at`."""
    values = _DIGIT_OF_CODE.take(codes.take(at).view(np.uint8))
    at = at - 1
    values = values * 32 + (codes.take(at) & 31)
    rows = more = np.flatnonzero(codes.take(at - 1) < 0)
    for _ in range(_MAX_VECTOR_DIGITS - 2):
        if not len(rows):
            break
        at = at.take(more) - 1
        values[rows] = values.take(rows) * 32 + (codes.take(at) & 31)
        more = np.flatnonzero(codes.take(at - 1) < 0)
        rows = rows.take(more)
    if len(rows):
        raise _NeedsScalar
    if values.max() > _UINT32_MAX or values.min() == 1:
        raise _NeedsScalar
    halves = values >> 1
    signs = -(values & 1)
    return ((halves ^ signs) - signs).astype(np.int32)


def _store(
    values: Ints, separators: Ranks, line_end: NDArray[np.bool_], relative: RelativeMappings
) -> None:
    first = separators[:-1] + 1
    fields = separators[1:] - first
    filled = fields > 0
    if filled.all():
        ends = np.flatnonzero(line_end[1:]) + 1
    else:
        if not (line_end[1:][~filled] & line_end[:-1][~filled]).all():
            raise _NeedsScalar
        ends = np.cumsum(filled, dtype=np.int64)[line_end[1:]]
        first, fields = first[filled], fields[filled]
    if not relative.add_segments(values, first, fields, ends):
        raise _NeedsScalar
