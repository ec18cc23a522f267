"""Events made canonical: sizes and shapes checked, texts cleaned, orders settled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from symbolicate.identity import exception_id
from symbolicate.json_text import prepared
from symbolicate.outcome import Outcome
from symbolicate.text import TooDeep, check_depth, clean, sanitise

MAX_EVENT_BYTES = 1_048_576
MAX_VALUE_BYTES = 10_000

_LIST_DEPTH = 2
"""Levels above `$exception_list`: the event and its properties."""

_json = msgspec.json.Encoder()
_NUMBER = re.compile(r"[0-9]{1,9}")

Int32 = Annotated[int, msgspec.Meta(ge=-2_147_483_648, le=2_147_483_647)]

_FRAMES_REVERSED = frozenset(
    {"posthog-android", "posthog-flutter", "posthog-elixir", "posthog-java", "posthog-server"}
)
_FRAMES_REVERSED_BELOW: dict[str, tuple[int, ...]] = {
    "posthog-php": (4, 11, 0),
    "posthog-go": (1, 19, 0),
    "posthog-rs": (0, 19, 0),
}
_EXCEPTIONS_REVERSED_BELOW: dict[str, tuple[int, ...]] = {"posthog-python": (7, 31, 0)}


class NotJson(ValueError):
    """An event holds a value that JSON does not have."""


class Mechanism(msgspec.Struct, frozen=True):
    """How an exception was caught."""

    handled: bool | None = None
    type: str | None = None
    source: str | None = None
    synthetic: bool | None = None


class Stacktrace(msgspec.Struct, frozen=True):
    """A stack: `raw` frames are to be resolved, `resolved` ones pass through."""

    type: Literal["raw", "resolved"]
    frames: list[Any] = []


@prepared
class ExceptionShape(msgspec.Struct, frozen=True):
    """What one item of `$exception_list` must look like; unknown keys are kept as they are."""

    type: str
    value: str | None = None
    mechanism: Mechanism | None = None
    module: str | None = None
    thread_id: Int32 | None = None
    stacktrace: Stacktrace | None = None


@dataclass(frozen=True, slots=True)
class NormalEvent:
    """An event fit for resolution: `exceptions` are fresh dicts in canonical order.

    The list runs from the outermost exception to its root cause, the frames of each from the
    entry point to the crash site.
    """

    event: dict[str, Any]
    properties: dict[str, Any]
    exceptions: list[dict[str, Any]]


def normalise(event: Any) -> NormalEvent | Outcome:
    """Makes an event canonical, or says why it is invalid; never raises."""
    try:
        return _normalise(event)
    except (TooDeep, RecursionError, msgspec.ValidationError, NotJson):
        return Outcome("invalid", "invalid_properties")


def _normalise(event: Any) -> NormalEvent | Outcome:
    if not isinstance(event, dict):
        return Outcome("invalid", "invalid_properties")
    if _too_large(event):
        return Outcome("invalid", "event_too_large")
    if event.get("event") != "$exception":
        return Outcome("invalid", "wrong_event_type")
    properties = event.get("properties")
    if not isinstance(properties, dict):
        return Outcome("invalid", "invalid_properties")
    listed = properties.get("$exception_list")
    if listed is None or listed == []:
        return Outcome("invalid", "empty_exception_list")
    if not isinstance(listed, list):
        return Outcome("invalid", "invalid_properties")
    _check_depth(event, properties)
    event_uuid = clean(str(event.get("uuid", "")))
    exceptions = [
        _exception(item, exception_id(event_uuid, index))
        for index, item in enumerate(sanitise(listed, _LIST_DEPTH))
    ]
    return NormalEvent(event, properties, _ordered(properties, exceptions))


def _check_depth(event: dict[str, Any], properties: dict[str, Any]) -> None:
    """Raises `TooDeep`; the exception list is left out, its depth is checked as it is cleaned."""
    check_depth({name: value for name, value in event.items() if name != "properties"})
    rest = {name: value for name, value in properties.items() if name != "$exception_list"}
    check_depth(rest, _LIST_DEPTH - 1)


def _too_large(event: dict[str, Any]) -> bool:
    try:
        return len(_json.encode(event)) > MAX_EVENT_BYTES
    except UnicodeEncodeError:
        return len(_json.encode(sanitise(event))) > MAX_EVENT_BYTES
    except (TypeError, ValueError) as error:
        raise NotJson from error


def _exception(item: Any, identity: str) -> dict[str, Any]:
    msgspec.convert(item, ExceptionShape)
    exception = {"id": identity} | {k: v for k, v in item.items() if k != "id"}
    exception["value"] = _bounded(item.get("value") or "")
    mechanism = item.get("mechanism")
    if mechanism is not None:
        exception["mechanism"] = {k: v for k, v in mechanism.items() if v is not None}
    stacktrace = item.get("stacktrace")
    if stacktrace is not None:
        exception["stacktrace"] = {**stacktrace, "frames": list(stacktrace.get("frames") or [])}
    return exception


def _bounded(value: str) -> str:
    """Keeps the characters that begin within the limit."""
    encoded = value.encode()
    if len(encoded) <= MAX_VALUE_BYTES:
        return value
    end = MAX_VALUE_BYTES
    while end < len(encoded) and encoded[end] & 0xC0 == 0x80:
        end += 1
    return encoded[:end].decode() + "..."


def _ordered(properties: dict[str, Any], exceptions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    library = str(properties.get("$lib"))
    version = read_version(properties.get("$lib_version"))
    if library in _FRAMES_REVERSED or version < _FRAMES_REVERSED_BELOW.get(library, ()):
        for exception in exceptions:
            stacktrace = exception.get("stacktrace")
            if stacktrace is not None:
                stacktrace["frames"].reverse()
    if version < _EXCEPTIONS_REVERSED_BELOW.get(library, ()):
        exceptions.reverse()
    return exceptions


def read_version(text: Any) -> tuple[int, ...]:
    """Reads a library version leniently; missing or unreadable counts as oldest."""
    if not isinstance(text, str):
        return (0, 0, 0)
    core = re.split(r"[-+]", re.sub(r"^[vV]", "", text.strip()), maxsplit=1)[0]
    pieces = core.split(".")
    if not all(_NUMBER.fullmatch(piece) for piece in pieces):
        return (0, 0, 0)
    return tuple([int(piece) for piece in pieces[:3]] + [0] * (3 - len(pieces)))
