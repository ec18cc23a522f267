"""What the demo replays: recorded requests of SDKs, the bundles that crashed, and the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

from symbolicate.formats.container import ContainerType, write_container
from symbolicate.raw_frame import read_raw_frame
from symbolicate.text import sanitise

DATA = "symbolicate.demo_data"


class Place(NamedTuple):
    """A place in a source file; line and column are 1-based, the column in UTF-16 units."""

    source: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class RecordedSet:
    """A bundle and its map; `source` and `map` are None where the demo leaves the set out."""

    chunk_id: str
    file: str | None
    source: bytes | None
    map: bytes | None
    release: tuple[str, str] | None

    def container(self) -> bytes:
        """Packs bundle and map as uploaders do."""
        return write_container(
            ContainerType.SOURCE_AND_MAP, source=self.source or b"", map=self.map or b""
        )

    def line(self, number: int) -> str:
        """Gives one line of the bundle, 1-based."""
        return (self.source or b"").decode().split("\n")[number - 1]


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A raw frame with a chunk id and a location, and what is known of its origin.

    `expected` is an independent resolver's answer; `truth` is the unminified run, where the map
    can give it.
    """

    raw: dict[str, Any]
    expected: Place | None
    truth: Place | None

    @property
    def raw_id(self) -> str:
        """Names the frame as the server does."""
        return raw_id_of(self.raw)


@dataclass(frozen=True, slots=True)
class Crash:
    """One recorded exception; frames run from the crash site outwards."""

    label: str
    sdk: str
    title: str
    frames: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """The requests as their SDKs sent them, and the facts beside them."""

    requests: tuple[dict[str, Any], ...]
    symbol_sets: dict[str, RecordedSet]
    frames: tuple[RecordedFrame, ...]

    def crashes(self) -> Iterator[Crash]:
        """Gives every exception that was sent, in order."""
        for event in _events(self.requests):
            properties = event["properties"]
            sdk = f"{properties['$lib']} {properties['$lib_version']}".replace("web", "posthog-js")
            for exception in properties["$exception_list"]:
                yield Crash(
                    properties.get("label", ""),
                    sdk,
                    f"{exception['type']}: {exception['value']}",
                    tuple(reversed(exception["stacktrace"]["frames"])),
                )

    def raw_ids(self) -> list[str]:
        """Names every frame that was sent, each once."""
        return list({raw_id_of(raw): None for crash in self.crashes() for raw in crash.frames})


def raw_id_of(raw: dict[str, Any]) -> str:
    """Computes a raw frame's public id, of its first part."""
    return f"{read_raw_frame(sanitise(raw)).hash.hex()}/0"


def read_recording() -> Recording:
    """Reads the demo's package data."""
    requests = json.loads(_read("events.json"))
    known = json.loads(_read("expected.json"))
    events = {event["uuid"]: event for event in _events(requests)}
    return Recording(
        tuple(requests),
        {entry["chunk_id"]: _symbol_set(entry) for entry in known["symbol_sets"]},
        tuple(_frame(entry, events[entry["event_uuid"]]) for entry in known["frames"]),
    )


def _read(name: str) -> bytes:
    return files(DATA).joinpath(name).read_bytes()


def _events(requests: Any) -> Iterator[dict[str, Any]]:
    for request in requests:
        yield from request["body"]["batch"]


def _symbol_set(entry: dict[str, Any]) -> RecordedSet:
    release = entry["release"] and (entry["release"]["project"], entry["release"]["version"])
    if not entry["uploaded"]:
        return RecordedSet(entry["chunk_id"], None, None, None, release)
    source, source_map = _read(entry["source_file"]), _read(entry["map_file"])
    return RecordedSet(entry["chunk_id"], entry["source_file"], source, source_map, release)


def _frame(entry: dict[str, Any], event: dict[str, Any]) -> RecordedFrame:
    exception = event["properties"]["$exception_list"][entry["exception"]]
    raw = exception["stacktrace"]["frames"][entry["frame"]]
    expected, truth = (entry[key] and Place(**entry[key]) for key in ("expected", "truth"))
    return RecordedFrame(raw, expected, truth)
