"""JavaScript symbol sets: a container that holds a minified source and its map (type 2)."""

from __future__ import annotations

from dataclasses import dataclass

from symbolicate.errors import ContainerError
from symbolicate.formats.container import ContainerType, read_container
from symbolicate.formats.source_map import SourceMap


@dataclass(frozen=True, slots=True)
class JsData:
    """A minified source, None if the container holds an empty one, and the map that explains it."""

    source: str | None
    map: SourceMap


def read_js_data(data: bytes) -> JsData:
    """Reads a stored JavaScript symbol set.

    Raises `ContainerError` for what is not a container of a source and its map, `SourceMapError`
    for a map that cannot be read.
    """
    container = read_container(data)
    if container.type is not ContainerType.SOURCE_AND_MAP:
        raise ContainerError(
            f"a container of type {int(container.type)} cannot explain JavaScript, only type 2"
        )
    return JsData(container.source.decode() or None, SourceMap.from_json(container.map))
