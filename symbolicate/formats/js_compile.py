"""Tasks of the compiling child: from a stored container to the compiled form of its map."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from symbolicate.formats.hermes_map import read_hermes_data
from symbolicate.formats.js_data import read_js_data
from symbolicate.formats.source_map import SourceMap

KeepGoing = Callable[[], bool]


def compile_javascript(source: Path, target: Path, keep_going: KeepGoing) -> int:
    """Compiles a JavaScript symbol set; gives the bytes written.

    Raises `ContainerError` or `SourceMapError` for what cannot be read.
    """
    data = source.read_bytes()
    return _save(read_js_data(data).map, data, target, keep_going)


def compile_hermes(source: Path, target: Path, keep_going: KeepGoing) -> int:
    """Compiles a Hermes symbol set; gives the bytes written."""
    data = source.read_bytes()
    return _save(read_hermes_data(data), data, target, keep_going)


def _save(source_map: SourceMap, data: bytes, target: Path, keep_going: KeepGoing) -> int:
    digest = hashlib.blake2b(data, digest_size=32).digest()
    source_map.save(target, data_hash=digest, keep_going=keep_going)
    return target.stat().st_size
