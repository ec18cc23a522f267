"""Hermes symbol sets: a container (type 3) with the composed map of Metro and hermesc.

One generated line whose columns are offsets into the bytecode. Names come from the function
maps of Metro (`x_facebook_sources`); a map that has only hermesc's `x_hermes_function_offsets`
tells places and no names. Format: metro-source-map, `composeSourceMaps`.
"""

from __future__ import annotations

from collections.abc import Callable

from symbolicate.errors import ContainerError, SourceMapError
from symbolicate.formats.container import ContainerType, read_container
from symbolicate.formats.map_limits import DEFAULT_LIMITS
from symbolicate.formats.source_map import SourceMap
from symbolicate.formats.source_map_json import Node, WrongType, elements, fields_of, read_document

FUNCTION_MAPS, FUNCTION_OFFSETS = "x_facebook_sources", "x_hermes_function_offsets"


def read_hermes_data(data: bytes) -> SourceMap:
    """Reads a stored Hermes symbol set.

    Raises `ContainerError` for what is not a container of a Hermes map, `SourceMapError` for a
    map that cannot be read or does not say that it is one.
    """
    container = read_container(data)
    if container.type is not ContainerType.HERMES_MAP:
        raise ContainerError(
            f"a container of type {int(container.type)} cannot explain Hermes, only type 3"
        )
    return read_hermes_map(container.payload)


def read_hermes_map(text: bytes) -> SourceMap:
    """Reads a map of Hermes bytecode; raises `SourceMapError` for any other map."""
    fields = read_document(text, DEFAULT_LIMITS)
    if not (_has(elements, fields, FUNCTION_MAPS) or _has(fields_of, fields, FUNCTION_OFFSETS)):
        raise SourceMapError(f"neither {FUNCTION_MAPS} nor {FUNCTION_OFFSETS}: not of Hermes")
    return SourceMap.from_json(text)


def _has(kind: Callable[[Node], object], fields: dict[str, Node], name: str) -> bool:
    """Whether a field is there and of its kind; null and anything else is not."""
    if name not in fields:
        return False
    try:
        kind(fields[name])
    except WrongType:
        return False
    return True
