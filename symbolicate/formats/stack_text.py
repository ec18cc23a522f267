"""Stack traces as JavaScript engines print them: V8, Gecko, JavaScriptCore and Hermes.

    V8      at Cart.total (https://x.test/app.js:1:828)       at async file:///app.mjs:1:2
    Gecko   total@https://x.test/app.js:1:828                 async*checkout@…    total/<@…
    JSC     total@https://x.test/app.js:1:828                 map@[native code]
    Hermes  at total (address at app.hbc:1:4376)              at map (native)

Every line is read in linear time: no pattern has a choice to take back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from symbolicate.errors import FormatError, limit_sentence

MAX_LINE = 8192
"""Characters of a line up to which it can be a frame; a longer one is text."""
MAX_TEXT = 16 << 20
"""Characters of one stack text."""

_NUMBER = re.compile(r"[0-9]{1,10}")
_V8, _ASYNC, _ADDRESS, _EVAL = "at ", "async ", "address at ", "eval at "
_WITHOUT_PLACE = ("native", "<anonymous>", "[native code]", "[wasm code]")
_INDEX = re.compile(r"index [0-9]{1,10}")
# What Gecko prints before the name of the first function behind a wait.
_GECKO_ASYNC = re.compile(r"[A-Za-z ]{1,40}\*")


class StackTextError(FormatError):
    """A text too long to be a stack."""


class StackFrame(NamedTuple):
    """One frame as an engine printed it; None means that it does not say.

    `line` and `column` are 1-based, except that with `is_address` the column is a 0-based offset
    into bytecode. `is_async` marks a frame that did not call the one before but awaited it.
    """

    function: str | None
    file: str | None
    line: int | None
    column: int | None
    is_async: bool = False
    is_address: bool = False


class StackLine(NamedTuple):
    """One line of the text, without its end, and the frame that it is, if it is one."""

    text: str
    frame: StackFrame | None


def parse_stack(text: str) -> list[StackLine]:
    """Reads a pasted text line by line; what is no frame stays as text.

    Raises `StackTextError` when the text is longer than `MAX_TEXT`, and nothing else.
    """
    if len(text) > MAX_TEXT:
        sentence = limit_sentence("stack_text", len(text), MAX_TEXT)
        raise StackTextError(sentence).passed("stack_text", len(text), MAX_TEXT)
    return list(_lines(text))


def _lines(text: str) -> Iterator[StackLine]:
    # Not splitlines(): a message may hold form feeds or U+2028.
    for line in text.split("\n"):
        bare = line.removesuffix("\r")
        yield StackLine(bare, parse_frame(bare))


def parse_frame(line: str) -> StackFrame | None:
    """Reads one line; None if no engine prints frames like it."""
    if len(line) > MAX_LINE:
        return None
    line = line.strip()
    if line.startswith(_V8):
        return _v8_frame(line[len(_V8) :].lstrip())
    return _gecko_frame(line)


def _v8_frame(body: str) -> StackFrame | None:
    is_async = body.startswith(_ASYNC)
    body = body.removeprefix(_ASYNC)
    opening = _matching_parenthesis(body)
    if opening is None:
        place = _placed(body)
        return place and place._replace(is_async=is_async)
    name, inside = body[:opening].rstrip(), body[opening + 1 : -1]
    place = _placed(inside)
    return place and place._replace(function=name or None, is_async=is_async)


def _matching_parenthesis(body: str) -> int | None:
    """Where the parenthesis opens that closes at the end of the line."""
    if not body.endswith(")"):
        return None
    depth = 0
    for at in range(len(body) - 1, -1, -1):
        character = body[at]
        if character == ")":
            depth += 1
        elif character == "(":
            depth -= 1
            if depth == 0:
                return at
    return None


def _gecko_frame(line: str) -> StackFrame | None:
    name, at_sign, place = line.partition("@")
    if not at_sign:
        # JSC names no function where the code has none; only an address is proof of a frame.
        return _placed(line) if "://" in line and " " not in line else None
    found = _placed(place)
    if found is None:
        return None
    mark = _GECKO_ASYNC.match(name)
    is_async = mark is not None or name.startswith(_ASYNC)
    name = name[mark.end() :] if mark else name.removeprefix(_ASYNC)
    return found._replace(function=name or None, is_async=is_async)


def _placed(text: str) -> StackFrame | None:
    """Reads the place of a frame: nowhere, a bytecode address, or file:line:column."""
    if text in _WITHOUT_PLACE or _INDEX.fullmatch(text):
        return StackFrame(None, None, None, None)
    is_address = text.startswith(_ADDRESS)
    head, _, column = text.removeprefix(_ADDRESS).rpartition(":")
    file, _, line = head.rpartition(":")
    if not file or not _NUMBER.fullmatch(line) or not _NUMBER.fullmatch(column):
        return None
    return StackFrame(None, _file(file), int(line), int(column), is_address=is_address)


def _file(text: str) -> str:
    """The file of a place; code made by `eval` has none that a map could know."""
    if text.startswith(_EVAL) or " > eval" in text or " > Function" in text:
        return "<anonymous>"
    return text
