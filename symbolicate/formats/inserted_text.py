"""A source map after text was inserted into one line of the script that it explains.

Only the numbers that move are written anew; the rest of the map stays byte for byte. Formats:
`mappings`, `sections` and `scopes` of ECMA-426.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

from symbolicate.errors import SourceMapError
from symbolicate.formats.map_limits import DEFAULT_LIMITS, MapLimits
from symbolicate.formats.source_map_json import Node, elements, fields_of, text_view, typed
from symbolicate.formats.vlq_digits import ALPHABET
from symbolicate.formats.vlq_scalar import VlqError, signed_values, unsigned_values

Fields = dict[str, Node]

_FIRST_NUMBER = re.compile(rb"[g-z0-9+/]*+[A-Za-f]")
_RANGE_TAGS = {4: (4, 5, 7), 5: (5, 6, 8)}
"""Tags of a generated range's start, end and subrange bindings in the two known revisions."""


class Insertion(NamedTuple):
    """Where text went in (0-based, columns in UTF-16 code units) and how many columns it takes."""

    line: int
    column: int
    width: int

    def moves(self, line: int, column: int) -> bool:
        """Tells whether what was at this place is further right now."""
        return line == self.line and column >= self.column


def with_insertion(fields: Fields, at: Insertion, limits: MapLimits = DEFAULT_LIMITS) -> Fields:
    """The fields of a map, plain or with sections, after an insertion into its script.

    Raises `SourceMapError` where the numbers that must move cannot be read.
    """
    if "sections" in fields:
        nodes = elements(fields["sections"])
        return {**fields, "sections": [_section(fields_of(node), at, limits) for node in nodes]}
    moved = dict(fields)
    try:
        if "mappings" in fields:
            moved["mappings"] = _mappings(bytes(text_view(fields["mappings"], limits)), at)
        if "scopes" in fields:
            moved["scopes"] = _scopes(bytes(text_view(fields["scopes"], limits)), at)
    except VlqError as error:
        raise SourceMapError(f"source map: {error}") from None
    return moved


def document(fields: Fields) -> bytes:
    """The JSON text of a map's fields."""
    try:
        return msgspec.json.encode(fields)
    except UnicodeEncodeError:
        # A lone surrogate: then nothing is raw, because the standard library read the text.
        return json.dumps(fields, separators=(",", ":")).encode()


def _section(fields: Fields, at: Insertion, limits: MapLimits) -> Fields:
    offset = fields_of(fields.get("offset"))
    line: int = typed(offset.get("line"), int, limits)
    column: int = typed(offset.get("column"), int, limits)
    if at.moves(line, column):
        return {**fields, "offset": {**offset, "column": column + at.width}}
    if "map" not in fields or line > at.line:
        return fields
    inside = Insertion(at.line - line, at.column - (column if line == at.line else 0), at.width)
    return {**fields, "map": with_insertion(fields_of(fields["map"]), inside, limits)}


def _mappings(text: bytes, at: Insertion) -> str:
    lines = text.split(b";", at.line + 1)
    if at.line < len(lines):
        lines[at.line] = _line(lines[at.line], at)
    return b";".join(lines).decode("utf-8", "surrogatepass")


def _line(text: bytes, at: Insertion) -> bytes:
    """Moves the segments of one line; only their first number, the column, is rewritten."""
    segments = text.split(b",")
    before = after = 0
    for index, segment in enumerate(segments):
        found = _FIRST_NUMBER.match(segment)
        if found is None:
            if segment:
                raise VlqError("a segment whose column cannot be read")
            continue
        before += _delta(found[0])
        target = before + (at.width if before >= at.column else 0)
        segments[index] = _signed_digits(target - after) + segment[found.end() :]
        after = target
    return b",".join(segments)


@lru_cache(4096)
def _delta(digits: bytes) -> int:
    return signed_values(digits)[0]


def _scopes(text: bytes, at: Insertion) -> str:
    """Moves the generated ranges; each place is relative to the one before, so one item changes."""
    items = text.split(b",")
    values = [unsigned_values(item) for item in items]
    tags = {numbers[0] for numbers in values if numbers}
    start, end, subranges = _RANGE_TAGS[4 if 4 in tags else 5]
    if subranges in tags:
        raise VlqError("subrange bindings in the scopes, which cannot be moved")
    line = column = 0
    for index, numbers in enumerate(values):
        if not numbers or numbers[0] not in (start, end):
            continue
        place = _place_field(numbers, is_start=numbers[0] == start)
        if place > 1 + (numbers[0] == start):
            line, column = line + numbers[place - 1], 0
        column += numbers[place]
        if at.moves(line, column):
            numbers[place] += at.width
            items[index] = b"".join(map(_digits, numbers))
            break
    return b",".join(items).decode("utf-8", "surrogatepass")


def _place_field(numbers: list[int], *, is_start: bool) -> int:
    """The index of an item's column; its line, if it has one, is the number before."""
    field = (3 if numbers[1:] and numbers[1] & 1 else 2) if is_start else len(numbers) - 1
    if not 0 < field < len(numbers):
        raise VlqError("an item of the scopes ends early")
    return field


def _signed_digits(value: int) -> bytes:
    return _digits(-value << 1 | 1 if value < 0 else value << 1)


@lru_cache(4096)
def _digits(value: int) -> bytes:
    digits = bytearray()
    while True:
        value, digit = value >> 5, value & 31
        digits.append(ALPHABET[digit | 32 if value else digit])
        if not value:
            return bytes(digits)
