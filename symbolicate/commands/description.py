"""What a symbol file is, as plain JSON values: kind, ids, sizes, counts, and what it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Raw

from symbolicate.commands.local_files import BadFile, Kind, first_bytes, native_name
from symbolicate.errors import FormatError
from symbolicate.formats.container import ContainerType, read_container
from symbolicate.formats.container_limits import DEFAULT_LIMITS as CONTAINER_LIMITS
from symbolicate.formats.jsmc import VERSION, CompiledFile, Tag
from symbolicate.formats.map_limits import DEFAULT_LIMITS
from symbolicate.formats.script_comments import DATA_URL, script_ids, source_mapping_url
from symbolicate.formats.source_map import SourceMap
from symbolicate.formats.source_map_json import read_document, typed
from symbolicate.formats.source_map_parse import parse
from symbolicate.formats.zip_members import read_directory

Facts = dict[str, Any]

CONTAINER_NAMES = {
    ContainerType.SOURCE_AND_MAP: "a minified source and its map",
    ContainerType.HERMES_MAP: "a Hermes map",
    ContainerType.PROGUARD_MAPPING: "a ProGuard mapping",
    ContainerType.APPLE_DSYM: "an Apple dSYM",
    ContainerType.DEBUG_INFO: "native debug info",
}
MANIFEST = "__source/manifest.json"

_COMPRESSION_AT = 30
_SHOWN_ADDRESS = 300
_MAP_IDS = ("chunk_id", "chunkId", "release_id")
_DSYM_DWARF = re.compile(r".*/Contents/Resources/DWARF/.+", re.DOTALL)


def describe(path: Path, kind: Kind, data: bytes) -> Facts:
    """Gives the facts of a file; raises `BadFile` if it is of no kind we know, or damaged."""
    describer = _DESCRIBERS.get(kind)
    if describer is None:
        seen = native_name(data) or first_bytes(data)
        raise BadFile(path, f"{seen}: nothing that can be inspected")
    try:
        return {"kind": kind, "bytes": len(data), **describer(path, data)}
    except FormatError as error:
        raise BadFile(path, str(error)) from error


def _source_map(_path: Path, data: bytes) -> Facts:
    return describe_map(data)


def describe_map(data: bytes) -> Facts:
    """Gives the facts of a source map's JSON, read leniently."""
    fields = read_document(data, DEFAULT_LIMITS)
    parsed = parse(data)
    mappings, contents = parsed.mappings, parsed.contents
    without_text = sum(contents.text(index) is None for index in range(len(parsed.sources)))
    return {
        "version": _value(fields, "version", int | float | str | None),
        "file": parsed.file,
        "sections": len(_value(fields, "sections", list[Raw]) or ()),
        "sources": len(parsed.sources),
        "sources_without_text": without_text,
        "ignored_sources": len(parsed.ignored),
        "names": len(parsed.names),
        "segments": len(mappings.generated),
        "dropped_segments": mappings.dropped,
        "generated_lines": mappings.line_count,
        "debug_id": parsed.debug_id,
        "ids": {name: _value(fields, name, str) for name in _MAP_IDS if name in fields},
        "function_maps": len(parsed.function_maps),
        "scopes": bool(parsed.scopes),
        "hermes": parsed.hermes,
        "defects": list(parsed.defects),
    }


def _value(fields: dict[str, Any], name: str, kind: Any) -> Any:
    """A field's value, or None where it is absent or of another type."""
    try:
        return typed(fields[name], kind, DEFAULT_LIMITS) if name in fields else None
    except FormatError:
        return None


def _container(_path: Path, data: bytes) -> Facts:
    container = read_container(data)
    compressed = container.version == 2 and data[_COMPRESSION_AT] == 1
    facts: Facts = {
        "container_version": container.version,
        "type": int(container.type),
        "type_name": CONTAINER_NAMES[container.type],
        "compression": "zstd" if compressed else "none",
    }
    if container.type is ContainerType.SOURCE_AND_MAP:
        sizes = {"source_bytes": len(container.source), "map_bytes": len(container.map)}
        script = describe_script(container.source)
        return facts | sizes | {"script": script, "map": describe_map(container.map)}
    facts["payload_bytes"] = len(container.payload)
    if container.type is ContainerType.HERMES_MAP:
        return facts | {"map": describe_map(container.payload)}
    if container.type is ContainerType.PROGUARD_MAPPING:
        return facts | {"lines": container.payload.count(b"\n") + 1}
    return facts | describe_zip(container.payload)


def _script(_path: Path, data: bytes) -> Facts:
    return describe_script(data)


def describe_script(data: bytes) -> Facts:
    """Gives what a generated script says in its comments."""
    text = data.decode("utf-8", "replace")
    address = source_mapping_url(text)
    if address is not None and address.startswith(DATA_URL):
        address = f"{address.partition(',')[0]},… ({len(address)} characters)"
    shown = address if address is None else address[:_SHOWN_ADDRESS]
    return {"lines": text.count("\n") + 1, "source_mapping_url": shown, "ids": script_ids(text)}


def _compiled(path: Path, _data: bytes) -> Facts:
    compiled = CompiledFile.open(path)
    compiled.verify()
    header, opened = compiled.header, SourceMap.open(path)
    views = {tag.name.lower(): compiled.view(tag) for tag in Tag}
    return {
        "format_version": VERSION,
        "file": opened.file,
        "sources": header.sources,
        "ignored_sources": len(opened.ignored_source_ids),
        "names": header.names,
        "segments": header.segments,
        "dropped_segments": header.dropped,
        "generated_lines": header.lines,
        "debug_id": opened.debug_id,
        "data_hash": header.data_hash.hex(),
        "flags": [flag.name for flag in header.flags if flag.name],
        "hermes": opened.is_hermes,
        "defects": list(opened.defects),
        "section_bytes": {name: view.nbytes for name, view in views.items() if view is not None},
    }


def _zip(_path: Path, data: bytes) -> Facts:
    return describe_zip(data)


def describe_zip(data: bytes) -> Facts:
    """Gives the members of an archive, and whether it has the shape of debug symbols."""
    members = read_directory(data, CONTAINER_LIMITS)
    binaries = [name for name in members if name == "dwarf" or _DSYM_DWARF.fullmatch(name)]
    return {
        "members": {name: member.size for name, member in members.items()},
        "debug_binaries": binaries,
        "has_sources": MANIFEST in members,
    }


_DESCRIBERS: dict[str, Callable[[Path, bytes], Facts]] = {
    "source_map": _source_map,
    "container": _container,
    "script": _script,
    "compiled": _compiled,
    "zip": _zip,
}
