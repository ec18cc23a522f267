"""Decoding of the `scopes` string: items of unsigned and signed VLQs, told apart by a tag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, NamedTuple

from symbolicate.errors import SourceMapError
from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.scopes import (
    Binding,
    CallSite,
    GeneratedRange,
    OriginalScope,
    Position,
    Scopes,
)
from symbolicate.formats.tokens import Strings
from symbolicate.formats.vlq_scalar import VlqError, signed, unsigned_values


class ScopesPart(NamedTuple):
    """A `scopes` string and where its map lies in the flat one.

    `source_ids` and `name_ids` translate the string's indexes; None leaves them as they are.
    """

    text: bytes
    start: Position = Position(0, 0)
    source_ids: Sequence[int] | None = None
    name_ids: Sequence[int] | None = None

    @classmethod
    def of_json(cls, value: dict[str, Any]) -> ScopesPart:
        """Undoes `as_json`."""
        start = Position(*value["start"])
        return cls(value["text"].encode("latin-1"), start, value["sources"], value["names"])

    def as_json(self) -> dict[str, Any]:
        """The part as plain JSON values."""
        return {
            "text": self.text.decode("latin-1"),
            "start": list(self.start),
            "sources": self.source_ids,
            "names": self.name_ids,
        }

    def moved(
        self, start: tuple[int, int], source_ids: Sequence[int], name_ids: Sequence[int]
    ) -> ScopesPart:
        """The same text as part of a map that holds its own map from `start` on."""
        line, column = self.start
        at = Position(line + start[0], column + (0 if line else start[1]))
        return ScopesPart(
            self.text,
            at,
            [source_ids[n] for n in self.source_ids] if self.source_ids else source_ids,
            [name_ids[n] for n in self.name_ids] if self.name_ids else name_ids,
        )


class Item(Enum):
    """What an item of the string says."""

    NO_SCOPE = auto()
    SCOPE_START = auto()
    SCOPE_END = auto()
    VARIABLES = auto()
    RANGE_START = auto()
    RANGE_END = auto()
    BINDINGS = auto()
    SUBRANGE_BINDINGS = auto()
    CALL_SITE = auto()


_ORIGINAL = {1: Item.SCOPE_START, 2: Item.SCOPE_END, 3: Item.VARIABLES}
_GENERATED = (
    Item.RANGE_START,
    Item.RANGE_END,
    Item.BINDINGS,
    Item.SUBRANGE_BINDINGS,
    Item.CALL_SITE,
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The tags of one revision of the proposal, and whether call sites are relative."""

    tags: dict[int, Item]
    relative_call_sites: bool


SUITE = Dialect({0: Item.NO_SCOPE, **_ORIGINAL, **dict(enumerate(_GENERATED, 4))}, False)
DRAFT = Dialect({**_ORIGINAL, **dict(enumerate(_GENERATED, 5))}, True)


def decode_scopes(
    parts: Sequence[ScopesPart], names: Strings, sources: int, limits: MapLimits
) -> Scopes:
    """The scopes of a map; raises `SourceMapError` for text that is none."""
    originals: list[OriginalScope | None] = [None] * sources
    ranges: list[GeneratedRange] = []
    limits.require("scope_items", sum(part.text.count(b",") + 1 for part in parts))
    for part in parts:
        found = _decode_part(part, names, limits)
        for index, scope in enumerate(found.originals):
            target = part.source_ids[index] if part.source_ids is not None else index
            if target < sources and scope is not None:
                originals[target] = originals[target] or scope
        ranges += found.ranges
    return Scopes(tuple(originals), tuple(ranges))


def _decode_part(part: ScopesPart, names: Strings, limits: MapLimits) -> Scopes:
    try:
        items = [unsigned_values(text) for text in part.text.split(b",")] if part.text else []
        return _decode(items, part, names, limits)
    except (ValueError, IndexError) as error:
        raise SourceMapError(f"scopes: {error}") from None


def _decode(items: list[list[int]], part: ScopesPart, names: Strings, limits: MapLimits) -> Scopes:
    tags = {item[0] for item in items if item}
    if 9 in tags and 4 not in tags:
        return _Reader(DRAFT, part, names, limits).read(items)
    try:
        return _Reader(SUITE, part, names, limits).read(items)
    except (ValueError, IndexError):
        if 4 in tags:
            raise
        return _Reader(DRAFT, part, names, limits).read(items)


@dataclass(slots=True)
class _Open:
    """A scope or a range whose end is still to come."""

    start: Position
    flags: int
    name: str | None = None
    kind: str | None = None
    number: int = 0
    definition: OriginalScope | None = None
    call_site: CallSite | None = None
    variable: int = 0
    variables: list[str] = field(default_factory=list)
    bindings: list[list[Binding]] = field(default_factory=list)
    children: list[Any] = field(default_factory=list)


class _Reader:
    def __init__(
        self, dialect: Dialect, part: ScopesPart, names: Strings, limits: MapLimits
    ) -> None:
        self._dialect = dialect
        self._part = part
        self._names = names
        self._limits = limits
        self._open: list[_Open] = []
        self._numbered: list[OriginalScope | None] = []
        self._trees: list[OriginalScope | None] = []
        self._ranges: list[GeneratedRange] = []
        self._in_ranges = False
        self._at = Position(0, 0)
        self._name = self._kind = self._variable = self._definition = 0
        self._site = CallSite(0, 0, 0)

    def read(self, items: list[list[int]]) -> Scopes:
        for values in items:
            kind = self._dialect.tags.get(values[0]) if values else Item.NO_SCOPE
            if kind is not None:
                try:
                    self._act(kind, values[1:])
                except StopIteration:
                    raise VlqError("an item ends early") from None
        if self._open:
            raise VlqError("a scope or a range is not closed")
        return Scopes(tuple(self._trees), tuple(self._ranges))

    def _act(self, kind: Item, values: list[int]) -> None:
        match kind:
            case Item.NO_SCOPE:
                self._trees.append(None)
            case Item.SCOPE_START:
                self._scope_start(iter(values))
            case Item.SCOPE_END:
                self._scope_end(iter(values))
            case Item.VARIABLES:
                self._variables(values)
            case Item.RANGE_START:
                self._range_start(iter(values))
            case Item.RANGE_END:
                self._range_end(values)
            case Item.BINDINGS:
                start = self._top().start
                self._top().bindings += [[Binding(start, self._held(n))] for n in values]
            case Item.SUBRANGE_BINDINGS:
                self._subrange_bindings(values)
            case Item.CALL_SITE:
                self._call_site(iter(values))

    def _scope_start(self, values: Iterator[int]) -> None:
        if self._in_ranges:
            raise VlqError("an original scope after generated ranges")
        if not self._open:
            self._at = Position(0, 0)
        flags = next(values)
        opened = _Open(self._move(next(values), next(values)), flags)
        if flags & 1:
            self._name += signed(next(values))
            opened.name = self._text(self._name)
        if flags & 2:
            self._kind += signed(next(values))
            opened.kind = self._text(self._kind)
        opened.number = len(self._numbered)
        self._numbered.append(None)
        self._push(opened)

    def _scope_end(self, values: Iterator[int]) -> None:
        end = self._move(next(values), next(values))
        opened = self._open.pop()
        scope = OriginalScope(
            opened.start,
            end,
            opened.name,
            opened.kind,
            bool(opened.flags & 4),
            tuple(opened.variables),
            tuple(opened.children),
        )
        self._numbered[opened.number] = scope
        if self._open:
            self._top().children.append(scope)
        else:
            self._trees.append(scope)

    def _variables(self, values: list[int]) -> None:
        for value in values:
            self._variable += signed(value)
            self._top().variables.append(self._text(self._variable))

    def _range_start(self, values: Iterator[int]) -> None:
        if not self._in_ranges:
            if self._open:
                raise VlqError("a generated range inside an original scope")
            self._in_ranges, self._at = True, Position(0, 0)
        flags = next(values)
        lines_on = next(values) if flags & 1 else 0
        opened = _Open(self._move(lines_on, next(values)), flags)
        if flags & 2:
            self._definition += signed(next(values))
            opened.definition = self._numbered[_index(self._definition)]
        self._push(opened)

    def _range_end(self, values: list[int]) -> None:
        lines_on, columns = values if len(values) == 2 else (0, *values[:1])
        end = self._move(lines_on, columns)
        opened = self._open.pop()
        done = GeneratedRange(
            self._placed(opened.start),
            self._placed(end),
            opened.definition,
            bool(opened.flags & 4),
            bool(opened.flags & 8),
            tuple(tuple(bindings) for bindings in opened.bindings),
            opened.call_site,
            tuple(opened.children),
        )
        if self._open:
            self._top().children.append(done)
        else:
            self._ranges.append(done)

    def _subrange_bindings(self, values: list[int]) -> None:
        opened = self._top()
        opened.variable += values[0]
        at = opened.start
        for start in range(1, len(values) - 2, 3):
            held, line, column = values[start : start + 3]
            at = _moved(at, line, column)
            opened.bindings[opened.variable].append(Binding(at, self._held(held)))

    def _call_site(self, values: Iterator[int]) -> None:
        numbers = (next(values), next(values), next(values))
        if self._dialect.relative_call_sites:
            numbers = self._relative(numbers)
        self._site = CallSite(*numbers)
        ids = self._part.source_ids
        source = ids[_index(numbers[0])] if ids is not None else numbers[0]
        self._top().call_site = self._site._replace(source=source)

    def _relative(self, deltas: tuple[int, int, int]) -> tuple[int, int, int]:
        source, line, column = (signed(delta) for delta in deltas)
        last = self._site
        if source:
            return last.source + source, line, column
        if line:
            return last.source, last.line + line, column
        return last.source, last.line, last.column + column

    def _push(self, opened: _Open) -> None:
        self._open.append(opened)
        self._limits.require("scope_depth", len(self._open))

    def _top(self) -> _Open:
        return self._open[-1]

    def _move(self, lines_on: int, columns: int) -> Position:
        self._at = _moved(self._at, lines_on, columns)
        return self._at

    def _placed(self, position: Position) -> Position:
        """A generated position of the part as one of the whole map."""
        line, column = self._part.start
        return Position(position.line + line, position.column + (0 if position.line else column))

    def _text(self, index: int) -> str:
        ids = self._part.name_ids
        return self._names[ids[_index(index)] if ids is not None else _index(index)] or ""

    def _held(self, value: int) -> str | None:
        index = signed(value)
        return None if index == -1 else self._text(index)


def _moved(at: Position, lines_on: int, columns: int) -> Position:
    if lines_on:
        return Position(at.line + lines_on, columns)
    return Position(at.line, at.column + columns)


def _index(value: int) -> int:
    """A list index; negative ones would count from the end."""
    if value < 0:
        raise VlqError("a negative index")
    return value
