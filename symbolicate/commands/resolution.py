"""Frames of whole stacks resolved by one map, with a caller's word for a function it called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from symbolicate.commands.opened_map import OpenedMap, base_name
from symbolicate.commands.sent_frames import SentFrame, Stack
from symbolicate.formats.stack_text import StackFrame

TOP_LEVEL = "<toplevel>"

_RUNTIME = ("node:", "internal/", "<anonymous>", "InternalBytecode.js")
_BETTER_THAN_A_CALL_SITE = frozenset({"function_map", "scopes", "syntax_tree"})


class Place(NamedTuple):
    """Where a frame comes from, 1-based.

    `how` says where the name is from: as `FunctionName.how`, or `call_site`, or `minified`.
    `lines` are the source lines around, the first of which has the number `first`.
    """

    source: str | None
    line: int
    column: int
    name: str | None
    how: str | None
    first: int = 1
    lines: tuple[str, ...] = ()


class ResolvedFrame(NamedTuple):
    """A frame with its place, or with the reason why it has none although it should."""

    sent: SentFrame
    place: Place | None = None
    failure: str | None = None


class Resolution:
    """Resolves stacks by one map; `context` is how many lines it gives around each place."""

    def __init__(self, opened: OpenedMap, stacks: Iterable[Stack], context: int = 0) -> None:
        self._map = opened.map
        self._generated = opened.generated
        self._context = context
        files = {_file(sent) for stack in stacks for sent in stack.frames}
        self._is_named = bool(files & opened.generated)

    def frames(self, stack: Stack) -> list[ResolvedFrame]:
        """Resolves the frames of one stack, in its order."""
        return [self._frame(stack, index) for index in range(len(stack.frames))]

    def _frame(self, stack: Stack, index: int) -> ResolvedFrame:
        sent = stack.frames[index]
        if sent.problem is not None:
            return ResolvedFrame(sent, failure=sent.problem)
        at = self._position(sent)
        if at is None:
            return ResolvedFrame(sent)
        if not self._is_explained(sent):
            return ResolvedFrame(sent, failure="is in a file that the map does not explain")
        found = self._map.source_index(*at)
        if found is None:
            return ResolvedFrame(sent, failure="has nothing mapped at its position")
        source, line, column, _ = found
        token = self._map.lookup(*at)
        name, how = self._name(stack, index, at)
        first = max(line - self._context, 0)
        lines = self._map.source_lines(source, first, line + self._context + 1)
        shown = tuple(lines or ()) if self._context else ()
        place = Place(token and token.source, line + 1, column + 1, name, how, first + 1, shown)
        return ResolvedFrame(sent, place)

    def _position(self, sent: SentFrame) -> tuple[int, int] | None:
        """The 0-based position of a frame of a script; None for one of the engine or without."""
        frame = sent.frame
        if frame.line is None or frame.column is None or _is_runtime(frame):
            return None
        if frame.is_address or self._map.is_hermes:
            return max(frame.line - 1, 0), frame.column
        return max(frame.line - 1, 0), max(frame.column - 1, 0)

    def _is_explained(self, sent: SentFrame) -> bool:
        """Whether the map speaks of the frame's file; if no file has its name, of any."""
        return not self._is_named or sent.frame.file is None or _file(sent) in self._generated

    def _name(self, stack: Stack, index: int, at: tuple[int, int]) -> tuple[str | None, str | None]:
        function = self._map.function_at(*at)
        if function is not None and function.how in _BETTER_THAN_A_CALL_SITE:
            return function.name, function.how
        called = self._call_site(stack, index)
        if called is not None:
            return called, "call_site"
        if function is not None:
            return function.name, function.how
        minified = stack.frames[index].frame.function
        return minified, minified and "minified"

    def _call_site(self, stack: Stack, index: int) -> str | None:
        """What the caller calls the function, if it called it directly."""
        caller = stack.caller(index)
        if caller is None or caller.frame.is_async or caller.problem is not None:
            return None
        at = self._position(caller)
        if at is None or not self._is_explained(caller):
            return None
        token = self._map.lookup(*at)
        return token and token.name


def _file(sent: SentFrame) -> str:
    return base_name(sent.frame.file or "")


def _is_runtime(frame: StackFrame) -> bool:
    return frame.file is not None and frame.file.startswith(_RUNTIME)
