"""A source map opened from whatever file holds it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from symbolicate.commands.local_files import BadFile, first_bytes, kind_of, native_name, read_file
from symbolicate.errors import FormatError
from symbolicate.formats.container import ContainerType, read_container
from symbolicate.formats.hermes_map import read_hermes_map
from symbolicate.formats.script_comments import DATA_URL, data_url_content, source_mapping_url
from symbolicate.formats.source_map import SourceMap


class OpenedMap(NamedTuple):
    """A map and the names by which stacks may call the file that it explains."""

    map: SourceMap
    generated: frozenset[str]


def open_map(path: Path) -> OpenedMap:
    """Opens a map, a container, a compiled map, or a script that holds its map.

    Raises `BadFile` with what was seen.
    """
    data = read_file(path)
    try:
        source_map = _map_in(path, data)
    except FormatError as error:
        raise BadFile(path, str(error)) from error
    own = path.name.removesuffix(".map")
    named = base_name(source_map.file or "")
    return OpenedMap(source_map, frozenset({own, named} - {""}))


def base_name(file: str) -> str:
    """The last part of a path or an address, without query and fragment."""
    path = file.partition("?")[0].partition("#")[0].replace("\\", "/")
    return path.rpartition("/")[2]


def _map_in(path: Path, data: bytes) -> SourceMap:
    kind = kind_of(data)
    if kind == "source_map":
        return SourceMap.from_json(data)
    if kind == "compiled":
        return SourceMap.open(path, verify=True)
    if kind == "container":
        return _contained(path, data)
    if kind == "script":
        return _within(path, data)
    seen = native_name(data) or ("a ZIP file" if kind == "zip" else first_bytes(data))
    wanted = "a source map, a container, a compiled map or a script that has one"
    raise BadFile(path, f"{seen}, not {wanted}")


def _contained(path: Path, data: bytes) -> SourceMap:
    container = read_container(data)
    if container.type is ContainerType.SOURCE_AND_MAP:
        return SourceMap.from_json(container.map)
    if container.type is ContainerType.HERMES_MAP:
        return read_hermes_map(container.payload)
    raise BadFile(path, f"a container of {container.type.name}, which holds no source map")


def _within(path: Path, script: bytes) -> SourceMap:
    address = source_mapping_url(script.decode("utf-8", "replace")) or ""
    if not address.startswith(DATA_URL):
        raise BadFile(path, "a script that does not hold its map")
    return SourceMap.from_json(data_url_content(address))
