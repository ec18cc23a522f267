"""Fingerprints: which events are one issue.

The hashed text is a sequence of pieces, each a letter that names it, its length in characters and
itself, so that no two sequences read the same. The record and the names of its pieces are those of
PostHog's `FingerprintRecordPart`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha512
from typing import Any, NamedTuple

from symbolicate.text import clean

VERSION = 1
MAX_MANUAL_BYTES = 64
MAX_MESSAGE = 200
REMEMBERED = 4096
REMEMBERED_CHARACTERS = 512

_MANUAL = "$exception_fingerprint"
_RUN = re.compile("[0-9A-Za-z]{8,}")
_DIGIT = re.compile("[0-9]")
# An apostrophe inside a word quotes nothing.
_QUOTED = re.compile(r"""(?<!\w)'[^']*'(?!\w)|"[^"]*"|`[^`]*`""")
_ID = re.compile(
    "0x[0-9A-Fa-f]+"
    "|(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
    "|(?<![0-9A-Za-z])[0-9A-Fa-f]{16,}(?![0-9A-Za-z])"
)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*")


class Fingerprint(NamedTuple):
    """What groups an event: `value`, what we computed, and what went into `value`."""

    value: str
    proposed: str
    record: list[dict[str, Any]]


def fingerprint_of(properties: dict[str, Any], exceptions: list[dict[str, Any]]) -> Fingerprint:
    """Gives the fingerprint of an event whose frames are resolved; a client's own one wins."""
    texts: list[str] = []
    record: list[dict[str, Any]] = []
    for exception in exceptions:
        _add_exception(exception, texts, record)
    proposed = _digest("".join(texts))
    manual = properties.get(_MANUAL)
    if not isinstance(manual, str) or not manual:
        return Fingerprint(proposed, proposed, record)
    return Fingerprint(_manual(manual), proposed, [{"type": "manual"}])


def _manual(text: str) -> str:
    """Keeps a short text as it is; a long one is hashed, as upstream does."""
    long = len(text.encode("utf-8", "surrogatepass")) > MAX_MANUAL_BYTES
    return _digest(text) if long else clean(text)


def _digest(text: str) -> str:
    return sha512(text.encode("utf-8", "surrogatepass")).hexdigest()


def _add_exception(
    exception: dict[str, Any], texts: list[str], record: list[dict[str, Any]]
) -> None:
    """Adds the type and the frames; the message too where there is no frame to tell it by."""
    frames = _resolved_frames(exception)
    pieces = ["Exception Type"]
    record.append({"type": "exception", "id": exception["id"], "pieces": pieces})
    texts.append(_piece("T", exception["type"]))
    if not frames:
        texts.append(_message(exception["value"]))
        pieces.append("Exception Message")
    for frame in frames:
        if isinstance(frame, dict):
            pieces = _add_frame(frame, texts)
            record.append({"type": "frame", "raw_id": frame.get("raw_id"), "pieces": pieces})


def _resolved_frames(exception: dict[str, Any]) -> list[Any]:
    stacktrace = exception.get("stacktrace")
    if stacktrace is None or stacktrace["type"] != "resolved":
        return []
    frames: list[Any] = stacktrace["frames"]
    return frames


def _add_frame(frame: dict[str, Any], texts: list[str]) -> list[str]:
    """Adds where a frame lies and its original name, or all that is known without one.

    A frame may have come resolved from the client: what has another type than ours is not used.
    """
    pieces: list[str] = []
    get = frame.get
    source, module, name = get("source"), get("module"), get("resolved_name")
    if isinstance(source, str):
        texts.append(_source(source))
        pieces.append("Source file name")
    if isinstance(module, str):
        texts.append(_module(module))
        pieces.append("Module name")
    if isinstance(name, str):
        texts.append(_piece("R", name))
        pieces.append("Resolved function name")
    else:
        _add_unnamed(frame, texts, pieces)
    return pieces


def _add_unnamed(frame: dict[str, Any], texts: list[str], pieces: list[str]) -> None:
    resolved = frame.get("resolved") is True
    for key, letter, name in (
        ("mangled_name", "N", "Mangled function name"),
        ("lang", "L", "Language"),
    ):
        value = frame.get(key)
        if isinstance(value, str):
            texts.append(_piece(letter, value))
            pieces.append(name)
    for key, letter, name in (("line", "l", "Line number"), ("column", "c", "Column number")):
        value = frame.get(key)
        if resolved and type(value) is int:
            texts.append(_piece(letter, str(value)))
            pieces.append(name)


def _piece(letter: str, text: str) -> str:
    return f"{letter}{len(text)}:{text}"


def _remembering(made: Callable[[str], str]) -> Callable[[str], str]:
    """Remembers what was made of short texts; long ones could fill the memory."""
    known = lru_cache(REMEMBERED)(made)

    def remembered(text: str) -> str:
        return known(text) if len(text) <= REMEMBERED_CHARACTERS else made(text)

    return remembered


@_remembering
def _source(source: str) -> str:
    """Keeps the file's name, without what a build writes into it."""
    name = source.partition("?")[0].replace("\\", "/").rpartition("/")[2]
    return _piece("S", _RUN.sub(_starred, name))


@_remembering
def _module(module: str) -> str:
    return _piece("M", module.partition("?")[0])


@_remembering
def _message(message: str) -> str:
    """Keeps what a message says of every event of its kind."""
    text = _ID.sub("*", _QUOTED.sub("'*'", message))
    return _piece("V", _NUMBER.sub("#", text)[:MAX_MESSAGE])


def _starred(run: re.Match[str]) -> str:
    return "*" if _DIGIT.search(run[0]) else run[0]
