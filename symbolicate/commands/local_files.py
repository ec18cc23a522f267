"""Files of the caller's own machine, read whole under a cap and told apart by how they begin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from symbolicate.commands.printed import printable
from symbolicate.errors import limit_sentence
from symbolicate.formats import container, jsmc
from symbolicate.formats.script_comments import script_ids, source_mapping_url

MAX_BYTES = 512 << 20
WRONG_USAGE = 2

Kind = Literal["source_map", "container", "compiled", "zip", "script", "native", "unknown"]

_BOM = b"\xef\xbb\xbf"
_NATIVE = {
    b"\x7fELF": "an ELF file",
    b"\xcf\xfa\xed\xfe": "a Mach-O file",
    b"\xce\xfa\xed\xfe": "a Mach-O file",
    b"\xca\xfe\xba\xbe": "a fat Mach-O file",
    b"\0asm": "a WebAssembly file",
    b"MZ": "a PE file",
}
_SHOWN = 16


class BadFile(click.ClickException):
    """A file or an argument that cannot be used: one line on stderr, exit code 2."""

    exit_code = WRONG_USAGE

    def __init__(self, name: str | Path, what: str) -> None:
        super().__init__(printable(f"{name}: {what}"))


def read_file(path: Path) -> bytes:
    """Reads a regular file of at most `MAX_BYTES`; raises `BadFile` for anything else."""
    try:
        # Asked before opening: to open a pipe would wait for its other end.
        if not path.is_file():
            raise BadFile(path, "is not a file" if path.exists() else "no such file")
        with path.open("rb") as file:
            return _capped(path, file.read(MAX_BYTES + 1))
    except OSError as error:
        raise BadFile(path, error.strerror or "cannot be read") from error


def read_stdin() -> bytes:
    """Reads standard input to its end, under the same cap."""
    return _capped("standard input", sys.stdin.buffer.read(MAX_BYTES + 1))


def _capped(name: str | Path, data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise BadFile(name, limit_sentence("file_bytes", len(data), MAX_BYTES))
    return data


def kind_of(data: bytes) -> Kind:
    """Tells a file's kind by its first bytes, a script by the comments that it ends with."""
    if data.startswith(jsmc.MAGIC):
        return "compiled"
    if data.startswith(container.MAGIC):
        return "container"
    if data.startswith(b"PK"):
        return "zip"
    if native_name(data) is not None:
        return "native"
    if data.removeprefix(_BOM).lstrip().startswith((b"{", b")]}'")):
        return "source_map"
    return "script" if _is_script(data) else "unknown"


def native_name(data: bytes) -> str | None:
    """Names a format of native binaries."""
    return next((name for magic, name in _NATIVE.items() if data.startswith(magic)), None)


def first_bytes(data: bytes) -> str:
    """Says what was seen of a file that nobody knows."""
    return f"{len(data)} bytes that begin with {data[:_SHOWN].hex(' ') or 'nothing'}"


def _is_script(data: bytes) -> bool:
    if b"\0" in data[:8192]:
        return False
    text = data.decode("utf-8", "replace")
    return source_mapping_url(text) is not None or bool(script_ids(text))
