"""Shapes of requests and answers, for the OpenAPI document alone.

Answers are spliced bytes or encoded dicts and never pass through these models.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from .examples import CHUNK_ID, RAW_ID, RELEASE_ID

REFERENCE = "#/components/schemas/{model}"


class ErrorEnvelope(BaseModel):
    """What every error answers; `attr` names the field that is at fault, if one is."""

    type: Literal[
        "authentication_error",
        "invalid_request",
        "server_error",
        "throttled_error",
        "validation_error",
    ]
    code: str
    detail: str
    attr: str | None


class Release(BaseModel):
    """A version of a project."""

    id: uuid.UUID
    hash_id: str
    team_id: int
    created_at: datetime
    metadata: dict[str, JsonValue] | None
    version: str
    project: str


class NewRelease(BaseModel):
    """A release to be made; without a `hash_id` its id stands for it."""

    version: Annotated[str, Field(min_length=1)]
    project: Annotated[str, Field(min_length=1)]
    hash_id: Annotated[str, Field(max_length=128)] | None = None
    metadata: dict[str, JsonValue] | None = None


class StackFrame(BaseModel):
    """A stored frame; `contents` is the frame, `context` the lines around it."""

    id: uuid.UUID
    raw_id: str
    created_at: datetime
    contents: dict[str, JsonValue]
    resolved: bool
    context: dict[str, JsonValue] | None
    symbol_set_ref: str | None
    release: Release | None


class StackFramePage(BaseModel):
    """One page of stored frames."""

    count: int
    next: str | None
    previous: str | None
    results: list[StackFrame]


class BatchGetRequest(BaseModel):
    """Which frames are wanted: by raw id, of one symbol set, or the newest."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"raw_ids": [RAW_ID]}]})

    raw_ids: list[str] | None = None
    symbol_set: str | None = None


class BatchGetAnswer(BaseModel):
    """Frames in request order of first mention, and the ids that are unknown."""

    results: list[StackFrame]
    missing: list[str]


class SymbolSetUpload(BaseModel):
    """One set to be uploaded."""

    chunk_id: str
    release_id: uuid.UUID | None = None
    content_hash: str | None = None
    content_length: int | None = None


class StartUploads(BaseModel):
    """Sets to be uploaded; `chunk_ids` with `release_id` is the older form."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "symbol_sets": [
                        {
                            "chunk_id": CHUNK_ID,
                            "release_id": RELEASE_ID,
                            "content_hash": "9f86d081884c7d659a2feaa0c55ad015",
                            "content_length": 48213,
                        }
                    ]
                }
            ]
        }
    )

    symbol_sets: list[SymbolSetUpload] = []
    chunk_ids: list[str] = []
    release_id: uuid.UUID | None = None
    force: bool = False
    skip_on_conflict: bool = False


class PresignedForm(BaseModel):
    """Where to POST a form: the fields as text parts, then the part `file`."""

    url: str
    fields: dict[str, str]


class UploadAddress(BaseModel):
    """Where the bytes of one set go."""

    presigned_url: PresignedForm
    fallback_presigned_url: PresignedForm | None
    symbol_set_id: uuid.UUID
    presigned_put_url: str | None = None


class StartedUploads(BaseModel):
    """An address by chunk id; a set that is present already is left out."""

    id_map: dict[str, UploadAddress]


class FinishUploads(BaseModel):
    """The client's token for each set, by the set's id."""

    content_hashes: dict[str, str] = {}


class FinishedUploads(BaseModel):
    """All of them serve now."""

    success: bool


class FileBody(BaseModel):
    """A file as a part of a form; as a body of its own it is the bytes alone."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"chunk_id": CHUNK_ID, "file": "…"}]})

    file: Annotated[str, Field(json_schema_extra={"format": "binary"})]
    chunk_id: str | None = None
    release_id: uuid.UUID | None = None


def request_body(model: type[BaseModel]) -> dict[str, Any]:
    """Describes a body: an optional one as JSON or as a form, or a file."""
    schema: dict[str, Any] = {"$ref": REFERENCE.format(model=model.__name__)}
    if model is FileBody:
        alone = {"schema": {"type": "string", "format": "binary"}, "example": "…"}
        content = {"application/octet-stream": alone, "multipart/form-data": {"schema": schema}}
        return {"content": content, "required": True}
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return {"content": {kind: {"schema": schema} for kind in kinds}}


def schemas_of(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """Gives the schemas that references to these models need, by name."""
    schemas: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template=REFERENCE)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return schemas
