"""Bundles packed as symbol sets: each read, checked, given its token and kept in a file."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from symbolicate.commands.bundles import Bundle
from symbolicate.commands.chunk_injection import carried_id, code_of, inject
from symbolicate.commands.local_files import read_file
from symbolicate.commands.upload_api import WantedSet
from symbolicate.errors import ContainerError, FormatError, limit_sentence
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.formats.map_limits import DEFAULT_LIMITS
from symbolicate.formats.script_comments import data_url_content, source_mapping_url
from symbolicate.formats.source_map_json import read_document
from symbolicate.formats.source_map_parse import parse

MAX_BYTES = 104_857_600
"""What a server takes as one symbol set."""

_KIND = ContainerType.SOURCE_AND_MAP
_RELEASE_ID = re.compile(r"""(_posthogReleaseId\s*(?:\|\|=|\|\|)\s*)(["'`])[\w.-]{1,128}\2""")


class NoChunkId(FormatError):
    """A bundle that carries no id, so that no frame could ask for it."""


@dataclass(frozen=True, slots=True)
class PackedSet:
    """A bundle that can be uploaded; `container` is the file that holds its bytes."""

    bundle: Bundle
    wanted: WantedSet
    container: Path


class Packer:
    """Packs bundles into files of a folder.

    With `injects`, a bundle without a chunk id is given one, and with `writes` its files are
    rewritten. The token is the hash of the container as uploaded, or, `by_content`, of what is
    in it without the release id that PostHog's event mode puts there and the comment that names
    the map, so that a new release of the same code is the same set.
    """

    def __init__(self, folder: Path, *, injects: bool, writes: bool, by_content: bool) -> None:
        self._folder = folder
        self._injects = injects
        self._writes = writes
        self._by_content = by_content

    def pack(self, bundle: Bundle) -> PackedSet:
        """Reads and packs one bundle; raises `FormatError` or `BadFile` for one that cannot be."""
        script = _text("the script", read_file(bundle.script))
        source_map = _map_of(bundle, script)
        _text("the map", source_map)
        parse(source_map)
        rewritten = inject(script, source_map) if self._injects else None
        if rewritten is not None:
            script, source_map = rewritten
            if self._writes:
                self._write(bundle, script.encode(), source_map)
        chunk_id = carried_id(script, read_document(source_map, DEFAULT_LIMITS))
        if chunk_id is None:
            raise NoChunkId("no chunk id or debug id in the script or its map (--inject gives one)")
        return self._packed(bundle, chunk_id, script, source_map)

    def _packed(self, bundle: Bundle, chunk_id: str, script: str, source_map: bytes) -> PackedSet:
        data = write_container(_KIND, source=script.encode(), map=source_map)
        if len(data) > MAX_BYTES:
            raise ContainerError(limit_sentence("upload_bytes", len(data), MAX_BYTES))
        token = hashlib.sha512(_content(script, source_map) if self._by_content else data)
        with NamedTemporaryFile(dir=self._folder, delete=False) as file:
            file.write(data)
        wanted = WantedSet(chunk_id, token.hexdigest(), len(data))
        return PackedSet(bundle, wanted, Path(file.name))

    def _write(self, bundle: Bundle, script: bytes, source_map: bytes) -> None:
        """Rewrites both files, the map first: it says which script it is for."""
        if bundle.map is not None:
            _replace(bundle.map, source_map)
        _replace(bundle.script, script)


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
