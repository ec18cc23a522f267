"""Bundles and maps packed as symbol sets: read, checked, given a token and kept in a file."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from symbolicate.commands.bundles import Bundle, HermesMap, Symbols
from symbolicate.commands.chunk_injection import carried_id, code_of, inject, map_id
from symbolicate.commands.local_files import read_file
from symbolicate.commands.upload_api import WantedSet
from symbolicate.errors import ContainerError, FormatError, SourceMapError, limit_sentence
from symbolicate.formats.container import ContainerType, read_container, write_container
from symbolicate.formats.hermes_map import read_hermes_map
from symbolicate.formats.map_limits import DEFAULT_LIMITS
from symbolicate.formats.parsed_map import ParsedMap
from symbolicate.formats.script_comments import data_url_content, source_mapping_url
from symbolicate.formats.source_map_json import read_document
from symbolicate.formats.source_map_parse import parse

MAX_BYTES = 104_857_600
"""What a server takes as one symbol set."""

_LAST_COLUMN = (1 << 31) - 1
_KIND = ContainerType.SOURCE_AND_MAP
_RELEASE_ID = re.compile(r"""(_posthogReleaseId\s*(?:\|\|=|\|\|)\s*)(["'`])[\w.-]{1,128}\2""")


class NoChunkId(FormatError):
    """A bundle that carries no id, so that no frame could ask for it."""


@dataclass(frozen=True, slots=True)
class PackedSet:
    """What can be uploaded; `container` is the file that holds its bytes.

    `content` is the same for two sets that explain the same frames alike: it is of the code, and
    of the map unless that maps nothing. `is_injected` says that the chunk id is new.
    """

    bundle: Symbols
    wanted: WantedSet
    container: Path
    content: str
    is_injected: bool = False


class Packer:
    """Packs bundles into files of a folder.

    With `injects`, a bundle without a chunk id is given one. The token is the hash of the
    container as uploaded, or, `by_content`, of what is in it without the release id that PostHog's
    event mode puts there and the comment that names the map, so that a new release of the same
    code is the same set.
    """

    def __init__(self, folder: Path, *, injects: bool, by_content: bool) -> None:
        self._folder = folder
        self._injects = injects
        self._by_content = by_content

    def pack(self, bundle: Symbols, *, apart: bool = False) -> PackedSet:
        """Reads and packs one bundle, whose files stay as they are; `apart`: see `inject`.

        Raises `FormatError` or `BadFile` for one that cannot be packed.
        """
        if isinstance(bundle, HermesMap):
            return self._pack_hermes(bundle)
        script = _text("the script", read_file(bundle.script))
        source_map = _map_of(bundle, script)
        _text("the map", source_map)
        parsed = parse(source_map)
        rewritten = inject(script, source_map, apart=apart) if self._injects else None
        if rewritten is not None:
            script, source_map = rewritten
            _check_moved(parsed, source_map)
        chunk_id = carried_id(script, read_document(source_map, DEFAULT_LIMITS))
        if chunk_id is None:
            raise NoChunkId("no chunk id or debug id in the script or its map (--inject gives one)")
        data = write_container(_KIND, source=script.encode(), map=source_map)
        wanted = self._wanted(chunk_id, data, _content(script, source_map))
        is_blank = not len(parsed.mappings.generated)
        content = _hash(_content(script, b"" if is_blank else source_map))
        return PackedSet(bundle, wanted, self._kept(data), content, rewritten is not None)

    def write(self, packed: PackedSet) -> None:
        """Rewrites the files of an injected bundle, the map first: it says whose script it is."""
        assert isinstance(packed.bundle, Bundle)
        container = read_container(packed.container.read_bytes())
        if packed.bundle.map is not None:
            _replace(packed.bundle.map, container.map)
        _replace(packed.bundle.script, container.source)

    def _pack_hermes(self, bundle: HermesMap) -> PackedSet:
        source_map = read_file(bundle.map)
        _text("the map", source_map)
        read_hermes_map(source_map)
        chunk_id = map_id(read_document(source_map, DEFAULT_LIMITS))
        if chunk_id is None:
            raise NoChunkId("no chunk id or debug id in the map")
        data = write_container(ContainerType.HERMES_MAP, payload=source_map)
        wanted = self._wanted(chunk_id, data, source_map)
        return PackedSet(bundle, wanted, self._kept(data), _hash(source_map))

    def _wanted(self, chunk_id: str, data: bytes, content: bytes) -> WantedSet:
        if len(data) > MAX_BYTES:
            raise ContainerError(limit_sentence("upload_bytes", len(data), MAX_BYTES))
        return WantedSet(chunk_id, _hash(content if self._by_content else data), len(data))

    def _kept(self, data: bytes) -> Path:
        with NamedTemporaryFile(dir=self._folder, delete=False) as file:
            file.write(data)
        return Path(file.name)


def _check_moved(before: ParsedMap, source_map: bytes) -> None:
    """Raises `SourceMapError` if a map says less once it is moved."""
    try:
        dropped = parse(source_map).mappings.dropped
    except SourceMapError:
        dropped = -1
    if dropped != before.mappings.dropped:
        raise SourceMapError(f"its columns are too near to {_LAST_COLUMN} to be moved (--inject)")


def _hash(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()


def _content(script: str, source_map: bytes) -> bytes:
    """What decides whether two uploads are the same: code and map, but not what names either."""
    code = _RELEASE_ID.sub(r"\1\2\2", code_of(script)).encode()
    return write_container(_KIND, source=code, map=source_map, compress=False)


def _map_of(bundle: Bundle, script: str) -> bytes:
    if bundle.map is not None:
        return read_file(bundle.map)
    return data_url_content(source_mapping_url(script) or "")


def _text(what: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{what} is not UTF-8 at byte {error.start}: {error.reason}") from error


def _replace(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all; its permissions stay."""
    path = path.resolve()
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            shutil.copymode(path, file.name)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
