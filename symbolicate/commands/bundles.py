"""Bundles with their maps, found by the comment that names the map, or beside the script.

Also maps of Hermes bytecode, which need no script.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from symbolicate.commands.chunk_injection import carried_id, map_id
from symbolicate.commands.local_files import BadFile, first_bytes, kind_of, read_file
from symbolicate.commands.opened_map import base_name
from symbolicate.errors import FormatError
from symbolicate.formats.hermes_map import FUNCTION_OFFSETS
from symbolicate.formats.map_limits import DEFAULT_LIMITS
from symbolicate.formats.script_comments import DATA_URL, source_mapping_url
from symbolicate.formats.source_map_json import Node, read_document, typed

SCRIPTS = (".js", ".mjs", ".cjs")
_MAP = ".map"
_MAPS = tuple(f"{suffix}{_MAP}" for suffix in SCRIPTS)
_NOT_OURS = "node_modules"


class Bundle(NamedTuple):
    """A generated script and its map; no map: the script holds it in a data URL."""

    script: Path
    map: Path | None

    @property
    def path(self) -> Path:
        """The file that outcomes are told of."""
        return self.script


class HermesMap(NamedTuple):
    """A map of Hermes bytecode that carries its id."""

    map: Path

    @property
    def path(self) -> Path:
        """The file that outcomes are told of."""
        return self.map


class Unusable(NamedTuple):
    """A file that was looked at and has nothing to upload."""

    path: Path
    why: str
    is_wrong: bool = False
    """Whether the caller has to know that it is wrong, and not only without a map."""
    chunk_id: str | None = None
    """The id that a script without a map carries; an earlier upload may have deleted the map."""


Symbols = Bundle | HermesMap
Found = Symbols | Unusable


def find_bundles(paths: Iterable[Path]) -> list[Found]:
    """Looks at files, and below folders at every script but those in `node_modules`.

    Each script comes once, in the order of the arguments and then of its name; so does a map
    that no script claims.
    """
    found: dict[Path, Found] = {}
    for path in paths:
        for item in _below(path) if path.is_dir() else [_named(path)]:
            found.setdefault(item.path.resolve(), item)
    claimed = {
        item.map.resolve() for item in found.values() if isinstance(item, Bundle) and item.map
    }
    return [item for key, item in found.items() if key not in claimed]


def _below(folder: Path) -> Iterator[Found]:
    unreadable: list[Unusable] = []

    def note(error: OSError) -> None:
        path = Path(error.filename or folder)
        unreadable.append(Unusable(path, error.strerror or "cannot be read", is_wrong=True))

    for parent, folders, files in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if name != _NOT_OURS)
        for name in sorted(files):
            if name.endswith(SCRIPTS):
                yield _script(Path(parent, name))
            elif name.endswith(_MAPS):
                yield _of_map(Path(parent, name))
            elif name.endswith(_MAP) and (item := _hermes_map(Path(parent, name))):
                yield item
    yield from unreadable


def _named(path: Path) -> Found:
    """A file that the caller named, whatever its suffix."""
    try:
        data = read_file(path)
    except BadFile as error:
        return Unusable(path, _reason(path, error), is_wrong=True)
    kind = kind_of(data)
    if kind == "source_map":
        return _of_map(path, is_wrong=True)
    if is_script(path, data):
        return bundle_of(path, data)
    return Unusable(path, f"{first_bytes(data)}: neither a script nor a source map", is_wrong=True)


def _script(path: Path) -> Found:
    try:
        return bundle_of(path, read_file(path))
    except BadFile as error:
        return Unusable(path, _reason(path, error), is_wrong=True)


def is_script(path: Path, data: bytes) -> bool:
    """Tells whether a file is a script, by what it holds or else by its name."""
    kind = kind_of(data)
    return kind == "script" or (kind == "unknown" and path.name.endswith(SCRIPTS))


def bundle_of(path: Path, data: bytes) -> Found:
    """Finds the map of a script: the one that its comment names, else the one beside it."""
    beside = path.with_name(f"{path.name}.map")
    script = data.decode("utf-8", "replace")
    address = source_mapping_url(script)
    if address is None:
        if os.path.isfile(beside):
            return Bundle(path, beside)
        why = f"no map (it names none, and there is no {beside.name} beside it)"
        return Unusable(path, why, chunk_id=carried_id(script, {}))
    if address.startswith(DATA_URL):
        return Bundle(path, None)
    for candidate in (_local(path, address), beside):
        # Unlike Path.is_file, this judges a name that no file can have.
        if os.path.isfile(candidate):
            return Bundle(path, candidate)
    why = f"no map (its comment names {address[:300]}, which is not there)"
    return Unusable(path, why, chunk_id=carried_id(script, {}))


def _local(script: Path, address: str) -> Path:
    """Where a map lies that a script names, as if a remote one had been saved beside it."""
    name = unquote(address.partition("?")[0].partition("#")[0])
    is_elsewhere = "://" in name or name.startswith("/")
    return script.parent / (base_name(name) if is_elsewhere else name)


def _of_map(path: Path, *, is_wrong: bool = False) -> Found:
    """Finds the script of a map: the file whose name it continues, or the one that it names."""
    beside = path.with_name(path.name.removesuffix(_MAP))
    if not (beside.name.endswith(SCRIPTS) and beside.is_file()):
        hermes = _hermes_map(path, is_wrong=is_wrong)
        if hermes is not None:
            return hermes
    if beside != path and beside.is_file():
        return Bundle(beside, path)
    named = path.parent / _file_field(path)
    if os.path.isfile(named):
        return Bundle(named, path)
    return Unusable(path, f"no script (there is no {beside.name} beside it)", is_wrong)


def _hermes_map(path: Path, *, is_wrong: bool = False) -> Found | None:
    """A map that says that it is of Hermes; None for every other."""
    fields = _fields(path)
    if FUNCTION_OFFSETS not in fields:
        return None
    if map_id(fields) is None:
        return Unusable(path, "a Hermes map without a chunk id", is_wrong)
    return HermesMap(path)


def _file_field(path: Path) -> str:
    try:
        return base_name(typed(_fields(path).get("file", ""), str, DEFAULT_LIMITS))
    except FormatError:
        return ""


def _fields(path: Path) -> dict[str, Node]:
    """The fields of a map; none where it cannot be read."""
    try:
        return read_document(read_file(path), DEFAULT_LIMITS)
    except (BadFile, FormatError):
        return {}


def _reason(path: Path, error: BadFile) -> str:
    return error.message.removeprefix(f"{path}: ")
