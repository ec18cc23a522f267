"""The OpenAPI document: what FastAPI knows, and the routes that it does not serve itself."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .analytics_events import PATH as ANALYTICS_EVENTS
from .capture import PATHS as CAPTURE
from .routes import PREFIXES
from .schemas import REFERENCE, BatchGetAnswer, BatchGetRequest, request_body, request_schemas

TITLE = "symbolicate"

_PARAMETER = re.compile(r"\{(\w+)\}")
_PAGED = ("limit", "offset")


def document(app: FastAPI) -> dict[str, Any]:
    """Makes the whole document."""
    made = get_openapi(title=TITLE, version=app.version, routes=app.routes)
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name, schema in (request_schemas() | _answer_schemas()).items():
        schemas.setdefault(name, schema)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    made["paths"][f"{PREFIXES[0]}/stack_frames/batch_get"] = {"post": _batch_get()}
    for path in (*(f"{path}/" for path in CAPTURE), ANALYTICS_EVENTS):
        made["paths"][path] = {"post": _capture(path)}
    for path, operations in made["paths"].items():
        _add_parameters(path, operations)
    return dict(made)


def _answer_schemas() -> dict[str, Any]:
    schema = BatchGetAnswer.model_json_schema(ref_template=REFERENCE)
    return {**schema.pop("$defs"), BatchGetAnswer.__name__: schema}


def _batch_get() -> dict[str, Any]:
    answer = {"schema": {"$ref": REFERENCE.format(model="BatchGetAnswer")}}
    error = {"schema": {"$ref": REFERENCE.format(model="ErrorEnvelope")}}
    return {
        "summary": "Batch Get",
        "description": "Gives stored frames in request order of first mention.",
        "operationId": "stack_frames_batch_get",
        "security": [{"key": []}],
        "requestBody": request_body(BatchGetRequest),
        "responses": {
            "200": {"description": "OK", "content": {"application/json": answer}},
            "4XX": {"description": "Refused", "content": {"application/json": error}},
        },
    }


def _capture(path: str) -> dict[str, Any]:
    return {
        "summary": "Capture",
        "description": "Takes events as PostHog's SDKs send them, with a project token.",
        "operationId": "capture" + path.replace("/", "_").rstrip("_"),
        "requestBody": {"content": {"application/json": {"schema": {}}}},
        "responses": {"200": {"description": "OK"}, "503": {"description": "Send it again later"}},
    }


def _add_parameters(path: str, operations: dict[str, Any]) -> None:
    """Documents the parameters of a path, which endpoints read from the request themselves."""
    text = {"type": "string"}
    required = [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in _PARAMETER.findall(path)
    ]
    for method, operation in operations.items():
        paged = method == "get" and path.endswith("/stack_frames")
        queries = [{"name": name, "in": "query", "schema": {"type": "integer"}} for name in _PAGED]
        parameters = required + (queries if paged else [])
        if parameters:
            operation["parameters"] = parameters
