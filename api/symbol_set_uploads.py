"""Uploads of symbol sets: many a call, one a call, and with the bytes in the call itself."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from symbolicate.json_text import encode
from symbolicate.services.uploads import StartedUpload

from .auth import Writer
from .bodies import read_object
from .errors import invalid
from .incoming import incoming
from .limits import UPLOAD_BYTES, chunks
from .routes import Answers, Query, serve_json, team_route
from .schemas import (
    FileBody,
    FinishedUploads,
    FinishUploads,
    PresignedForm,
    StartedUploads,
    StartUploads,
)
from .symbol_sets import ITEM, PATH, absolute, path_set_id
from .upload_form import UploadForm
from .wiring import wiring_of

QUERIES = (
    Query("chunk_id", "The ref of the set; may be in the body instead."),
    Query("release_id", "The release to bind the set to; may be in the body instead."),
)


class CheckedUploads(BaseModel):
    """The chunk ids that a start would open an upload for."""

    chunk_ids_to_upload: list[str]


class StartSingleUpload(BaseModel):
    """One set to be uploaded."""

    chunk_id: str | None = None
    release_id: uuid.UUID | None = None


class StartedSingleUpload(BaseModel):
    """Where the bytes of the set go."""

    presigned_url: PresignedForm
    symbol_set_id: uuid.UUID


class FinishSingleUpload(BaseModel):
    """The client's token for the set."""

    content_hash: str


class StoredSymbolSet(BaseModel):
    """The set serves now."""

    ok: bool


def add_symbol_set_uploads(app: FastAPI) -> None:
    """Adds the resource to an application."""
    checked, started = Answers(200, CheckedUploads), Answers(201, StartedUploads)
    finished, single = FinishedUploads, Answers(201, StartedSingleUpload)
    body, start = StartSingleUpload, f"{PATH}/start_upload"
    team_route(app, "POST", f"{PATH}/bulk_check_upload", check_uploads, checked, StartUploads)
    team_route(app, "POST", f"{PATH}/bulk_start_upload", start_uploads, started, StartUploads)
    finish = f"{PATH}/bulk_finish_upload"
    team_route(app, "POST", finish, finish_uploads, Answers(201, finished), FinishUploads)
    team_route(app, "POST", start, start_upload, single, body, QUERIES)
    finish = f"{ITEM}/finish_upload"
    team_route(app, "PUT", finish, finish_upload, Answers(200, finished), FinishSingleUpload)
    stored = Answers(201, StoredSymbolSet)
    team_route(app, "POST", PATH, store_symbol_set, stored, FileBody, QUERIES)


async def check_uploads(request: Request, team_id: Writer) -> Response:
    """Tells which sets need their bytes sent, and writes nothing."""
    wiring = wiring_of(request.scope)
    body = await read_object(request.scope, request.receive)
    chunk_ids = await wiring.run(wiring.symbolicator.symbol_sets.check, team_id, body)
    return serve_json(encode({"chunk_ids_to_upload": chunk_ids}))


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


async def start_upload(request: Request, team_id: Writer) -> Response:
    """Gives an upload address for one set."""
    wiring = wiring_of(request.scope)
    asked = await read_object(request.scope, request.receive) | dict(request.query_params)
    started = await wiring.run(
        wiring.symbolicator.single_uploads.start,
        team_id,
        asked.get("chunk_id"),
        asked.get("release_id"),
    )
    made = {
        "presigned_url": _form(started, wiring.address(request)),
        "symbol_set_id": str(started.symbol_set_id),
    }
    return serve_json(encode(made), 201)


async def finish_upload(request: Request, team_id: Writer) -> Response:
    """Verifies one uploaded set and lets it serve."""
    wiring = wiring_of(request.scope)
    set_id = path_set_id(request)
    asked = await read_object(request.scope, request.receive) | dict(request.query_params)
    finish = wiring.symbolicator.single_uploads.finish
    await wiring.run(finish, team_id, set_id, asked.get("content_hash"))
    return serve_json(b'{"success":true}')


async def store_symbol_set(request: Request, team_id: Writer) -> Response:
    """Takes the bytes of one set, as the whole body or as the part `file` of a form."""
    wiring = wiring_of(request.scope)
    single = wiring.symbolicator.single_uploads
    content_type = request.headers.get("content-type", "")
    multipart = content_type.strip().lower().startswith("multipart/")
    form = UploadForm(content_type, UPLOAD_BYTES) if multipart else None
    async with incoming(wiring, single.receive()) as file:
        async for chunk in chunks(request.scope, request.receive, UPLOAD_BYTES):
            await file.write(chunk if form is None else form.feed(chunk))
        await file.flush()
        asked = _texts(form) | dict(request.query_params)
        chunk_id, release_id = asked.get("chunk_id"), asked.get("release_id")
        await wiring.run(single.put, team_id, chunk_id, release_id, file.file)
    return serve_json(b'{"ok":true}', 201)


def _texts(form: UploadForm | None) -> dict[str, str]:
    """Gives the text parts of a form that came whole."""
    if form is None:
        return {}
    form.finish()
    return {name: text.decode("utf-8", "replace") for name, text in form.texts.items()}


def _started(upload: StartedUpload, address: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "presigned_url": _form(upload, address),
        "fallback_presigned_url": None,
        "symbol_set_id": str(upload.symbol_set_id),
    }
    if upload.put_url is not None:
        made["presigned_put_url"] = absolute(upload.put_url, address)
    return made


def _form(upload: StartedUpload, address: str) -> dict[str, Any]:
    return {"url": absolute(upload.url, address), "fields": upload.fields}
