"""`stack_frames`: listed and retrieved; what `batch_get` answers is in its own module."""

from __future__ import annotations

import uuid

from fastapi import FastAPI, Request, Response

from .auth import AnyKey, Reader
from .errors import NOSNIFF, not_found
from .pagination import Page
from .routes import PAGED, Answers, serve_json, team_route
from .schemas import StackFrame, StackFramePage
from .wiring import wiring_of

PATH = "/stack_frames"
ITEM = "/stack_frames/{frame_id}"


def add_stack_frames(app: FastAPI) -> None:
    """Adds the resource to an application."""
    team_route(app, "GET", PATH, list_frames, Answers(200, StackFramePage), queries=PAGED)
    team_route(app, "GET", ITEM, retrieve, Answers(200, StackFrame))
    team_route(app, "DELETE", ITEM, refuse_deletion, Answers(405))


async def list_frames(request: Request, team_id: Reader) -> Response:
    """Lists the team's stored frames, the newest first."""
    wiring = wiring_of(request.scope)
    page = Page.asked(request)
    count, results = await wiring.run(
        wiring.symbolicator.stored_frames.page, team_id, limit=page.limit, offset=page.offset
    )
    return serve_json(page.answer(request, count, results))


async def retrieve(request: Request, team_id: Reader) -> Response:
    """Gives one stored frame, resolved again first if it is stale."""
    wiring = wiring_of(request.scope)
    frame_id = path_uuid(request, "frame_id")
    return serve_json(await wiring.run(wiring.symbolicator.stored_frames.one, team_id, frame_id))


async def refuse_deletion(key: AnyKey) -> Response:
    """Deletes nothing: frames go with their symbol set."""
    return Response(status_code=405, headers=NOSNIFF | {"Allow": "GET, HEAD, OPTIONS"})


def path_uuid(request: Request, name: str) -> uuid.UUID:
    """Gives the UUID at this place of the path; a malformed one is no object's."""
    try:
        return uuid.UUID(request.path_params[name])
    except ValueError:
        raise not_found() from None
