"""Reading a source map's JSON into `ParsedMap`: every field checked, every defect judged."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from symbolicate.errors import SourceMapError
from symbolicate.formats import source_urls
from symbolicate.formats.dart_names import DART_FIELD, decode_dart_names
from symbolicate.formats.map_limits import DEFAULT_LIMITS, MapLimits
from symbolicate.formats.mappings import Mappings, empty_mappings
from symbolicate.formats.parsed_map import ParsedMap
from symbolicate.formats.range_mappings import SUITE_BASE, decode_ranges
from symbolicate.formats.scopes_text import ScopesPart, decode_scopes
from symbolicate.formats.sections import Decoding, Section, Start, flattened
from symbolicate.formats.sections import section as new_section
from symbolicate.formats.source_contents import SourceContents
from symbolicate.formats.source_map_json import (
    Node,
    WrongType,
    elements,
    fields_of,
    read_document,
    require_elements,
    require_shallow_unknown,
    text_view,
    typed,
)
from symbolicate.formats.vlq import decode_relative

_KNOWN = frozenset(
    {
        "version",
        "file",
        "sourceRoot",
        "sources",
        "sourcesContent",
        "names",
        "mappings",
        "rangeMappings",
        "scopes",
        "sections",
        "ignoreList",
        "x_google_ignoreList",
        "debugId",
        "debug_id",
        "x_facebook_sources",
        "x_hermes_function_offsets",
    }
)
_DEBUG_ID = re.compile(
    r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})", re.IGNORECASE
)


def parse(
    data: bytes,
    *,
    url: str | None = None,
    strict: bool = False,
    limits: MapLimits = DEFAULT_LIMITS,
    range_base: int = SUITE_BASE,
) -> ParsedMap:
    """Reads a plain or an index map; an index map comes out flat."""
    fields = read_document(data, limits)
    parsed = _Parser(url, Decoding(strict, range_base, limits)).parse(fields)
    parsed.data = data
    if strict:
        decode_scopes(parsed.scopes, parsed.names, len(parsed.sources), limits)
    return parsed


class _Parser:
    def __init__(self, url: str | None, decoding: Decoding) -> None:
        self._url = url
        self._decoding = decoding
        self._strict = decoding.strict
        self._limits = decoding.limits
        self._sections_left = decoding.limits.sections
        self._defects: list[str] = []

    def parse(self, fields: dict[str, Node]) -> ParsedMap:
        self._check(fields, 1)
        if "sections" in fields:
            whole = flattened(self._sections(fields, 1), self._decoding)
            whole.file = self._optional(fields, "file", str)
            whole.debug_id = self._debug_id(fields)
        else:
            whole = self._plain_map(fields)
            whole.mappings = self._mappings(fields, len(whole.sources), len(whole.names))
        whole.defects = self._defects
        return whole

    def _check(self, fields: dict[str, Node], depth: int) -> None:
        self._limits.require("index_map_nesting", depth)
        require_shallow_unknown(fields, _KNOWN, self._limits)
        self._check_version(fields)

    def _plain_map(self, fields: dict[str, Node]) -> ParsedMap:
        """Everything but the mappings."""
        raw_sources = self._strings(fields, "sources", required=True)
        self._limits.require("sources", len(raw_sources))
        names = self._strings(fields, "names", nulls=False)
        self._limits.require("names", len(names))
        root = self._optional(fields, "sourceRoot", str)
        return ParsedMap(
            file=self._optional(fields, "file", str),
            raw_sources=raw_sources,
            sources=self._resolved(raw_sources, root),
            names=names,
            contents=self._contents(fields),
            ignored=self._ignored(fields, len(raw_sources)),
            debug_id=self._debug_id(fields),
            scopes=self._scopes(fields),
            function_maps=self._list(fields, "x_facebook_sources"),
            hermes="x_hermes_function_offsets" in fields,
            dart_names=decode_dart_names(fields[DART_FIELD], names, self._limits)
            if DART_FIELD in fields
            else {},
        )

    def _sections(self, fields: dict[str, Node], depth: int) -> list[Section]:
        """The plain maps of an index map, in order, clipped by their successors."""
        if "mappings" in fields:
            self._refuse("both mappings and sections")
        nodes = self._list(fields, "sections")
        self._sections_left -= len(nodes)
        if self._sections_left < 0:
            self._limits.require("sections", self._limits.sections - self._sections_left)
        parts = [part for node in nodes if (part := self._section(node, depth))]
        if not all(a[0] < b[0] for a, b in pairwise(parts)):
            self._refuse("sections out of order or overlapping")
            parts.sort(key=lambda part: part[0])
        for (_, inner), (end, _) in pairwise(parts):
            for section in inner:
                section.clipped(end)
        return [section for _, inner in parts for section in inner]

    def _section(self, node: Node, depth: int) -> tuple[Start, list[Section]] | None:
        """Where a section starts and the plain maps in it; None for one that cannot be read."""
        try:
            fields = fields_of(node)
            if "map" not in fields and "url" in fields:
                raise SourceMapError("a section refers to a map by URL, which is not fetched")
            offset = fields_of(fields.get("offset"))
            start = (self._offset(offset.get("line")), self._offset(offset.get("column")))
            inner = fields_of(fields.get("map"))
        except WrongType as error:
            self._refuse(f"a section: {error}")
            return None
        self._check(inner, depth + 1)
        if "sections" not in inner:
            return start, [self._leaf(inner, start)]
        sections = self._sections(inner, depth + 1)
        for section in sections:
            section.moved(start)
        return start, sections

    def _leaf(self, fields: dict[str, Node], start: Start) -> Section:
        mappings = self._text(fields, "mappings", required=True)
        ranges = self._text(fields, "rangeMappings")
        return new_section(
            start,
            self._plain_map(fields),
            bytes(mappings or b""),
            None if ranges is None else bytes(ranges),
        )

    def _offset(self, node: Node) -> int:
        value: int = typed(node, int, self._limits) if node is not None else -1
        if value < 0:
            raise WrongType("an offset is not a natural number")
        self._limits.require("section_offset", value)
        return value

    def _mappings(self, fields: dict[str, Node], sources: int, names: int) -> Mappings:
        text = self._text(fields, "mappings", required=True)
        if text is None:
            return empty_mappings()
        relative = decode_relative(text, strict=self._strict, limits=self._limits)
        ranges = self._text(fields, "rangeMappings")
        ranged = None
        if ranges is not None:
            base = self._decoding.range_base
            ranged = decode_ranges(
                ranges, relative.line_starts, first_base=base, strict=self._strict
            )
        whole = relative.finish(sources, names, strict=self._strict, ranged=ranged)
        return whole.require_mostly_whole()

    def _check_version(self, fields: dict[str, Node]) -> None:
        try:
            version = typed(fields["version"], float, self._limits)
        except (KeyError, WrongType):
            self._refuse("version is not the number 3")
            if not fields.keys() & {"version", "mappings", "sections"}:
                raise SourceMapError("not a source map") from None
            return
        if version != 3:
            raise SourceMapError(f"source map version {version:g} is not supported")

    def _strings(
        self, fields: dict[str, Node], name: str, *, required: bool = False, nulls: bool = True
    ) -> list[str | None]:
        if name not in fields:
            if required:
                self._refuse(f"{name} is missing")
            return []
        require_elements(fields[name], name, self._limits)
        try:
            kind = list[str | None] if nulls else list[str]
            return list(typed(fields[name], kind, self._limits))
        except WrongType as error:
            self._refuse(f"{name}: {error}")
        try:
            return [self._string_or_none(node) for node in elements(fields[name])]
        except WrongType:
            return []

    def _string_or_none(self, node: Node) -> str | None:
        try:
            text: str = typed(node, str, self._limits)
        except WrongType:
            return None
        return text

    def _resolved(self, sources: list[str | None], root: str | None) -> list[str | None]:
        longest = max((len(source) for source in sources if source), default=0)
        self._limits.require("url_bytes", longest + len(root or ""))
        urls = [source_urls.joined(root, source) for source in sources] if root else sources
        if self._url is None:
            return urls
        return [source_urls.resolved(self._url, source) for source in urls]

    def _contents(self, fields: dict[str, Node]) -> SourceContents:
        if "sourcesContent" not in fields:
            return SourceContents()
        contents = SourceContents(fields["sourcesContent"], self._limits)
        try:
            if self._strict:
                contents.require_texts()
        except WrongType as error:
            self._refuse(f"sourcesContent: {error}")
        return contents

    def _ignored(self, fields: dict[str, Node], sources: int) -> frozenset[int]:
        name = "ignoreList" if "ignoreList" in fields else "x_google_ignoreList"
        require_elements(fields.get(name), "sources", self._limits)
        indexes = self._optional(fields, name, list[int]) or []
        if any(not 0 <= index < sources for index in indexes):
            self._refuse(f"{name}: an index is out of bounds")
        return frozenset(index for index in indexes if 0 <= index < sources)

    def _debug_id(self, fields: dict[str, Node]) -> str | None:
        for name in ("debugId", "debug_id"):
            text = self._string_or_none(fields[name]) if name in fields else None
            match = _DEBUG_ID.fullmatch(text) if text else None
            if match:
                return "-".join(match.groups()).lower()
        return None

    def _scopes(self, fields: dict[str, Node]) -> list[ScopesPart]:
        text = self._text(fields, "scopes")
        if text is None:
            return []
        part = ScopesPart(bytes(text))
        self._limits.require("scope_items", part.text.count(b",") + 1)
        return [part]

    def _list(self, fields: dict[str, Node], name: str) -> list[Any]:
        if name not in fields:
            return []
        limit = name if name == "sections" else "sources"
        require_elements(fields[name], limit, self._limits)
        try:
            return elements(fields[name])
        except WrongType as error:
            self._refuse(f"{name}: {error}")
            return []

    def _text(
        self, fields: dict[str, Node], name: str, *, required: bool = False
    ) -> bytes | memoryview | None:
        if name not in fields:
            if required:
                self._refuse(f"{name} is missing")
            return None
        try:
            return text_view(fields[name], self._limits)
        except WrongType as error:
            self._refuse(f"{name}: {error}")
            return None

    def _optional(self, fields: dict[str, Node], name: str, kind: Any) -> Any:
        if name not in fields:
            return None
        try:
            return typed(fields[name], kind | None, self._limits)
        except WrongType as error:
            self._refuse(f"{name}: {error}")
            return None

    def _refuse(self, defect: str) -> None:
        if self._strict:
            raise SourceMapError(f"source map: {defect}")
        self._defects.append(defect)
