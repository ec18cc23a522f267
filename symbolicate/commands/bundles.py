"""Bundles with their maps, found by the comment that names the map, or beside the script."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from symbolicate.commands.local_files import BadFile, first_bytes, kind_of, read_file
from symbolicate.commands.opened_map import base_name
from symbolicate.errors import FormatError
from symbolicate.formats.map_limits import DEFAULT_LIMITS
from symbolicate.formats.script_comments import DATA_URL, source_mapping_url
from symbolicate.formats.source_map_json import read_document, typed

SCRIPTS = (".js", ".mjs", ".cjs")
_MAPS = tuple(f"{suffix}.map" for suffix in SCRIPTS)
_NOT_OURS = "node_modules"


class Bundle(NamedTuple):
    """A generated script and its map; no map: the script holds it in a data URL."""

    script: Path
    map: Path | None


class Unusable(NamedTuple):
    """A file that was looked at and has nothing to upload."""

    path: Path
    why: str
    is_wrong: bool = False
    """Whether the caller has to know that it is wrong, and not only without a map."""


Found = Bundle | Unusable


def find_bundles(paths: Iterable[Path]) -> list[Found]:
    """Looks at files, and below folders at every script but those in `node_modules`.

    Each script comes once, in the order of the arguments and then of its name; so does a map
    that no script claims.
    """
    found: dict[Path, Found] = {}
    for path in paths:
        for item in _below(path) if path.is_dir() else [_named(path)]:
            script = item.script if isinstance(item, Bundle) else item.path
            found.setdefault(script.resolve(), item)
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
    if kind == "script" or path.name.endswith(SCRIPTS):
        return _of_script(path, data)
    return Unusable(path, f"{first_bytes(data)}: neither a script nor a source map", is_wrong=True)


def _script(path: Path) -> Found:
    try:
        return _of_script(path, read_file(path))
    except BadFile as error:
        return Unusable(path, _reason(path, error), is_wrong=True)


def _of_script(path: Path, data: bytes) -> Found:
    beside = path.with_name(f"{path.name}.map")
    address = source_mapping_url(data.decode("utf-8", "replace"))
    if address is None:
        if os.path.isfile(beside):
            return Bundle(path, beside)
        return Unusable(path, f"no map (it names none, and there is no {beside.name} beside it)")
    if address.startswith(DATA_URL):
        return Bundle(path, None)
    for candidate in (_local(path, address), beside):
        # Unlike Path.is_file, this judges a name that no file can have.
        if os.path.isfile(candidate):
            return Bundle(path, candidate)
    return Unusable(path, f"no map (its comment names {address[:300]}, which is not there)")


def _local(script: Path, address: str) -> Path:
    """Where a map lies that a script names, as if a remote one had been saved beside it."""
    name = unquote(address.partition("?")[0].partition("#")[0])
    is_elsewhere = "://" in name or name.startswith("/")
    return script.parent / (base_name(name) if is_elsewhere else name)


def _of_map(path: Path, *, is_wrong: bool = False) -> Found:
    """Finds the script of a map: the file whose name it continues, or the one that it names."""
    beside = path.with_name(path.name.removesuffix(".map"))
    if beside != path and beside.is_file():
        return Bundle(beside, path)
    named = path.parent / _file_field(path)
    if os.path.isfile(named):
        return Bundle(named, path)
    return Unusable(path, f"no script (there is no {beside.name} beside it)", is_wrong)


def _file_field(path: Path) -> str:
    try:
        fields = read_document(read_file(path), DEFAULT_LIMITS)
        return base_name(typed(fields.get("file", ""), str, DEFAULT_LIMITS))
    except (BadFile, FormatError):
        return ""


def _reason(path: Path, error: BadFile) -> str:
    return error.message.removeprefix(f"{path}: ")
