"""`/uploads/<key>`: uploads and downloads of the local object store, by URLs that it signed.

The signature is verified before the body is read, and a body is written to disk as it arrives;
the object appears only when all of it came.
"""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from symbolicate.services.uploads import UploadGrant

from .errors import NOSNIFF, permission_denied
from .incoming import incoming
from .limits import UPLOAD_BYTES, chunks, header
from .upload_form import UploadForm
from .wiring import Wiring, wiring_of

PATH = "/uploads/{key:path}"


def add_local_uploads(app: FastAPI) -> None:
    """Adds the resource to an application."""
    app.add_api_route(PATH, post_form, methods=["POST"], include_in_schema=False)
    app.add_api_route(PATH, put_bytes, methods=["PUT"], include_in_schema=False)
    app.add_api_route(PATH, download, methods=["GET"], include_in_schema=False)


async def post_form(request: Request) -> Response:
    """Stores the part `file` of a form."""
    wiring, grant = _granted(request)
    form = UploadForm(request.headers.get("content-type", ""), grant.max_bytes)
    async with incoming(wiring, wiring.symbolicator.uploads.receive(grant)) as file:
        async for chunk in chunks(request.scope, request.receive, UPLOAD_BYTES):
            await file.write(form.feed(chunk))
            _check_key(form, grant)
        form.finish()
    return Response(status_code=204, headers=NOSNIFF)


async def put_bytes(request: Request) -> Response:
    """Stores a body of exactly the signed length."""
    wiring, grant = _granted(request)
    declared = header(request.scope, b"content-length")
    if declared is not None and declared.isdigit() and len(declared) < 20:
        _check_length(int(declared), grant)
    seen = 0
    async with incoming(wiring, wiring.symbolicator.uploads.receive(grant)) as file:
        async for chunk in chunks(request.scope, request.receive, UPLOAD_BYTES):
            seen += len(chunk)
            if seen > grant.max_bytes:
                _check_length(seen, grant)
            await file.write(chunk)
        _check_length(seen, grant)
    return Response(status_code=204, headers=NOSNIFF)


async def download(request: Request) -> Response:
    """Gives the object, as a file and never as a page."""
    wiring, grant = _granted(request)
    data = await wiring.run(wiring.symbolicator.uploads.download, grant)
    headers = NOSNIFF | {"Content-Disposition": "attachment"}
    return Response(data, 200, headers, "application/octet-stream")


def _granted(request: Request) -> tuple[Wiring, UploadGrant]:
    wiring = wiring_of(request.scope)
    key = request.path_params["key"]
    query = dict(request.query_params)
    return wiring, wiring.symbolicator.uploads.grant(request.method, key, query)


def _check_key(form: UploadForm, grant: UploadGrant) -> None:
    """Refuses a form whose own key, once it is known, is not the one that was signed."""
    named = form.texts.get("key") if form.file_bytes is not None else None
    if named is not None and named != grant.key.encode():
        raise permission_denied("The form's key is not the one that the URL was signed for.")


def _check_length(seen: int, grant: UploadGrant) -> None:
    if not grant.min_bytes <= seen <= grant.max_bytes:
        detail = f"The URL was signed for exactly {grant.max_bytes} bytes, seen {seen}."
        raise permission_denied(detail)
