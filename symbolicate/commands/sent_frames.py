"""What a caller asks to resolve: positions, a pasted stack, or raw frames as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from symbolicate.errors import FormatError
from symbolicate.formats.stack_text import StackFrame, parse_stack
from symbolicate.raw_frame import (
    HermesFrame,
    JavaFrame,
    MachineFrame,
    NodeFrame,
    RawFrame,
    WebFrame,
    read_raw_frame,
)
from symbolicate.text import TooDeep, sanitise

POSITION = re.compile(r"([0-9]{1,10}):([0-9]{1,10})")
ADDRESS = re.compile(r"0[xX][0-9a-fA-F]+")
SHAPES = "neither a stack, a raw frame, a list of raw frames nor an event"


class SentFrame(NamedTuple):
    """One frame to resolve.

    `raw` is the raw frame that it was read from; `problem` says why it cannot even be tried.
    """

    frame: StackFrame
    raw: dict[str, Any] | None = None
    problem: str | None = None


@dataclass(slots=True)
class Stack:
    """Frames that called each other: the next in the list is the caller, or the one before."""

    frames: list[SentFrame] = field(default_factory=list)
    innermost_first: bool = True

    def caller(self, index: int) -> SentFrame | None:
        """The frame that called the one at `index`."""
        at = index + (1 if self.innermost_first else -1)
        return self.frames[at] if 0 <= at < len(self.frames) else None


Item = str | Stack
"""A line of text that is no frame, or a stack."""


def positions(line: int, column: int) -> list[Item]:
    """Asks for one position, 1-based."""
    return [Stack([SentFrame(StackFrame(None, None, line, column))])]


def read_items(text: str) -> list[Item]:
    """Reads a pasted stack or JSON; raises `FormatError` if no frame is in it."""
    values = _json_values(text)
    items = _stacks_of_text(text) if values is None else list(_stacks_of_json(values))
    if not any(isinstance(item, Stack) for item in items):
        raise FormatError(SHAPES)
    return items


def _stacks_of_text(text: str) -> list[Item]:
    items: list[Item] = []
    for line, frame in parse_stack(text.rstrip()):
        if frame is None:
            items.append(line)
        elif items and isinstance(items[-1], Stack):
            items[-1].frames.append(SentFrame(frame))
        else:
            items.append(Stack([SentFrame(frame)]))
    return items


def _json_values(text: str) -> list[Any] | None:
    """The frames or events of a JSON text; None if it is no JSON and may be a stack."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = sanitise(json.loads(text))
    except (ValueError, RecursionError, TooDeep) as error:
        if any(frame for _, frame in parse_stack(text)):
            return None  # a stack that only begins like JSON
        raise FormatError(f"{SHAPES}: {error or 'nested too deep'}") from None
    return value if isinstance(value, list) else [value]


def _stacks_of_json(values: list[Any]) -> Iterator[Item]:
    if values and all(_is_frame(value) for value in values):
        yield _stack_of(values)
        return
    for value in values:
        for exception in _exceptions(value):
            yield f"{exception.get('type', '')}: {exception.get('value', '')}"
            frames = (exception.get("stacktrace") or {}).get("frames")
            if isinstance(frames, list) and frames:
                yield _stack_of(frames)


def _is_frame(value: Any) -> bool:
    return isinstance(value, dict) and "platform" in value


def _exceptions(event: Any) -> list[dict[str, Any]]:
    if not isinstance(event, dict):
        return []
    properties = event.get("properties", event)
    exceptions = properties.get("$exception_list") if isinstance(properties, dict) else None
    if not isinstance(exceptions, list):
        return []
    return [
        exception
        for exception in exceptions
        if isinstance(exception, dict) and isinstance(exception.get("stacktrace"), dict | None)
    ]


def _stack_of(frames: Sequence[Any]) -> Stack:
    """Raw frames, the oldest call first, as SDKs send them."""
    return Stack([_sent(raw) for raw in frames], innermost_first=False)


def _sent(raw: Any) -> SentFrame:
    submission = read_raw_frame(raw)
    frame, kept = submission.frame, submission.raw
    if frame is None:
        return SentFrame(_shown(kept), kept, "is not a raw frame that can be read")
    if isinstance(frame, MachineFrame | JavaFrame):
        return SentFrame(_shown(kept), kept, "is explained by symbols of another kind")
    return SentFrame(_placed(frame, kept), kept)


def _placed(frame: RawFrame, raw: dict[str, Any]) -> StackFrame:
    if isinstance(frame, HermesFrame) and frame.colno is not None:
        return StackFrame(frame.function, frame.filename, 1, frame.colno, is_address=True)
    if isinstance(frame, WebFrame | NodeFrame) and frame.located:
        line, column = frame.lineno, frame.colno
        return StackFrame(frame.function, frame.filename, line, column)
    return _shown(raw)


def _shown(raw: dict[str, Any]) -> StackFrame:
    """The names of a frame that has no place in a script."""
    function, file = raw.get("function"), raw.get("filename")
    return StackFrame(
        function if isinstance(function, str) else None,
        file if isinstance(file, str) else None,
        None,
        None,
    )
