"""Example values of JSON schemas, for the OpenAPI document: a schema's own, or made from names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

FRAME_ID = "019cb8f2-6f3a-7c41-9d1e-5a0b3f7c2e11"
SET_ID = "019cb8f0-1b2c-7a55-8e3d-2f6a9c4b7d20"
RELEASE_ID = "019cb8ef-8d10-7b6e-a4c9-71e2d3f4b5a6"
CHUNK_ID = "0193f1a2-4b5c-5d6e-8f70-8192a3b4c5d6"
RAW_ID = "02f763cc1fea12cf727bac342d0ffd35f8123d60c40638a2e0aa4ece4c8b9fe9/0"
TIME = "2026-03-02T09:30:00Z"

CONTENTS = {
    "raw_id": RAW_ID,
    "mangled_name": "t",
    "line": 16,
    "column": 10,
    "source": "src/cart.ts",
    "in_app": True,
    "resolved_name": "total",
    "lang": "javascript",
    "resolved": True,
}
_CONTEXT = {
    "before": [{"number": 15, "line": "export function total(cart: Cart): number {"}],
    "line": {"number": 16, "line": "  return sum(cart.items);"},
    "after": [{"number": 17, "line": "}"}],
}
_NAMED: Mapping[str, Any] = {
    "chunk_id": CHUNK_ID,
    "chunk_ids": [CHUNK_ID],
    "chunk_ids_to_upload": [CHUNK_ID],
    "content_hash": "9f86d081884c7d659a2feaa0c55ad015",
    "content_hashes": {SET_ID: "9f86d081884c7d659a2feaa0c55ad015"},
    "content_length": 48213,
    "contents": CONTENTS,
    "completed": False,
    "computed_baseline": 12.4,
    "context": _CONTEXT,
    "current_bucket_value": 620,
    "description": "Cannot read properties of undefined (reading 'items')",
    "fields": {"key": f"symbolsets/{SET_ID}"},
    "hash_id": "8c1f0a6be3d94d2b",
    "ids": [SET_ID],
    "key": "project",
    "label": "ci",
    "meta": {"total_frames": 1840, "unresolved_frames": 92, "unresolved_pct": 0.05},
    "metadata": {"git": {"commit_id": "4f2a91c", "branch": "main"}},
    "missing": [],
    "multiplier": 10,
    "name": "Checkout",
    "per_issue_rate_limit_bucket_size_minutes": 60,
    "per_issue_rate_limit_value": 75,
    "presigned_put_url": f"https://symbols.example.com/uploads/symbolsets/{SET_ID}?signature=a1b2",
    "project": "shop-web",
    "project_rate_limit_bucket_size_minutes": 60,
    "project_rate_limit_value": 5000,
    "raw_id": RAW_ID,
    "raw_ids": [RAW_ID],
    "ref": CHUNK_ID,
    "release_id": RELEASE_ID,
    "scoped_organizations": [],
    "scopes": ["error_tracking:read", "error_tracking:write"],
    "snooze_duration_minutes": 10,
    "symbol_set": CHUNK_ID,
    "symbol_set_id": SET_ID,
    "symbol_set_ref": CHUNK_ID,
    "threshold": 500,
    "type": "source_maps",
    "url": f"https://symbols.example.com/uploads/symbolsets/{SET_ID}",
    "version": "1.4.2",
}
"""Values by the name of the field that holds them; used where their type fits."""

_FORMATS: Mapping[str, Any] = {"uuid": FRAME_ID, "date-time": TIME}
_TYPES: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 0.5, "boolean": True}
_PYTHON: Mapping[str, type] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
    "array": list,
    "object": dict,
}
_NULLED = ("next", "previous", "fallback_presigned_url", "failure_reason", "dismissed_at")


def example_of(schema: Schema, schemas: Mapping[str, Schema], name: str = "") -> Any:
    """Gives a value that fits the schema; `name` is the field that holds it."""
    schema = resolved(schema, schemas)
    if "examples" in schema:
        return schema["examples"][0]
    if name in _NULLED:
        return None
    for choice in _choices(schema, schemas):
        listed = choice.keys() & {"const", "enum"}
        kind = _PYTHON.get(choice.get("type", ""))
        if name in _NAMED and not listed and type(_NAMED[name]) is kind:
            return _NAMED[name]
    choice = _choices(schema, schemas)[0]
    if choice is not schema:
        return example_of(choice, schemas, name)
    return _made(schema, schemas)


def resolved(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    """Follows a reference to the named schema that it means."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def _choices(schema: Schema, schemas: Mapping[str, Schema]) -> list[Schema]:
    """Gives the alternatives other than null, references followed; else the schema alone."""
    listed = [resolved(choice, schemas) for choice in schema.get("anyOf", ())]
    return [choice for choice in listed if choice.get("type") != "null"] or [schema]


def _made(schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if schema.get("type") == "array":
        return [example_of(schema.get("items", {}), schemas)]
    if schema.get("type") == "object":
        return _object(schema, schemas)
    return _TYPES.get(schema.get("type", ""))


def _object(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    fields = schema.get("properties", {})
    made = {name: example_of(field, schemas, name) for name, field in fields.items()}
    values = schema.get("additionalProperties")
    if isinstance(values, Mapping) and not fields:
        made[CHUNK_ID] = example_of(values, schemas)
    return made
