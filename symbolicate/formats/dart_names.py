"""Class names that dart2js shortened, from `x_org_dartlang_dart2js.minified_names.global`.

Format: `"short,index,short,index…"`, the indexes pointing into the map's `names`.
"""

from __future__ import annotations

from collections.abc import Sequence

from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.source_map_json import Node, WrongType, fields_of, typed

DART_FIELD = "x_org_dartlang_dart2js"


def decode_dart_names(node: Node, names: Sequence[str | None], limits: MapLimits) -> dict[str, str]:
    """The original names by their short forms; whatever does not fit the format is left out."""
    try:
        shortened = fields_of(fields_of(node)["minified_names"])["global"]
        pieces: list[str] = typed(shortened, str, limits).split(",")
    except (WrongType, KeyError):
        return {}
    found = {}
    for short, index in zip(pieces[::2], pieces[1::2], strict=False):
        name = names[int(index)] if _is_index(index, len(names)) else None
        if short and name:
            found[short] = name
    return found


def _is_index(text: str, count: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) < count
