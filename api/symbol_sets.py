"""`symbol_sets`: uploads started and finished; the bytes go to the address that start gives."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from symbolicate.services.uploads import StartedUpload

from .auth import Writer
from .bodies import read_object
from .errors import invalid
from .json_text import encode
from .routes import Answers, serve_json, team_route
from .schemas import FinishedUploads, FinishUploads, StartedUploads, StartUploads
from .wiring import wiring_of

START = "/symbol_sets/bulk_start_upload"
FINISH = "/symbol_sets/bulk_finish_upload"


def add_symbol_sets(app: FastAPI) -> None:
    """Adds the resource to an application."""
    team_route(app, "POST", START, start_uploads, Answers(201, StartedUploads), StartUploads)
    team_route(app, "POST", FINISH, finish_uploads, Answers(201, FinishedUploads), FinishUploads)


async def start_uploads(request: Request, team_id: Writer) -> Response:
    """Gives an upload address for every set that needs its bytes sent."""
    wiring = wiring_of(request.scope)
    body = await read_object(request.scope, request.receive)
    started = await wiring.run(wiring.symbolicator.uploads.start, team_id, body)
    address = wiring.address(request)
    id_map = {chunk_id: _started(upload, address) for chunk_id, upload in started.items()}
    return serve_json(encode({"id_map": id_map}), 201)


async def finish_uploads(request: Request, team_id: Writer) -> Response:
    """Verifies uploaded sets and lets them serve, all or none."""
    wiring = wiring_of(request.scope)
    body = await read_object(request.scope, request.receive)
    content_hashes = body.get("content_hashes", {})
    if content_hashes is None:
        raise invalid("null", "content_hashes are required", "content_hashes")
    await wiring.run(wiring.symbolicator.uploads.finish, team_id, content_hashes)
    return serve_json(b'{"success":true}', 201)


def _started(upload: StartedUpload, address: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "presigned_url": {"url": _absolute(upload.url, address), "fields": upload.fields},
        "fallback_presigned_url": None,
        "symbol_set_id": str(upload.symbol_set_id),
    }
    if upload.put_url is not None:
        made["presigned_put_url"] = _absolute(upload.put_url, address)
    return made


def _absolute(url: str, address: str) -> str:
    """Puts our own address before an URL that the local object store signed."""
    return address + url if url.startswith("/") else url
