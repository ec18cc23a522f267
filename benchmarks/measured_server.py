"""A server process that tells its own CPU time: ours over a database, or a bare endpoint.

Run as `measured_server.py bare BODY_FILE` or `measured_server.py ours DATABASE_URL OBJECTS_URL
FRAME_CACHE_BYTES`; prints the port it listens on. `GET /cpu` answers `time.process_time()`.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from symbolicate import garbage
from symbolicate.config import from_env
from symbolicate.symbolicator import Symbolicator
from symbolicate_api.app import create_app
from symbolicate_api.main import http_protocol


def bare(body: bytes) -> ASGIApp:
    """Makes the least a POST endpoint can do: await the body, return one prebuilt response."""

    async def endpoint(request: Request) -> Response:
        await request.body()
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/", endpoint, methods=["POST"])])


def ours(database: str, objects: str, frame_cache_bytes: str) -> ASGIApp:
    """Makes our whole application."""
    settings = from_env(
        {},
        database_url=database,
        objects_url=objects,
        frame_cache_bytes=int(frame_cache_bytes),
        secret_key="benchmark",
    )
    return create_app(Symbolicator(settings=settings))


def telling_cpu(app: ASGIApp) -> ASGIApp:
    """Answers `/cpu` before anything else."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/cpu":
            await Response(str(time.process_time()))(scope, receive, send)
        else:
            await app(scope, receive, send)

    return wrapped


def main() -> None:
    """Serves until killed."""
    kind, *arguments = sys.argv[1:]
    app = bare(Path(arguments[0]).read_bytes()) if kind == "bare" else ours(*arguments)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        telling_cpu(app),
        http=http_protocol(),
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
    )
    garbage.settle()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
