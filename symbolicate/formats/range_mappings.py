"""The range mappings proposal: segments that map every position up to the next segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symbolicate.errors import SourceMapError
from symbolicate.formats.vlq_scalar import VlqError, unsigned_values

if TYPE_CHECKING:
    from symbolicate.formats.mappings import Flags, Ints

SUITE_BASE = -1
DRAFT_BASE = 0


def decode_ranges(
    text: bytes | memoryview, line_starts: Ints, *, first_base: int, strict: bool
) -> Flags:
    """One flag per segment of `line_starts`, from a `rangeMappings` string.

    `first_base` is where the relative indexes of a line start: -1 in the suite's encoding (a
    zero is never valid), 0 in the older draft (a zero is valid only as a line's first). Strict:
    a defect raises `SourceMapError`. Lenient: the rest of the line at fault is ignored.
    """
    flags = np.zeros(int(line_starts[-1]), np.bool_)
    lines = bytes(text).split(b";")
    if len(lines) > len(line_starts) - 1 and strict:
        raise SourceMapError("rangeMappings: more lines than mappings")
    for line, values in enumerate(lines[: len(line_starts) - 1]):
        if values:
            start, end = int(line_starts[line]), int(line_starts[line + 1])
            marked = _indexes(values, end - start, first_base, strict=strict)
            flags[[start + index for index in marked]] = True
    return flags


def _indexes(text: bytes, segments: int, first_base: int, *, strict: bool) -> list[int]:
    indexes: list[int] = []
    index = first_base
    try:
        for value in unsigned_values(text):
            if value == 0 and (indexes or first_base == SUITE_BASE):
                raise VlqError("an index that does not advance")
            index += value
            if index >= segments:
                raise VlqError("an index beyond the line's segments")
            indexes.append(index)
    except VlqError as error:
        if strict:
            raise SourceMapError(f"rangeMappings: {error}") from None
    return indexes
