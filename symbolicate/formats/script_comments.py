"""What a generated script says in its comments: where its map is, and its ids.

Formats: `sourceMappingURL` and `debugId` of ECMA-426; `chunkId` of PostHog's clients.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from symbolicate.errors import SourceMapError

DATA_URL = "data:"

_MARK = "sourceMappingURL="
_OPENINGS = ("//#", "//@", "/*#", "/*@")
_ID = re.compile(r"^//[#@] ?(chunkId|debugId)=(\S{1,512})[ \t\r]*$", re.MULTILINE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*+")


def source_mapping_url(text: str) -> str | None:
    """The address of a script's map, from its last lines; None if it names none.

    Only comments may follow the one that counts, and one inside a string is none.
    """
    for line in _lines_from_the_end(text):
        address = _address(line)
        if address is not None or not _is_comment(line):
            return address
    return None


def script_ids(text: str) -> dict[str, str]:
    """The `chunkId` and `debugId` that a script carries; the last of each counts."""
    return {found[1]: found[2] for found in _ID.finditer(text)}


def data_url_content(url: str) -> bytes:
    """The map that a data URL holds; raises `SourceMapError` if it holds something else."""
    head, comma, payload = url.removeprefix(DATA_URL).partition(",")
    media, *parameters = head.lower().split(";")
    if not comma or media.strip() != "application/json":
        raise SourceMapError("the data URL of the source map does not hold JSON")
    if "base64" in (parameter.strip() for parameter in parameters):
        return _decoded(payload)
    return unquote_to_bytes(payload)


def _decoded(payload: str) -> bytes:
    """Base64 up to the first character that is none of it; padding may be missing."""
    found = _BASE64.match(payload)
    digits = found[0] if found else ""
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + "=" * (-len(digits) % 4))


def _lines_from_the_end(text: str) -> Iterator[str]:
    """The lines that hold more than blanks, the last first."""
    end = len(text)
    while end >= 0:
        start = text.rfind("\n", 0, end)
        line = text[start + 1 : end].strip()
        if line:
            yield line
        end = start


def _address(line: str) -> str | None:
    at = line.rfind(_MARK)
    if at < 0 or not line[max(0, at - 16) : at].rstrip().endswith(_OPENINGS):
        return None
    address = line[at + len(_MARK) :].removesuffix("*/").strip()
    quotes = '"`' if address.startswith(DATA_URL) else "\"'`"
    is_whole = address and not any(character.isspace() for character in address)
    return address if is_whole and not any(quote in address for quote in quotes) else None


def _is_comment(line: str) -> bool:
    return line.startswith("//") or (line.startswith("/*") and line.endswith("*/"))
