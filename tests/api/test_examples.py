"""Examples fit their schemas: a schema's own, one by the field's name, one made from its type."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from symbolicate_api.examples import CHUNK_ID, FRAME_ID, RAW_ID, TIME, example_of

NULL = {"type": "null"}
TEXT = {"type": "string"}
SCHEMAS: dict[str, Any] = {
    "Text": TEXT,
    "Shown": {"type": "object", "examples": [{"own": 1}]},
    "Frame": {"type": "object", "properties": {"raw_id": TEXT, "resolved": {"type": "boolean"}}},
}
CASES: dict[str, tuple[dict[str, Any], str, Any]] = {
    "a schema's own example comes first": (
        {"$ref": "#/components/schemas/Shown"},
        "id",
        {"own": 1},
    ),
    "a known name gives its value": (TEXT, "raw_id", RAW_ID),
    "through a reference": ({"$ref": "#/components/schemas/Text"}, "raw_id", RAW_ID),
    "through a choice with null": ({"anyOf": [TEXT, NULL]}, "raw_id", RAW_ID),
    "a known name of another type does not": ({"type": "integer"}, "raw_id", 1),
    "nor does one whose values are listed": ({"type": "string", "enum": ["a"]}, "type", "a"),
    "a link to the next page is null": ({"anyOf": [TEXT, NULL]}, "next", None),
    "a constant": ({"const": "Ok"}, "", "Ok"),
    "the default": ({"type": "boolean", "default": False}, "force", False),
    "a UUID": ({"type": "string", "format": "uuid"}, "id", FRAME_ID),
    "a time": ({"anyOf": [{"type": "string", "format": "date-time"}, NULL]}, "last_used", TIME),
    "a list holds one": ({"type": "array", "items": {"type": "integer"}}, "", [1]),
    "an object holds every field": (
        {"$ref": "#/components/schemas/Frame"},
        "",
        {"raw_id": RAW_ID, "resolved": True},
    ),
    "a map holds one key": (
        {"type": "object", "additionalProperties": {"type": "integer"}},
        "",
        {CHUNK_ID: 1},
    ),
    "anything is null": ({}, "", None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_value_is(case: tuple[dict[str, Any], str, Any]) -> None:
    schema, name, expected = case
    assert example_of(schema, SCHEMAS, name) == expected


LEAVES = st.sampled_from(
    [
        *({"type": kind} for kind in ("string", "integer", "number", "boolean")),
        {"type": "string", "enum": ["a", "b"]},
        {"type": "string", "format": "uuid"},
        {"$ref": "#/components/schemas/Frame"},
    ]
)
NAMES = st.sampled_from(["id", "raw_id", "threshold", "completed", "next", "other"])


def grown(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    fields = st.dictionaries(NAMES.filter(lambda name: name != "next"), inner, max_size=4)
    return st.one_of(
        inner.map(lambda schema: {"type": "array", "items": schema}),
        inner.map(lambda schema: {"anyOf": [schema, NULL]}),
        inner.map(lambda schema: {"type": "object", "additionalProperties": schema}),
        fields.map(lambda given: {"type": "object", "properties": given, "required": [*given]}),
    )


@given(st.recursive(LEAVES, grown, max_leaves=8))
def test_every_value_fits_its_schema(schema: dict[str, Any]) -> None:
    whole = {**schema, "components": {"schemas": SCHEMAS}}
    Draft202012Validator(whole).validate(example_of(schema, SCHEMAS))
