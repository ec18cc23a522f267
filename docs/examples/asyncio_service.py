"""Takes arrays of `$exception` events by HTTP and answers with the array of their outcomes.

SYMBOLICATE_DATA_DIR=shop-data python asyncio_service.py PORT
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from symbolicate import AsyncSymbolicator, Symbolicator

TEAM_ID = 1
THREADS = 4


class State(TypedDict):
    symbolicator: AsyncSymbolicator


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[State]:
    opened = Symbolicator()  # the SYMBOLICATE_… variables say where its data are
    opened.jobs.start()
    async with AsyncSymbolicator(symbolicator=opened, threads=THREADS) as symbolicator:
        yield {"symbolicator": symbolicator}


async def take_events(request: Request) -> Response:
    """Answers 503 if some events are to be sent again; those that were done are recognised."""
    symbolicator: AsyncSymbolicator = request.state.symbolicator
    try:
        events = json.loads(await request.body(), parse_constant=refuse)
    except (ValueError, RecursionError):
        events = None
    if not isinstance(events, list):
        return JSONResponse({"error": "expected a JSON array of events"}, 400)
    outcomes = await symbolicator.process(TEAM_ID, events)
    status = 503 if any(outcome.status == "retry" for outcome in outcomes) else 200
    # By json, which can write the lone surrogates that clients send.
    body = json.dumps([outcome.tagged() for outcome in outcomes])
    return Response(body, status, media_type="application/json")


def refuse(constant: str) -> None:
    """Refuses NaN and the infinities, which `json` would take."""
    raise ValueError(constant)


async def show_frames(request: Request) -> JSONResponse:
    """Answers with the stored frames of the `id` parameters."""
    symbolicator: AsyncSymbolicator = request.state.symbolicator
    frames = await symbolicator.batch_get(TEAM_ID, request.query_params.getlist("id"))
    return JSONResponse([frame.contents for frame in frames])


ROUTES = [Route("/events", take_events, methods=["POST"]), Route("/frames", show_frames)]

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=ROUTES, lifespan=lifespan), port=int(sys.argv[1]))
