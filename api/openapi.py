"""The OpenAPI document: what FastAPI knows of the routes, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from .auth import READ
from .error_answers import error_answers
from .examples import Schema, example_of
from .links import add_links
from .operation import (
    Operation,
    Scope,
    add_errors,
    add_path_parameters,
    add_scope,
    add_summary,
    operation_id,
    place_of,
    scope_of,
)
from .routes import PREFIXES
from .schemas import (
    REFERENCE,
    BatchGetAnswer,
    BatchGetRequest,
    ErrorEnvelope,
    request_body,
    schemas_of,
)
from .service_operations import EVENTS, MODELS, SERVER, service_paths

TITLE = "symbolicate"
DESCRIPTION = (
    "Turns the frames of minified, stripped and inlined code back into the lines people wrote, "
    "and keeps what is needed for it. The routes of a team are also served under "
    "`/api/environments/…`, and with a slash at their end."
)
TAGS: Mapping[str, str] = {
    "stack_frames": "Stored frames, resolved.",
    "releases": "Versions of projects that symbol sets are built for.",
    "symbol_sets": "The files that explain frames, and their upload.",
    "settings": "How many events pass.",
    "spike_detection_config": "What is called a spike.",
    "spike_events": "The spikes that were seen.",
    "recommendations": "What a team could do to see more.",
    "identity": "Who the key's holder is.",
    EVENTS: "Events in: from services, and from SDKs.",
    SERVER: "For those who run the server.",
}

_KEY = "A personal API key, `phx_…`; it belongs to one team and has scopes."
_SECRET = "One of the secrets that the deployment lists for `/process`."
_TOKEN = "A project's token, `phc_…`, as SDKs know it."


def document(app: FastAPI) -> dict[str, Any]:
    """Gives the whole document, made when it is first asked for."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=TITLE, version=app.version, description=DESCRIPTION, routes=app.routes)
    made["components"] = _components(app, made.get("components", {}).get("schemas", {}))
    schemas = made["components"]["schemas"]
    scopes = dict(_scopes(app))
    batch_get = f"{PREFIXES[0]}/stack_frames/batch_get"
    made["paths"][batch_get] = {"post": _batch_get()}
    scopes[batch_get, "post"] = Scope(True, READ)
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _finish(path, method, operation, scopes.get((path, method), Scope(False, None)))
    made["paths"] = dict(sorted((made["paths"] | service_paths()).items(), key=_rank))
    _add_examples(made["paths"], schemas)
    add_links(made["paths"], schemas)
    made["tags"] = [{"name": name, "description": about} for name, about in TAGS.items()]
    return dict(made)


def _rank(item: tuple[str, Mapping[str, Operation]]) -> int:
    """Orders paths by the resource that they belong to."""
    (tag,) = next(iter(item[1].values()))["tags"]
    return list(TAGS).index(tag)


def _components(app: FastAPI, schemas: dict[str, Any]) -> dict[str, Any]:
    models = (ErrorEnvelope, BatchGetRequest, BatchGetAnswer, *MODELS, *app.state.bodies.values())
    schemes = {"key": _KEY, "process_secret": _SECRET, "project_token": _TOKEN}
    return {
        "schemas": schemas_of(models) | schemas,
        "responses": error_answers(),
        "securitySchemes": {
            name: {"type": "http", "scheme": "bearer", "description": about}
            for name, about in schemes.items()
        },
    }


def _scopes(app: FastAPI) -> Iterator[tuple[tuple[str, str], Scope]]:
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                yield (route.path, method.lower()), scope_of(route.endpoint)


def _finish(path: str, method: str, operation: Operation, scope: Scope) -> None:
    """Completes an operation that FastAPI described, or that is described like that."""
    place = place_of(path)
    named = {parameter["name"] for parameter in operation.get("parameters", [])}
    if place:
        operation["operationId"] = operation_id(place, method, "offset" in named)
    operation["tags"] = [place.resource if place else "identity"]
    add_summary(operation)
    add_path_parameters(path, operation)
    for status, answer in operation["responses"].items():
        answer["description"] = "Not done" if status == "405" else "Done"
    if scope.keyed:
        add_scope(operation, scope.needed)
        add_errors(operation, scope.needed)


def _batch_get() -> Operation:
    answer = {"schema": {"$ref": REFERENCE.format(model=BatchGetAnswer.__name__)}}
    return {
        "description": "Gives stored frames, in request order of first mention.\n\n"
        "At most 1,000 ids; without ids the newest 1,000 frames of the team. "
        "A frame that is out of date is resolved again first.",
        "requestBody": request_body(BatchGetRequest),
        "responses": {"200": {"content": {"application/json": answer}}},
    }


def _add_examples(
    paths: Mapping[str, Mapping[str, Operation]], schemas: Mapping[str, Schema]
) -> None:
    for operations in paths.values():
        for operation in operations.values():
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media in part.get("content", {}).values():
                    if not media.keys() & {"example", "examples"}:
                        media["example"] = example_of(media.get("schema", {}), schemas)
