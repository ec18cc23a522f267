"""Chunk ids: the one that a bundle carries, and giving it one that registers itself at run time.

Formats: PostHog's `//# chunkId=` comment and `_posthogChunkIds` registry, `chunk_id` in maps, and
the ids that its clients derive from code (UUID v5); `debugId` of ECMA-426.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import NamedTuple

from symbolicate.errors import SourceMapError
from symbolicate.formats.inserted_text import Insertion, document, with_insertion
from symbolicate.formats.map_limits import DEFAULT_LIMITS
from symbolicate.formats.script_comments import DATA_URL, script_ids, source_mapping_url
from symbolicate.formats.source_map_json import Node, WrongType, read_document, typed

NAMESPACE = uuid.UUID("0e9b3c7a-5d1f-42a8-b6c4-e2d0f8a17593")
"""Of PostHog's content-derived chunk ids."""

_MAP_CHUNK_IDS = ("chunk_id", "chunkId")
_MAP_DEBUG_IDS = ("debugId", "debug_id")
_PLAIN_ID = re.compile(r"[\w.-]{1,128}", re.ASCII)
_MARK = "sourceMappingURL="
_REGISTERED = re.compile(
    r"""_posthogChunkIds\b[^;"'`]{0,80}\[[\w$]{1,32}\]\s*=\s*(["'`])([\da-fA-F-]{32,36})\1""",
    re.ASCII,
)
_LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")
_BLANK = r"(?:\s|//[^\n\r\u2028\u2029]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+"
_HASHBANG = re.compile(r"#![^\n\r\u2028\u2029]*+[\n\r\u2028\u2029]")
_DIRECTIVE = re.compile(
    rf"""{_BLANK}(?:"[^"\\\n\r]*+"|'[^'\\\n\r]*+')(?P<gap>{_BLANK})(?P<end>;?)"""
)
_NEXT_STATEMENT = re.compile(r"""(?!in\b|instanceof\b|!=)[\w$"'{!~@\\]|\Z""")


class Rewritten(NamedTuple):
    """A bundle that now carries a chunk id; `map` is the JSON of its map, wherever that lies."""

    script: str
    map: bytes


def carried_id(script: str, fields: dict[str, Node]) -> str | None:
    """The id under which a bundle's frames ask for it; None if it carries none.

    What the script says counts before its map's fields, a chunk id before a debug id.
    """
    ids = script_ids(script)
    own = ids.get("chunkId") or _registered(script)
    return own or map_id(fields) or ids.get("debugId")


def map_id(fields: dict[str, Node]) -> str | None:
    """The id that a map carries; a chunk id counts before a debug id."""
    return _field(fields, *_MAP_CHUNK_IDS, *_MAP_DEBUG_IDS)


def inject(script: str, map_json: bytes, *, apart: bool = False) -> Rewritten | None:
    """Gives a bundle a chunk id; None if its script carries one, so that twice changes nothing.

    The id is the bundle's debug id, else derived from its code, so equal code has equal ids, or
    `apart`, from its code and the names of its sources. The registering snippet goes behind a
    hashbang and directives, without a line end; the map moves with it. Raises `SourceMapError`
    for a map that cannot be read or is of another script.
    """
    ids = script_ids(script)
    if "chunkId" in ids or _registered(script):
        return None
    fields = read_document(map_json, DEFAULT_LIMITS)
    code, comment = _split(script)
    adopted = _field(fields, *_MAP_DEBUG_IDS) or ids.get("debugId") or ""
    sources = document({"sources": fields.get("sources")}).decode()
    derived = (content_id(code), content_id(code + sources))
    choice = (adopted, adopted) if _PLAIN_ID.fullmatch(adopted) else derived
    marked = _field(fields, *_MAP_CHUNK_IDS)
    if marked not in (None, *choice):
        raise SourceMapError(f"the map carries the chunk id {marked}, its script does not")
    chunk_id = marked or choice[apart]
    snippet, at = _snippet(chunk_id), _prologue_end(code)
    if marked is None:
        # A marked map was moved by a run that ended before it could write the script.
        fields = with_insertion(fields, _insertion(code, at, len(snippet)))
    map_json = document({**fields, "chunk_id": chunk_id})
    if comment.partition(_MARK)[2].startswith(DATA_URL):
        comment = _inlined(map_json)
    script = f"{code[:at]}{snippet}{code[at:]}\n//# chunkId={chunk_id}\n{comment}"
    return Rewritten(script, map_json)


def content_id(code: str) -> str:
    """The chunk id of code, without its last line end and the comment that names its map."""
    return str(uuid.uuid5(NAMESPACE, code))


def code_of(script: str) -> str:
    """A script without its last line end and the comment that names its map."""
    return _split(script)[0]


def _registered(script: str) -> str | None:
    """The id under which a script registers itself when it runs; the last one counts there."""
    ids = [found[2] for found in _REGISTERED.finditer(script)]
    return ids[-1] if ids else None


def _field(fields: dict[str, Node], *names: str) -> str | None:
    """The first of these fields that holds text."""
    for name in names:
        try:
            text: str = typed(fields.get(name, ""), str, DEFAULT_LIMITS)
        except WrongType:
            continue
        if text:
            return text
    return None


def _snippet(chunk_id: str) -> str:
    """Code that notes, when it runs, which stack belongs to which chunk id."""
    scopes = ("globalThis", "self", "global", "window")
    scope = "".join(f'"undefined"!=typeof {name}?{name}:' for name in scopes)
    noted = f"(g._posthogChunkIds=g._posthogChunkIds||{{}})[s]={json.dumps(chunk_id)}"
    return (
        f"!function(){{try{{var g={scope}{{}},s=(new g.Error).stack;s&&({noted})}}catch(e){{}}}}();"
    )


def _split(script: str) -> tuple[str, str]:
    """The code without its last line end, and what begins with the comment that names the map."""
    start = len(script)
    address = source_mapping_url(script)
    if address is not None:
        at = script.rfind(_MARK + address)
        start = max(script.rfind("//", 0, at), script.rfind("/*", 0, at))
    code = script[:start]
    return code[: -len("\r\n")] if code.endswith("\r\n") else code.removesuffix("\n"), script[
        start:
    ]


def _prologue_end(code: str) -> int:
    """Where the first statement may be put in: behind a hashbang and directives.

    A directive that no semicolon ends counts only where a line end does; in doubt the prologue
    ends before it, which is always a place for a statement.
    """
    start = end = int(code.startswith("\ufeff"))
    hashbang = _HASHBANG.match(code, start)
    if hashbang is not None:
        end = hashbang.end()
    while (found := _DIRECTIVE.match(code, end)) is not None:
        if not found["end"]:
            by_line_end = _LINE_END.search(found["gap"]) is not None
            if not by_line_end or not _NEXT_STATEMENT.match(code, found.end()):
                break
        end = found.end()
    return end


def _insertion(code: str, at: int, width: int) -> Insertion:
    """The generated position of an offset; a byte order mark takes no column."""
    before = _LINE_END.split(code[:at].removeprefix("\ufeff"))
    return Insertion(len(before) - 1, len(before[-1].encode("utf-16-le")) // 2, width)


def _inlined(map_json: bytes) -> str:
    encoded = base64.b64encode(map_json).decode()
    return f"//# {_MARK}{DATA_URL}application/json;base64,{encoded}\n"
