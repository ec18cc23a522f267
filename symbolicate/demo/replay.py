"""The demo's conversation with its server, in the requests that uploaders and SDKs send."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from symbolicate.demo.recording import Place, RecordedFrame, RecordedSet, Recording
from symbolicate.demo.server import DemoClient, DemoFailed, DemoServer

_OF_THE_RECORDING = frozenset({"host", "content-length", "connection"})

Say = Callable[[str], None]


class Tenant(NamedTuple):
    """The demo's team: where its events and its management requests get in."""

    team_id: int
    project_token: str
    key: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the server answered: `items` are those of `batch_get`, by raw id."""

    recording: Recording
    items: dict[str, dict[str, Any]]

    def place_of(self, frame: RecordedFrame) -> Place | None:
        """Gives the place that the server answered; None for an unresolved frame."""
        contents = self.items[frame.raw_id]["contents"]
        if not contents["resolved"]:
            return None
        return Place(contents.get("source"), contents.get("line"), contents.get("column"))

    def as_expected(self, frame: RecordedFrame) -> bool:
        """Tells whether the answer equals the independent resolver's."""
        return frame.expected is not None and self.place_of(frame) == frame.expected

    def untrue(self) -> list[RecordedFrame]:
        """Gives the frames whose answer differs from a known truth."""
        return [f for f in self.recording.frames if f.truth and self.place_of(f) != f.truth]

    @property
    def resolved(self) -> int:
        """Counts the frames answered as the independent resolver answers them."""
        return sum(map(self.as_expected, self.recording.frames))

    @property
    def total(self) -> int:
        """Counts the frames with a chunk id and a location."""
        return len(self.recording.frames)

    def to_wire(self) -> dict[str, Any]:
        """Gives the object that `--json` prints."""
        frames = [
            {**self.items[frame.raw_id], "raw_frame": frame.raw} for frame in self.recording.frames
        ]
        return {"resolved": self.resolved, "total": self.total, "frames": frames}


def admit(server: DemoServer) -> Tenant:
    """Makes a team and its key by the command line."""
    team = json.loads(server.command("teams", "create", "--name", "Demo"))
    key = server.command("keys", "create", "--team", str(team["id"]))
    return Tenant(team["id"], team["project_token"], key)


def replay(server: DemoServer, tenant: Tenant, recording: Recording, say: Say) -> Report:
    """Uploads the symbol sets, sends the recorded requests and looks every frame up."""
    client = DemoClient(server, tenant.team_id, tenant.key)
    _upload(server, client, recording, say)
    for request in recording.requests:
        _send(server, request, tenant.project_token)
    say(f"sent       {len(recording.requests)} requests as their SDKs recorded them")
    wanted = recording.raw_ids()
    answer = client.post("stack_frames/batch_get", {"raw_ids": wanted})
    say(f"looked up  {len(wanted)} different frames in one batch_get")
    if answer["missing"]:
        raise DemoFailed(f"the server does not know {len(answer['missing'])} of the frames sent")
    return Report(recording, {item["raw_id"]: item for item in answer["results"]})


def _upload(server: DemoServer, client: DemoClient, recording: Recording, say: Say) -> None:
    sets = [entry for entry in recording.symbol_sets.values() if entry.source is not None]
    releases = {release: _create_release(client, *release) for release in _releases(sets)}
    containers = {entry.chunk_id: entry.container() for entry in sets}
    hashes = {name: hashlib.sha512(data).hexdigest() for name, data in containers.items()}
    wanted = [
        {
            "chunk_id": entry.chunk_id,
            "release_id": entry.release and releases[entry.release],
            "content_hash": hashes[entry.chunk_id],
        }
        for entry in sets
    ]
    started = client.post("symbol_sets/bulk_start_upload", {"symbol_sets": wanted})["id_map"]
    for chunk_id, upload in started.items():
        form = upload["presigned_url"]
        kind, body = _multipart(form["fields"], containers[chunk_id])
        server.send("POST", form["url"], {"Content-Type": kind}, body)
    finished = {upload["symbol_set_id"]: hashes[name] for name, upload in started.items()}
    client.post("symbol_sets/bulk_finish_upload", {"content_hashes": finished})
    say(f"uploaded   {', '.join(str(entry.file) for entry in sets)}, each with its map")


def _releases(sets: list[RecordedSet]) -> set[tuple[str, str]]:
    return {entry.release for entry in sets if entry.release is not None}


def _create_release(client: DemoClient, project: str, version: str) -> str:
    hash_id = hashlib.sha512((project + version).encode()).hexdigest()
    body = {"project": project, "version": version, "hash_id": hash_id}
    return str(client.post("releases", body)["id"])


def _multipart(fields: dict[str, str], file: bytes) -> tuple[str, bytes]:
    """Lays out a form as PostHog's uploaders do: the fields, then the part `file`."""
    boundary = uuid.uuid4().hex
    disposition = f"--{boundary}\r\nContent-Disposition: form-data; name="
    texts = "".join(f'{disposition}"{name}"\r\n\r\n{text}\r\n' for name, text in fields.items())
    head = f'{texts}{disposition}"file"; filename="file"\r\n'
    head += "Content-Type: application/octet-stream\r\n\r\n"
    body = head.encode() + file + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def _send(server: DemoServer, request: dict[str, Any], project_token: str) -> None:
    """Replays a request with our project token; all else is as the SDK sent it."""
    headers = {
        name: text
        for name, text in request["headers"].items()
        if name.lower() not in _OF_THE_RECORDING
    }
    events = [_with_token(event, project_token) for event in request["body"]["batch"]]
    body = {**request["body"], "api_key": project_token, "batch": events}
    server.send("POST", request["path"], headers, json.dumps(body).encode())


def _with_token(event: dict[str, Any], project_token: str) -> dict[str, Any]:
    if "token" not in event["properties"]:
        return event
    return {**event, "properties": {**event["properties"], "token": project_token}}
