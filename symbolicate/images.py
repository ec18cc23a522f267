"""Debug images: the binaries loaded in a crashed process, and which one an address lies in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from symbolicate.json_text import prepared

_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,16})")


@prepared
class DebugImage(msgspec.Struct, frozen=True):
    """One item of `$debug_images`; `image_addr` is the load address as hex text."""

    debug_id: str
    image_addr: str
    image_vmaddr: str | None = None
    image_size: int | None = None
    code_file: str | None = None
    type: str | None = None
    arch: str | None = None


@prepared
class Address(msgspec.Struct, frozen=True):
    """A place inside an image: its debug id in lower case, and pc − load address."""

    debug_id: str
    relative: int


def parse_address(text: Any) -> int | None:
    """Reads a hex address of at most 64 bits, `0x` optional; None if it is not one."""
    found = _HEX.fullmatch(text.strip()) if isinstance(text, str) else None
    return int(found[1], 16) if found else None


def read_debug_images(values: Any) -> list[DebugImage]:
    """Reads `$debug_images`, leaving out what does not fit."""
    images = []
    for value in values if isinstance(values, list) else ():
        try:
            images.append(msgspec.convert(value, DebugImage))
        except msgspec.ValidationError:
            continue
    return images


def match(raw: dict[str, Any], images: Sequence[DebugImage]) -> Address | None:
    """Finds the first image, in list order, that the frame names or whose range holds its pc."""
    pc = parse_address(raw.get("instruction_addr"))
    if pc is None:
        return None
    named = parse_address(raw.get("image_addr"))
    for image in images:
        base = parse_address(image.image_addr)
        if base is None:
            continue
        if base == named or base <= pc < base + (image.image_size or 0):
            return Address(image.debug_id.lower(), pc - base) if pc >= base else None
    return None
