"""`/docs`: a page that shows the OpenAPI document, from files of ours and nothing from elsewhere.

The page's script makes every node as text, keeps the key in memory only, and asks this server
alone: the content security policy allows nothing else.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse

from .errors import NOSNIFF

PATH = "/docs"
ASSETS = Path(__file__).parent / "docs_assets"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS = NOSNIFF | {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
_FILES = {
    PATH: ("docs.html", "text/html"),
    f"{PATH}/docs.css": ("docs.css", "text/css"),
    f"{PATH}/docs.js": ("docs.js", "text/javascript"),
}


def add_docs_page(app: FastAPI) -> None:
    """Adds the page and its files to an application."""
    for path, (name, media_type) in _FILES.items():
        _add_file(app, path, (ASSETS / name).read_bytes(), media_type)
    app.add_api_route(f"{PATH}/", _without_slash, methods=["GET"], include_in_schema=False)


def _add_file(app: FastAPI, path: str, content: bytes, media_type: str) -> None:
    async def show() -> Response:
        return Response(content, 200, _HEADERS, media_type)

    app.add_api_route(path, show, methods=["GET", "HEAD"], include_in_schema=False)


async def _without_slash() -> Response:
    """Leads to the page, whose relative addresses count on having no slash at the end."""
    return RedirectResponse("../docs", 308, NOSNIFF)
