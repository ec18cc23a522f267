"""Operations beside a team's own: events in, health and metrics; for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from .analytics_events import PATH as ANALYTICS_EVENTS
from .capture import PATHS as CAPTURE
from .error_answers import reference
from .examples import CHUNK_ID, CONTENTS
from .operation import Operation, add_summary
from .schemas import REFERENCE

EVENTS = "events"
SERVER = "server"

_UUID = "019cb8f3-0a4b-7d15-b2c6-8e9f0a1b2c3d"
_EXCEPTION: dict[str, Any] = {
    "type": "TypeError",
    "value": "Cannot read properties of undefined (reading 'items')",
    "stacktrace": {
        "type": "raw",
        "frames": [
            {
                "platform": "web:javascript",
                "filename": "https://shop.example.com/assets/app.js",
                "function": "t",
                "lineno": 1,
                "colno": 4821,
                "chunk_id": CHUNK_ID,
            }
        ],
    },
}
_EVENT: dict[str, Any] = {
    "uuid": _UUID,
    "event": "$exception",
    "timestamp": "2026-03-02T09:30:00Z",
    "properties": {"$lib": "web", "$exception_list": [_EXCEPTION]},
}
_RESOLVED: dict[str, Any] = {
    "uuid": _UUID,
    "event": "$exception",
    "timestamp": "2026-03-02T09:30:00Z",
    "properties": {
        "$lib": "web",
        "$exception_list": [
            {
                "type": "TypeError",
                "value": "Cannot read properties of undefined (reading 'items')",
                "stacktrace": {"type": "resolved", "frames": [CONTENTS]},
            }
        ],
    },
}
_TEAM_EVENT: dict[str, Any] = {**_EVENT, "team_id": 1}
_CAPTURED: dict[str, Any] = {"api_key": "phc_project_token", "batch": [_EVENT]}


class Event(BaseModel):
    """An event as SDKs make them; only `$exception` events are processed."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_TEAM_EVENT]})

    uuid: str
    event: str
    team_id: int
    timestamp: str
    properties: dict[str, JsonValue]


class Outcome(BaseModel):
    """What became of one event: `event` is there when it is ok, else `reason` says why not."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "ok", "event": _RESOLVED}]}
    )

    status: Literal["ok", "dropped", "invalid", "retry"]
    event: dict[str, JsonValue] = {}
    reason: str | None = None


class Captured(BaseModel):
    """All events of the request are taken."""

    status: Literal["Ok"]


class EventResult(BaseModel):
    """What an SDK is to do with one event; `retry` means to send it again."""

    result: Literal["ok", "warning", "drop", "retry"]


class EventResults(BaseModel):
    """A result by the event's uuid."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"results": {_UUID: {"result": "ok"}}}]}
    )

    results: dict[str, EventResult]


class Health(BaseModel):
    """Whether the process serves, and which dependency is out of reach."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok", "unavailable"]
    out_of_reach: str = ""


MODELS: tuple[type[BaseModel], ...] = (Event, Outcome, Captured, EventResults, Health)


def service_paths() -> dict[str, dict[str, Operation]]:
    """Gives the operations by path and method."""
    paths = {"/process": {"post": _process()}}
    for path in CAPTURE:
        paths[f"{path}/"] = {"post": _capture(path)}
    paths[ANALYTICS_EVENTS] = {"post": _analytics_events()}
    paths["/health/live"] = {"get": _live()}
    paths["/health/ready"] = {"get": _ready()}
    paths["/metrics"] = {"get": _metrics()}
    for operations in paths.values():
        for operation in operations.values():
            add_summary(operation)
    return paths


def _process() -> Operation:
    outcomes = {"type": "array", "items": _model(Outcome)}
    bare = {"type": "array", "items": {"anyOf": [{"type": "object"}, {"type": "null"}]}}
    shape = {"type": "string", "enum": ["tagged", "posthog"], "default": "tagged"}
    about = "`posthog` answers the bare events, null for those that are not ok."
    return {
        "operationId": "process",
        "tags": [EVENTS],
        "description": "Resolves the stacks of events from services of the same house. "
        "One outcome per event, in their order. "
        "Needs a secret of the deployment; where none is set, a caller on the same machine.",
        "security": [{"process_secret": []}, {}],
        "parameters": [{"name": "shape", "in": "query", "description": about, "schema": shape}],
        "requestBody": _body({"type": "array", "items": _model(Event)}, [_TEAM_EVENT]),
        "responses": _responses(
            {"anyOf": [outcomes, bare]},
            "400",
            "401",
            "413",
            "429",
            "503",
            example=[
                {"status": "ok", "event": _RESOLVED},
                {"status": "dropped", "reason": "suppressed"},
            ],
        ),
    }


def _capture(path: str) -> Operation:
    body = {"type": "object"}
    kinds = ("application/json", "text/plain")
    form = {"type": "object", "properties": {"data": {"type": "string"}}}
    content: dict[str, Any] = {kind: {"schema": body, "example": _CAPTURED} for kind in kinds}
    content["application/x-www-form-urlencoded"] = {"schema": form, "example": {"data": "eyJhcGlf"}}
    return {
        "operationId": "capture" + path.replace("/", "_"),
        "tags": [EVENTS],
        "description": "Takes events as PostHog's SDKs send them. "
        "A batch, an array or one event, plain or gzipped; a form carries it in base64. "
        "The project token is in `api_key`, `token`, or the event's properties.",
        "requestBody": {"content": content, "required": True},
        "responses": _responses(_model(Captured), "400", "401", "413", "429", "503"),
    }


def _analytics_events() -> Operation:
    headers: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("Content-Encoding", "How the body is packed.", {"enum": ["gzip", "deflate", "zstd"]}),
        ("PostHog-Sdk-Info", "The SDK's name and version, with a slash between.", {}),
    )
    parameters = [
        {"name": name, "in": "header", "description": about, "schema": {"type": "string", **more}}
        for name, about, more in headers
    ]
    return {
        "operationId": "analytics_events",
        "tags": [EVENTS],
        "description": "Takes events as newer SDKs send them, with a result for each. "
        "The bearer token is the project's.",
        "security": [{"project_token": []}],
        "parameters": parameters,
        "requestBody": _body({"type": "object"}, {"batch": [_EVENT]}),
        "responses": _responses(_model(EventResults), "400", "401", "413", "415", "429", "503"),
    }


def _live() -> Operation:
    return {
        "operationId": "health_live",
        "tags": [SERVER],
        "description": "Says that the process answers.",
        "responses": _responses(_model(Health)),
    }


def _ready() -> Operation:
    answer = {
        "description": "Not ready",
        "content": {
            "application/json": _shown(
                _model(Health), {"status": "unavailable", "out_of_reach": "database"}
            )
        },
    }
    return {
        "operationId": "health_ready",
        "tags": [SERVER],
        "description": "Says whether the database and the object store can be reached.",
        "responses": {**_responses(_model(Health)), "503": answer},
    }


def _metrics() -> Operation:
    page = {"schema": {"type": "string"}, "example": "symbolicate_issues_created_total 12.0"}
    return {
        "operationId": "metrics",
        "tags": [SERVER],
        "description": "Shows every counter in Prometheus' text format.",
        "responses": {"200": {"description": "Done", "content": {"text/plain": page}}},
    }


_REFUSALS = {
    "400": "BadRequest",
    "401": "Unauthenticated",
    "413": "TooLarge",
    "415": "UnsupportedMediaType",
    "429": "Throttled",
    "503": "Unavailable",
}


def _responses(schema: dict[str, Any], *refusals: str, example: Any = None) -> dict[str, Any]:
    media = {"schema": schema} if example is None else _shown(schema, example)
    done = {"200": {"description": "Done", "content": {"application/json": media}}}
    return done | {status: reference(_REFUSALS[status]) for status in refusals}


def _body(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": _shown(schema, example)}}


def _shown(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"schema": schema, "example": example}


def _model(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}
