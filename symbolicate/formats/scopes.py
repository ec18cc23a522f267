"""The scopes proposal of ECMA-426: which original functions a generated position stands in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Position(NamedTuple):
    """A 0-based line and UTF-16 column."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, eq=False)
class OriginalScope:
    """A scope of an original source; `is_stack_frame` marks those that calls enter."""

    start: Position
    end: Position
    name: str | None
    kind: str | None
    is_stack_frame: bool
    variables: tuple[str, ...]
    children: tuple[OriginalScope, ...]


class Binding(NamedTuple):
    """The expression that holds a variable from a generated position on; None if none does."""

    start: Position
    expression: str | None


class CallSite(NamedTuple):
    """The original position from which an inlined function was called."""

    source: int
    line: int
    column: int


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedRange:
    """A range of generated code and the original scope that it stands for."""

    start: Position
    end: Position
    definition: OriginalScope | None
    is_stack_frame: bool
    is_hidden: bool
    bindings: tuple[tuple[Binding, ...], ...]
    call_site: CallSite | None
    children: tuple[GeneratedRange, ...]


class Scopes(NamedTuple):
    """The outermost scope of each source, None where a source has none, and all ranges."""

    originals: tuple[OriginalScope | None, ...]
    ranges: tuple[GeneratedRange, ...]


def original_records(scopes: Scopes) -> list[dict[str, Any] | None]:
    """The scopes of each source as plain JSON values."""
    return [_tree(scope, _original_record) if scope else None for scope in scopes.originals]


def range_records(scopes: Scopes) -> list[dict[str, Any]]:
    """The generated ranges as plain JSON values; definitions by their place among all scopes."""
    numbers: dict[int, int] = {}
    for scope in walk([scope for scope in scopes.originals if scope]):
        numbers[id(scope)] = len(numbers)
    return [_tree(top, lambda part: _range_record(part, numbers)) for top in scopes.ranges]


def walk(tops: Sequence[Any]) -> Iterator[Any]:
    """All nodes of trees, parents before their children."""
    waiting = list(reversed(tops))
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def _tree(top: Any, record: Any) -> dict[str, Any]:
    """Records nested like their nodes, without recursion."""
    out: dict[str, Any] = record(top)
    waiting = [(top, out)]
    while waiting:
        node, made = waiting.pop()
        for child in node.children:
            made["children"].append(record(child))
            waiting.append((child, made["children"][-1]))
    return out


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column}


def _original_record(scope: OriginalScope) -> dict[str, Any]:
    return {
        "start": _position(scope.start),
        "end": _position(scope.end),
        "name": scope.name,
        "kind": scope.kind,
        "isStackFrame": scope.is_stack_frame,
        "variables": list(scope.variables),
        "children": [],
    }


def _range_record(part: GeneratedRange, numbers: dict[int, int]) -> dict[str, Any]:
    site = part.call_site
    kind = "hidden" if part.is_hidden else "original" if part.is_stack_frame else "none"
    return {
        "start": _position(part.start),
        "end": _position(part.end),
        "definitionIndex": numbers.get(id(part.definition)),
        "stackFrameType": kind,
        "bindings": [
            [{"from": _position(at), "binding": held} for at, held in bindings]
            for bindings in part.bindings
        ],
        "callSite": site and {"sourceIndex": site.source, "line": site.line, "column": site.column},
        "children": [],
    }
