"""The function maps of Metro and Hermes (`x_facebook_sources`): names by original position."""

from __future__ import annotations

from collections.abc import Iterator

from symbolicate.formats.function_table import FunctionTable
from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.source_map_json import (
    Node,
    WrongType,
    elements,
    fields_of,
    text_view,
    typed,
)
from symbolicate.formats.vlq_scalar import VlqError, signed_values


def decode_function_map(node: Node, limits: MapLimits) -> FunctionTable | None:
    """The table of one entry of `x_facebook_sources`; None where it holds none that can be read.

    An entry is a list whose first element is `{names, mappings}`. Lines are 1-based and relative
    all through, columns 0-based and relative inside a `;` group, names relative all through.
    """
    try:
        metadata = elements(node)
        if not metadata:
            return None
        fields = fields_of(metadata[0])
        names: list[str] = typed(fields["names"], list[str], limits)
        return FunctionTable.of(_entries(bytes(text_view(fields["mappings"], limits)), names))
    except (WrongType, KeyError, VlqError):
        return None


def _entries(mappings: bytes, names: list[str]) -> Iterator[tuple[int, int, str]]:
    line, name = 1, 0
    for group in mappings.split(b";"):
        column = 0
        for segment in group.split(b",") if group else ():
            deltas = [*signed_values(segment), 0, 0, 0]
            column += deltas[0]
            name += deltas[1]
            line += deltas[2]
            if not 0 <= name < len(names) or line < 1 or column < 0:
                raise VlqError("a function map points outside its names")
            yield line - 1, column, names[name]
