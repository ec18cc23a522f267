"""`symbol_sets`: listed, retrieved, downloaded and deleted; uploads are in `symbol_set_uploads`."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from symbolicate.clock import wire_time
from symbolicate.json_text import encode
from symbolicate.services.symbol_sets import ORDERS, STATUSES, ListedSet

from .auth import Reader, Writer
from .bodies import read_object
from .errors import NOSNIFF, method_not_allowed
from .pagination import Page
from .routes import PAGED, Answers, Query, serve_json, team_route
from .schemas import Release
from .stack_frames import path_uuid
from .wiring import wiring_of

PATH = "/symbol_sets"
ITEM = "/symbol_sets/{set_id}"
MAX_LIMIT = 100
ACTIONS = frozenset(
    [
        "bulk_check_upload",
        "bulk_delete",
        "bulk_finish_upload",
        "bulk_start_upload",
        "start_upload",
    ]
)
QUERIES = (
    Query("ref", "The ref of the set, exactly."),
    Query("search", "Text anywhere in the ref or the release's version, project or commit."),
    Query("status", "Valid sets have data that can be read.", choices=tuple(STATUSES)),
    Query("order_by", "The column to order by; descending with a minus.", choices=tuple(ORDERS)),
)


class SymbolSet(BaseModel):
    """A symbol set without its bytes; `failure_reason` says why those cannot be read."""

    id: uuid.UUID
    ref: str
    team_id: int
    created_at: datetime
    last_used: datetime | None
    failure_reason: str | None
    has_uploaded_file: bool
    release: Release | None


class SymbolSetPage(BaseModel):
    """One page of symbol sets."""

    count: int
    next: str | None
    previous: str | None
    results: list[SymbolSet]


class Download(BaseModel):
    """Where the bytes can be had for an hour."""

    url: str


class Deletion(BaseModel):
    """The sets to delete; ids that the team does not have are passed over."""

    ids: list[uuid.UUID]


class Deleted(BaseModel):
    """How many sets were deleted."""

    deleted: int


def add_symbol_sets(app: FastAPI) -> None:
    """Adds the resource to an application."""
    listed, whole = Answers(200, SymbolSetPage), Answers(200, SymbolSet)
    team_route(app, "POST", f"{PATH}/bulk_delete", bulk_delete, Answers(200, Deleted), Deletion)
    team_route(app, "GET", PATH, list_symbol_sets, listed, queries=(*QUERIES, *PAGED))
    team_route(app, "GET", ITEM, retrieve_symbol_set, whole)
    team_route(app, "PUT", ITEM, leave_symbol_set, whole)
    team_route(app, "PATCH", ITEM, leave_symbol_set, whole)
    team_route(app, "DELETE", ITEM, delete_symbol_set, Answers(204))
    team_route(app, "GET", f"{ITEM}/download", download_symbol_set, Answers(200, Download))


async def list_symbol_sets(request: Request, team_id: Reader) -> Response:
    """Lists the team's symbol sets, the newest first."""
    wiring = wiring_of(request.scope)
    page = Page.asked(request, MAX_LIMIT)
    count, found = await wiring.run(
        wiring.symbolicator.symbol_sets.page,
        team_id,
        request.query_params,
        limit=page.limit,
        offset=page.offset,
    )
    return serve_json(page.answer(request, count, encode([_shown(one) for one in found])))


async def retrieve_symbol_set(request: Request, team_id: Reader) -> Response:
    """Gives one symbol set."""
    return await _answer_one(request, team_id)


async def leave_symbol_set(request: Request, team_id: Writer) -> Response:
    """Gives one symbol set and changes nothing: what it is, its upload decides."""
    await read_object(request.scope, request.receive)
    return await _answer_one(request, team_id)


async def delete_symbol_set(request: Request, team_id: Writer) -> Response:
    """Deletes a symbol set, its stored bytes, and its frames that could not be resolved."""
    wiring = wiring_of(request.scope)
    await wiring.run(wiring.symbolicator.symbol_sets.delete, team_id, path_set_id(request))
    return Response(status_code=204, headers=NOSNIFF)


async def bulk_delete(request: Request, team_id: Writer) -> Response:
    """Deletes symbol sets as their single deletion does, all in one transaction."""
    wiring = wiring_of(request.scope)
    body = await read_object(request.scope, request.receive)
    delete_many = wiring.symbolicator.symbol_sets.delete_many
    deleted = await wiring.run(delete_many, team_id, body.get("ids"))
    return serve_json(encode({"deleted": deleted}))


async def download_symbol_set(request: Request, team_id: Reader) -> Response:
    """Gives an address from which the bytes can be had for an hour."""
    wiring = wiring_of(request.scope)
    signed = wiring.symbolicator.symbol_sets.download_url
    url = await wiring.run(signed, team_id, path_set_id(request))
    return serve_json(encode({"url": absolute(url, wiring.address(request))}))


def path_set_id(request: Request) -> uuid.UUID:
    """Gives the set's id in the path, or the error for what else can stand in its place."""
    if request.path_params["set_id"] in ACTIONS:
        raise method_not_allowed(request.method, "POST, OPTIONS")
    return path_uuid(request, "set_id")


def absolute(url: str, address: str) -> str:
    """Puts our own address before an URL that the local object store signed."""
    return address + url if url.startswith("/") else url


async def _answer_one(request: Request, team_id: int) -> Response:
    wiring = wiring_of(request.scope)
    found = await wiring.run(wiring.symbolicator.symbol_sets.one, team_id, path_set_id(request))
    return serve_json(encode(_shown(found)))


def _shown(found: ListedSet) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "ref": found.ref,
        "team_id": found.team_id,
        "created_at": wire_time(found.created_at),
        "last_used": None if found.last_used is None else wire_time(found.last_used),
        "failure_reason": found.failure_reason,
        "has_uploaded_file": found.storage_key is not None,
        "release": None if found.release is None else found.release.to_wire(),
    }
