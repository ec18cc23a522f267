"""Safety limits of source maps, checked before memory is allocated for what they bound."""

from __future__ import annotations

from dataclasses import dataclass

from symbolicate.errors import MapTooComplex

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class MapLimits:
    """What one source map may ask for; each field is the allowance its name states."""

    map_bytes: int = 512 * MIB
    json_depth: int = 64
    segments: int = 64_000_000
    generated_lines: int = 16_000_000
    index_map_nesting: int = 8
    sections: int = 100_000
    section_offset: int = (1 << 31) - 1
    empty_line_gap: int = 1_000_000
    sources: int = 4_000_000
    names: int = 4_000_000
    url_bytes: int = 64 * 1024
    content_bytes: int = 256 * MIB
    parsed_source_bytes: int = 8 * MIB
    scope_depth: int = 512
    scope_items: int = 4_000_000

    def require(self, limit: str, seen: int) -> None:
        """Raises `MapTooComplex` when more of `limit` (a field's name) was seen than allowed."""
        allowed: int = getattr(self, limit)
        if seen > allowed:
            raise MapTooComplex(limit, seen, allowed)


DEFAULT_LIMITS = MapLimits()
