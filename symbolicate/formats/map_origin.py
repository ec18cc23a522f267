"""What a source map knows beside its positions, wherever it was read from."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from symbolicate.formats.positions import Columns
from symbolicate.formats.scopes import Scopes
from symbolicate.formats.tokens import FunctionName, Strings


class MapOrigin(Protocol):
    """Sources, names, contents and functions of one map; safe to share between threads."""

    @property
    def sources(self) -> Strings:
        """The sources by id."""

    @property
    def names(self) -> Strings:
        """The names by id."""

    @property
    def source_count(self) -> int:
        """How many sources there are."""

    @property
    def name_count(self) -> int:
        """How many names there are."""

    @property
    def ignored(self) -> frozenset[int]:
        """Ids of the sources on the ignore list."""

    @property
    def debug_id(self) -> str | None:
        """The debug id, lower case with hyphens."""

    @property
    def dropped_segments(self) -> int:
        """Segments that lenient reading left out."""

    @property
    def defects(self) -> tuple[str, ...]:
        """What else lenient reading let pass."""

    @property
    def is_hermes(self) -> bool:
        """Whether columns are offsets into Hermes bytecode."""

    @property
    def dart_names(self) -> dict[str, str]:
        """The names that dart2js shortened, by their short forms."""

    @property
    def byte_size(self) -> int:
        """Estimate of the memory held."""

    @property
    def file(self) -> str | None:
        """The map's own word for the generated file."""

    @property
    def scopes(self) -> Scopes | None:
        """The decoded scopes; None where the map has none that can be read."""

    @property
    def raw_sources(self) -> Strings:
        """The sources as the map spells them, by id."""

    def save(
        self,
        path: str | os.PathLike[str],
        columns: Columns,
        *,
        data_hash: bytes | None,
        keep_going: Callable[[], bool],
    ) -> None:
        """Writes the compiled form of the map whose mappings are `columns`."""

    def content(self, source: int) -> str | None:
        """The text of a source."""

    def lines(self, source: int, start: int, stop: int) -> list[str] | None:
        """Lines `start` to `stop` - 1 of a source, clipped to it; None if it has no text."""

    def function(
        self, source: int, line: int, column: int, generated_line: int, generated_column: int
    ) -> FunctionName | None:
        """The function at an original position, from anything better than its token."""
