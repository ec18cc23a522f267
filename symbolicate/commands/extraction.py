"""Unpacking a container or a ZIP: names are data, nothing lands outside, nothing is replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from symbolicate.commands.local_files import BadFile, Kind
from symbolicate.errors import ContainerError, FormatError
from symbolicate.formats.container import ContainerType, read_container
from symbolicate.formats.container_limits import DEFAULT_LIMITS
from symbolicate.formats.zip_members import read_directory, read_member

_MAX_NAME = 255
_TEXT_NAMES = {
    ContainerType.HERMES_MAP: "hermes.map",
    ContainerType.PROGUARD_MAPPING: "mapping.txt",
}


def extract(path: Path, kind: Kind, data: bytes, folder: Path) -> list[Path]:
    """Unpacks a file below `folder` and gives what was written, in order.

    Raises `BadFile` before anything is written if the file is no container, if a member's name
    is no path below the folder, or if a file is there already.
    """
    if kind not in ("container", "zip"):
        raise BadFile(path, "is no container, so there is nothing to extract")
    try:
        contents = dict(_contents(data))
        targets = {name: _target(folder, name) for name in contents}
        _check_folders(targets)
    except FormatError as error:
        raise BadFile(path, str(error)) from error
    for target in targets.values():
        if os.path.lexists(target):
            raise BadFile(target, "is there already, and nothing is overwritten")
    try:
        for name, target in targets.items():
            _write(target, contents[name])
    except OSError as error:
        raise BadFile(folder, error.strerror or "cannot be written to") from error
    return list(targets.values())


def _contents(data: bytes) -> Iterator[tuple[str, bytes]]:
    container = read_container(data)
    if container.type is ContainerType.SOURCE_AND_MAP:
        yield "source.js", container.source
        yield "source.js.map", container.map
        return
    if container.type in _TEXT_NAMES:
        yield _TEXT_NAMES[container.type], container.payload
        return
    for member in read_directory(container.payload, DEFAULT_LIMITS).values():
        if not member.name.endswith("/"):
            yield member.name, read_member(container.payload, member, DEFAULT_LIMITS)


def _target(folder: Path, name: str) -> Path:
    """Where a member goes; raises `ContainerError` unless that lies below the folder.

    What is there already counts too: a link inside the folder may lead out of it.
    """
    steps = name.split("/")
    is_plain = all(
        step not in ("", ".", "..") and len(step.encode()) <= _MAX_NAME for step in steps
    )
    if not is_plain or "\0" in name or "\\" in name:
        raise ContainerError(f"the member {name!r} is no path below the folder")
    target = folder / PurePosixPath(name)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise ContainerError(f"the member {name!r} leads out of the folder")
    return target


def _check_folders(targets: dict[str, Path]) -> None:
    files = set(targets.values())
    for name, target in targets.items():
        if not files.isdisjoint(target.parents):
            raise ContainerError(f"the member {name!r} lies below another member")


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        file.write(content)
