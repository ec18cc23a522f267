"""Decoding of VLQs one at a time: for defects, absurdly long numbers and small strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from symbolicate.errors import SourceMapError
from symbolicate.formats.vlq_digits import DIGITS

_INT32_MAX = (1 << 31) - 1
_NUMBER = re.compile(rb"([\x20-\x3f]*)([\x00-\x1f])")
_MAX_DIGITS = 13


class VlqError(ValueError):
    """Text that is not a run of VLQ numbers, or a number out of range."""


@dataclass(slots=True)
class ScalarChunk:
    """What one chunk of a `mappings` string holds.

    A row is (generated, source, line, column, name, fields): relative values, and 0 fields for a
    segment at fault, whose readable values still move the running ones. `line_ends` counts rows.
    """

    rows: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    line_ends: list[int] = field(default_factory=list)
    dropped: int = 0


def unsigned_values(text: bytes) -> list[int]:
    """All numbers of a run of unsigned VLQs; each fits 32 bits."""
    return [_checked(value) for value in _values(text.translate(DIGITS))]


def signed_values(text: bytes) -> list[int]:
    """All numbers of a run of signed VLQs; each fits 32 bits."""
    return [_delta(value) for value in _values(text.translate(DIGITS))]


def signed(value: int) -> int:
    """The signed reading of an unsigned VLQ; the sign is its lowest bit."""
    return -(value >> 1) if value & 1 else value >> 1


def decode_chunk(chunk: bytes, *, strict: bool) -> ScalarChunk:
    """Decodes a chunk that starts and ends with a separator, judging segment by segment.

    Strict: the first defect raises `SourceMapError`. Lenient: runs of empty segments are counted
    once and leave no row.
    """
    out = ScalarChunk()
    before = chunk[0]
    digits = chunk.translate(DIGITS)
    start, in_empty_run = 1, False
    for match in re.finditer(rb"[,;]", chunk[1:]):
        end = match.start() + 1
        kind = chunk[end]
        if end > start:
            out.rows.append(_segment(digits[start:end], strict=strict))
            in_empty_run = False
        elif not (before == kind == ord(";")):
            if strict:
                raise SourceMapError("mappings: empty segment")
            out.dropped += not in_empty_run
            in_empty_run = kind == ord(",")
        if kind == ord(";"):
            out.line_ends.append(len(out.rows))
            in_empty_run = False
        before, start = kind, end + 1
    return out


def _segment(digits: bytes, *, strict: bool) -> tuple[int, int, int, int, int, int]:
    values: list[int] = []
    defect = ""
    try:
        for value in _values(digits):
            if len(values) == 6:
                break
            if strict and value == 1:
                raise VlqError("negative zero")
            values.append(_delta(value))
    except VlqError as error:
        defect = str(error)
    if not defect and len(values) not in (1, 4, 5):
        defect = f"{len(values)} fields"
    if defect and strict:
        raise SourceMapError(f"mappings: a segment with {defect}")
    fields = 0 if defect else len(values)
    generated, source, line, column, name = [*values, 0, 0, 0, 0, 0][:5]
    return generated, source, line, column, name, fields


def _values(digits: bytes) -> Iterator[int]:
    """Unsigned values, up to the first thing that is not one."""
    at = 0
    while at < len(digits):
        match = _NUMBER.match(digits, at)
        if match is None:
            raise VlqError(_defect(digits, at))
        yield _number(match[1], match[2][0])
        at = match.end()


def _number(continued: bytes, last: int) -> int:
    value = 0
    if len(continued) >= _MAX_DIGITS:
        if continued[_MAX_DIGITS:].strip(b"\x20") or last:
            raise VlqError("a number out of range")
        continued = continued[:_MAX_DIGITS]
    for shift, digit in enumerate(continued):
        value |= (digit & 31) << (5 * shift)
    return value | last << (5 * len(continued))


def _checked(value: int) -> int:
    if value > _INT32_MAX:
        raise VlqError("a number out of range")
    return value


def _delta(value: int) -> int:
    if value >> 1 > _INT32_MAX:
        raise VlqError("a number out of range")
    return signed(value)


def _defect(digits: bytes, at: int) -> str:
    rest = digits[at:].lstrip(bytes(range(32, 64)))
    return "an invalid character" if rest else "an unfinished number"
