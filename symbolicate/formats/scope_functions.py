"""Function tables made of scopes: by generated position, and by original position per source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symbolicate.formats.function_table import ANONYMOUS, FunctionTable
from symbolicate.formats.scopes import GeneratedRange, OriginalScope, Scopes

UNKNOWN = ""
"""A name that says nothing: look elsewhere."""


def generated_functions(scopes: Scopes) -> FunctionTable | None:
    """The original function by generated position; None where no range says any."""
    enclosing = _enclosing_functions(scopes)

    def name(part: GeneratedRange, outer: str) -> str:
        return outer if part.definition is None else enclosing.get(id(part.definition), outer)

    table = _table(scopes.ranges, name)
    return table if any(table.names) else None


def original_functions(scopes: Scopes, source: int) -> FunctionTable | None:
    """The function by position in one source; None where its scopes say nothing."""
    top = scopes.originals[source] if source < len(scopes.originals) else None
    table = _table((top,) if top else (), _own_name)
    return table if any(table.names) else None


def _own_name(scope: OriginalScope, outer: str) -> str:
    return (scope.name or ANONYMOUS) if scope.is_stack_frame else outer


def _enclosing_functions(scopes: Scopes) -> dict[int, str]:
    """The name of the nearest stack frame of every scope, by the scope's identity."""
    names: dict[int, str] = {}
    waiting = [(scope, UNKNOWN) for scope in scopes.originals if scope]
    while waiting:
        scope, outer = waiting.pop()
        names[id(scope)] = name = _own_name(scope, outer)
        waiting.extend((child, name) for child in scope.children)
    return names


def _table(tops: Any, name: Callable[[Any, str], str]) -> FunctionTable:
    """Names by position, from nested spans: each holds until a child's start or its own end."""
    entries: list[tuple[int, int, str]] = []
    waiting = [(node, UNKNOWN, False) for node in reversed(tops)]
    while waiting:
        node, outer, is_left = waiting.pop()
        if is_left:
            entries.append((*node.end, outer))
            continue
        inner = name(node, outer)
        entries.append((*node.start, inner))
        waiting.append((node, outer, True))
        waiting.extend((child, inner, False) for child in reversed(node.children))
    return FunctionTable.of(entries)
