"""Links of the OpenAPI document: what an answer names can be asked for next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .examples import Schema, resolved
from .operation import Operation, place_of

_JSON = "application/json"


class _Target(NamedTuple):
    operation_id: str
    parameter: str


def add_links(paths: Mapping[str, Mapping[str, Operation]], schemas: Mapping[str, Schema]) -> None:
    """Links every answer that holds an id to the operations on the thing of that id."""
    targets: dict[str, list[_Target]] = {}
    for resource, operation in _of_teams(paths):
        named = [part["name"] for part in operation["parameters"] if part["in"] == "path"]
        if len(named) == 2:
            target = _Target(operation["operationId"], named[1])
            targets.setdefault(resource, []).append(target)
    for resource, operation in _of_teams(paths):
        for answer in operation["responses"].values():
            made = dict(_links(answer, targets.get(resource, []), schemas))
            made.pop(operation["operationId"], None)
            if made:
                answer["links"] = made


def _of_teams(paths: Mapping[str, Mapping[str, Operation]]) -> Iterator[tuple[str, Operation]]:
    for path, operations in paths.items():
        if place := place_of(path):
            for operation in operations.values():
                yield place.resource, operation


def _links(
    answer: Mapping[str, Any], targets: list[_Target], schemas: Mapping[str, Schema]
) -> Iterator[tuple[str, dict[str, Any]]]:
    schema = resolved(answer.get("content", {}).get(_JSON, {}).get("schema", {}), schemas)
    fields, pointer = schema.get("properties", {}), ""
    if "results" in fields:
        fields = resolved(fields["results"].get("items", {}), schemas).get("properties", {})
        pointer = "/results/0"
    for target in targets:
        field = target.parameter if target.parameter in fields else "id"
        if field in fields:
            yield (
                target.operation_id,
                {
                    "operationId": target.operation_id,
                    "parameters": {
                        "project_id": "$request.path.project_id",
                        target.parameter: f"$response.body#{pointer}/{field}",
                    },
                },
            )
