"""A source map whose answers a test writes down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

Position = tuple[int, int]


class Original(NamedTuple):
    source: str | None
    line: int
    column: int
    name: str | None


class Named(NamedTuple):
    name: str
    how: str


@dataclass
class WrittenMap:
    """Answers exactly at the 0-based positions it lists; texts are split at line feeds."""

    tokens: dict[Position, tuple[int, int, int, int]] = field(default_factory=dict)
    functions: dict[Position, str] = field(default_factory=dict)
    sources: list[str | None] = field(default_factory=lambda: ["src/cart.ts"])
    names: list[str | None] = field(default_factory=list)
    ignored_source_ids: frozenset[int] = frozenset()
    texts: dict[int, str] = field(default_factory=dict)
    how: str = "scope"
    asked: list[tuple[int, int, int]] = field(default_factory=list)

    def source_index(self, line: int, column: int) -> tuple[int, int, int, int] | None:
        return self.tokens.get((line, column))

    def lookup(self, line: int, column: int) -> Original | None:
        found = self.tokens.get((line, column))
        if found is None:
            return None
        name = self.names[found[3]] if found[3] >= 0 else None
        return Original(self.sources[found[0]], found[1], found[2], name)

    def function_at(self, line: int, column: int) -> Named | None:
        name = self.functions.get((line, column))
        return None if name is None else Named(name, self.how)

    def source_lines(self, index: int, start: int, stop: int) -> list[str] | None:
        self.asked.append((index, start, stop))
        text = self.texts.get(index)
        return None if text is None else text.split("\n")[start:stop]


@pytest.fixture
def written_map() -> type[WrittenMap]:
    return WrittenMap
