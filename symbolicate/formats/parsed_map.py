"""What the JSON of a source map says, section by section or flat, before any look-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from symbolicate.formats.mappings import Mappings, empty_mappings
from symbolicate.formats.scopes_text import ScopesPart
from symbolicate.formats.source_contents import SourceContents


@dataclass(slots=True)
class ParsedMap:
    """One map with plain mappings; `data` is the JSON text it came from.

    `raw_sources` are the strings of the map, `sources` the same with `sourceRoot` joined and,
    where the map's own URL is known, resolved. `function_maps` are the entries of
    `x_facebook_sources`; `defects` the sentences about what lenient reading had to let pass.
    """

    mappings: Mappings = field(default_factory=empty_mappings)
    data: bytes = b""
    file: str | None = None
    raw_sources: Sequence[str | None] = ()
    sources: Sequence[str | None] = ()
    names: Sequence[str | None] = ()
    contents: SourceContents = field(default_factory=SourceContents)
    ignored: frozenset[int] = frozenset()
    debug_id: str | None = None
    scopes: Sequence[ScopesPart] = ()
    function_maps: Sequence[Any] = ()
    hermes: bool = False
    dart_names: dict[str, str] = field(default_factory=dict)
    defects: list[str] = field(default_factory=list)
