"""What JavaScript frames share: a position in a minified script, explained by its source map."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from symbolicate import context
from symbolicate.errors import limit_sentence
from symbolicate.frame_context import Context
from symbolicate.identity import MAX_REF_BYTES, normal_ref
from symbolicate.in_app import is_foreign_script
from symbolicate.languages.echo import junk_of, said
from symbolicate.outcome import Failure, FramePart
from symbolicate.raw_frame import HermesFrame, NodeFrame, WebFrame
from symbolicate.release import SymbolSetRef
from symbolicate.text import clean

if TYPE_CHECKING:
    from symbolicate.formats.source_map import SourceMap

LANG = "javascript"
TOP_LEVEL = "<toplevel>"

_DART_ASYNC = "$async$"
_OWN_SDK = "posthog-js@"


class Original(NamedTuple):
    """Where a frame comes from: line and column are 1-based, `foreign` is not the user's code."""

    line: int
    column: int
    source: str | None
    name: str | None
    foreign: bool
    suspicious: bool
    context: Context | None


class _Source(NamedTuple):
    name: str | None
    foreign: bool
    suspicious: bool


class MappedScript:
    """A source map as a batch of frames uses it: facts of a source are worked out once."""

    def __init__(self, symbols: SourceMap) -> None:
        self._map = symbols
        self._ignored = symbols.ignored_source_ids
        self._sources: dict[int, _Source] = {}

    def original(self, lineno: int, colno: int) -> Original | None:
        """Looks up a client's 1-based position; None if nothing is mapped there."""
        at_line, at_column = max(lineno - 1, 0), max(colno - 1, 0)
        found = self._map.source_index(at_line, at_column)
        if found is None:
            return None
        index, line, column, _ = found
        source = self._sources.get(index)
        if source is None:
            source = self._sources[index] = self._source_at(index, at_line, at_column)
        return Original(
            line + 1,
            column + 1,
            source.name,
            self._function(at_line, at_column),
            source.foreign,
            source.suspicious,
            self._context(index, line),
        )

    def _source_at(self, index: int, line: int, column: int) -> _Source:
        token = self._map.lookup(line, column)
        if token is None or token.source is None:
            return _Source(None, index in self._ignored, False)
        name = token.source
        foreign = index in self._ignored or is_foreign_script(name)
        return _Source(clean(name), foreign, _OWN_SDK in name)

    def _function(self, line: int, column: int) -> str | None:
        found = self._map.function_at(line, column)
        if found is None or found.name == TOP_LEVEL:
            return None
        name = found.name
        if name.startswith(_DART_ASYNC):
            token = self._map.lookup(line, column)
            name = (token and token.name) or name
        return clean(name)

    def _context(self, index: int, line: int) -> Context | None:
        start = max(line - context.MAX_LINES, 0)
        lines = self._map.source_lines(index, start, line + context.MAX_LINES + 1)
        return None if lines is None else context.around(lines, start + 1, line + 1)


def mapped_part(
    frame: WebFrame | NodeFrame | HermesFrame, raw: dict[str, Any], original: Original
) -> FramePart:
    """Shows a frame as its author wrote it."""
    return FramePart(
        mangled_name=frame.function,
        lang=LANG,
        in_app=frame.in_app and not original.foreign,
        resolved=True,
        line=original.line,
        column=original.column,
        source=original.source,
        resolved_name=original.name,
        synthetic=frame.synthetic,
        suspicious=original.suspicious,
        junk=junk_of(raw, original.context),
        context=original.context,
    )


@lru_cache(4096)
def script_ref(name: str) -> SymbolSetRef | None:
    """Names a symbol set by chunk id or URL; None if the name is too long to be a ref."""
    fits = len(name.encode()) <= MAX_REF_BYTES
    return SymbolSetRef(normal_ref(name), LANG) if fits else None


def chunk_id_failure(failure: Failure, chunk_id: str) -> Failure:
    """Words a failure of the set that a frame names by chunk id, spelled as the client did."""
    if failure.code != "no_symbol_set":
        return failure
    return Failure(failure.code, f"No sourcemap uploaded for chunk id: {chunk_id}")


def ref_too_long(name: str) -> Failure:
    """Says that a chunk id or URL is longer than any symbol set's name."""
    seen = len(name.encode())
    return Failure("limit_exceeded", limit_sentence("A symbol set reference", seen, MAX_REF_BYTES))


def no_token(function: str, line: int, column: int) -> Failure:
    """Says that the map has nothing at a frame's position, given as the client sent it."""
    where = f"{said(function)}:{line}:{column}"
    return Failure("symbol_not_found", f"Token not found for frame: {where}")
