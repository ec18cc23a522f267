"""Answers of a source map: one position, many positions, a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

Strings = Sequence[str | None] | Mapping[int, str | None]
"""Sources or names by id; a compiled map decodes them when they are asked for."""


class Token(NamedTuple):
    """An original position, 0-based; `column` counts UTF-16 code units."""

    source: str | None
    line: int
    column: int
    name: str | None


class FunctionName(NamedTuple):
    """An original function and how it was found.

    `how` is `function_map`, `scopes`, `syntax_tree` or `token`. Functions without a name are
    `<anonymous>`, code outside functions is `<toplevel>`.
    """

    name: str
    how: str


class TokenColumns:
    """Answers to many look-ups, column by column: ids, or -1 where there is none."""

    __slots__ = ("_names", "_sources", "column", "line", "name", "source")

    def __init__(
        self, ids: tuple[Longs, Longs, Longs, Longs], sources: Strings, names: Strings
    ) -> None:
        self.source, self.line, self.column, self.name = ids
        self._sources = sources
        self._names = names

    def __len__(self) -> int:
        return len(self.source)

    def tokens(self) -> list[Token | None]:
        """The same answers as tokens, in the order of the questions."""
        sources, names = self._sources, self._names
        columns = (self.source, self.line, self.column, self.name)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            Token(sources[source], line, column, names[name] if name >= 0 else None)
            if source >= 0
            else None
            for source, line, column, name in rows
        ]
