"""The JSON of one source map: its fields by name, typed on demand.

msgspec reads the text without unescaping what nobody asks for; the standard library steps in
where msgspec refuses (lone surrogates, invalid UTF-8).
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw

from symbolicate.errors import MapTooComplex, SourceMapError
from symbolicate.formats.map_limits import MapLimits

Node = Any
"""A JSON value not yet looked at: `msgspec.Raw`, or what the standard library made of it."""

_BOM = b"\xef\xbb\xbf"
_GUARD = b")]}'"
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _OPENING + _CLOSING)
_NOT_MARKS = bytes(byte for byte in range(256) if byte not in _OPENING + _CLOSING + b",")
_STEPS = bytes(1 if byte in _OPENING else 0 if byte == ord(",") else 255 for byte in range(256))
_SCANNED_AT_ONCE = 1 << 20
_COMMA = ord(",")
_QUOTE, _BACKSLASH = b'"\\'
_FIELDS = dict[str, Raw]


class WrongType(SourceMapError):
    """A field whose value is not of the type that the format asks for."""


def read_document(data: bytes, limits: MapLimits) -> dict[str, Node]:
    """The fields of a map's JSON text, prefixes removed; raises `SourceMapError` if it has none."""
    limits.require("map_bytes", len(data))
    text = _without_prefix(data)
    try:
        return msgspec.json.decode(text, type=_FIELDS)
    except msgspec.ValidationError:
        raise WrongType("source map: not an object") from None
    except (msgspec.DecodeError, UnicodeError):
        return fields_of(_read_with_standard_library(text, limits))
    except RecursionError:
        raise MapTooComplex("json_depth", json_depth(text), limits.json_depth) from None


def fields_of(node: Node) -> dict[str, Node]:
    """The fields of an object; raises `WrongType` for anything else."""
    if not isinstance(node, Raw):
        if not isinstance(node, dict):
            raise WrongType("source map: not an object")
        return node
    try:
        return msgspec.json.decode(node, type=_FIELDS)
    except (msgspec.DecodeError, RecursionError):
        raise WrongType("source map: not an object") from None


def elements(node: Node) -> list[Node]:
    """The elements of a list; raises `WrongType` for anything else."""
    if not isinstance(node, Raw):
        if not isinstance(node, list):
            raise WrongType("source map: not a list")
        return node
    try:
        return msgspec.json.decode(node, type=list[Raw])
    except (msgspec.DecodeError, RecursionError):
        raise WrongType("source map: not a list") from None


def typed(node: Node, kind: Any, limits: MapLimits) -> Any:
    """The node's value as `kind`; raises `WrongType` when it is of another type."""
    try:
        if isinstance(node, Raw):
            return _decoded(node, kind)
        return msgspec.convert(node, kind)
    except msgspec.DecodeError as error:
        if isinstance(node, Raw):
            require_shallow(node, limits)
        raise WrongType(f"source map: {error}") from None


def text_view(node: Node, limits: MapLimits) -> bytes | memoryview:
    """The UTF-8 bytes of a string; text without escapes is neither unescaped nor copied."""
    if isinstance(node, Raw):
        quoted = memoryview(node)
        if quoted[0] == _QUOTE and not _has_escapes(quoted):
            return quoted[1:-1]
    text: str = typed(node, str, limits)
    return text.encode("utf-8", "surrogatepass")


def _has_escapes(text: memoryview) -> bool:
    view = np.frombuffer(text, np.uint8)
    starts = range(0, len(view), _SCANNED_AT_ONCE)
    return any(bool((view[at : at + _SCANNED_AT_ONCE] == _BACKSLASH).any()) for at in starts)


def require_elements(node: Node, limit: str, limits: MapLimits) -> None:
    """Raises `MapTooComplex` when a list has more elements than `limit` allows."""
    allowed = getattr(limits, limit)
    if isinstance(node, Raw) and len(node) > 2 * allowed and _commas(node) >= allowed:
        limits.require(limit, element_count(bytes(node)))


def _commas(node: Raw) -> int:
    view = np.frombuffer(memoryview(node), np.uint8)
    starts = range(0, len(view), _SCANNED_AT_ONCE)
    return sum(int(np.count_nonzero(view[at : at + _SCANNED_AT_ONCE] == _COMMA)) for at in starts)


def element_count(text: bytes) -> int:
    """How many elements a list has that is not empty."""
    marks = _STRINGS.sub(b"", text).translate(_STEPS, _NOT_MARKS)
    depth = commas = 0
    for start in range(0, len(marks), _SCANNED_AT_ONCE):
        steps = np.frombuffer(marks[start : start + _SCANNED_AT_ONCE], np.int8)
        depths = depth + np.cumsum(steps, dtype=np.int32)
        commas += int(np.count_nonzero((depths == 1) & (steps == 0)))
        depth = int(depths[-1])
    return commas + 1


def require_shallow(node: Raw, limits: MapLimits) -> None:
    """Raises `MapTooComplex` when a field's brackets nest deeper than allowed."""
    if len(node) >= limits.json_depth:
        limits.require("json_depth", 1 + json_depth(bytes(node)))


def require_shallow_unknown(
    fields: dict[str, Node], known: frozenset[str], limits: MapLimits
) -> None:
    """Judges the depth of the fields that nothing else will look into."""
    for name, node in fields.items():
        if name not in known and isinstance(node, Raw):
            require_shallow(node, limits)


def json_depth(text: bytes) -> int:
    """How deep brackets nest outside strings."""
    brackets = _STRINGS.sub(b"", text).translate(_STEPS, _NOT_BRACKETS)
    depth = deepest = 0
    for start in range(0, len(brackets), _SCANNED_AT_ONCE):
        steps = np.frombuffer(brackets[start : start + _SCANNED_AT_ONCE], np.int8)
        depths = np.cumsum(steps, dtype=np.int32)
        deepest = max(deepest, depth + int(depths.max()))
        depth += int(depths[-1])
    return deepest


def _decoded(node: Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(node, type=kind)
    except UnicodeDecodeError:
        return msgspec.convert(json.loads(bytes(node).decode("utf-8", "replace")), kind)


def _without_prefix(data: bytes) -> bytes:
    text = data.removeprefix(_BOM).lstrip()
    if not text.startswith(_GUARD):
        return text
    line_end, object_start = text.find(b"\n"), text.find(b"{")
    if line_end < 0 or 0 <= object_start < line_end:
        return text[len(_GUARD) :].lstrip(b",; \t\r\n")
    return text[line_end + 1 :]


def _read_with_standard_library(text: bytes, limits: MapLimits) -> Node:
    limits.require("json_depth", json_depth(text))
    try:
        return json.loads(text.decode("utf-8", "replace"))
    except ValueError as error:
        raise SourceMapError(f"source map: not JSON: {error}") from None
    except RecursionError:
        raise MapTooComplex("json_depth", json_depth(text), limits.json_depth) from None
