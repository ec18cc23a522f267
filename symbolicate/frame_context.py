"""The lines around a frame's line, as they go out."""

from __future__ import annotations

from typing import Any

import msgspec


class ContextLine(msgspec.Struct, frozen=True, gc=False):
    """One line of source; `number` is 1-based."""

    number: int
    line: str


class Context(msgspec.Struct, frozen=True, gc=False):
    """A frame's line between its neighbours, both sides ascending.

    Thirty of these lines go with every frame: untracked by the garbage collector, they cost half.
    """

    before: list[ContextLine]
    line: ContextLine
    after: list[ContextLine]

    def to_wire(self) -> dict[str, Any]:
        """Gives the object of the wire format."""
        made: dict[str, Any] = msgspec.to_builtins(self)
        return made
