"""One operation of a team in the OpenAPI document: its names, parameters, scope and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from .auth import READ, WRITE, AnyKey, Reader, Writer
from .bodies import JSON
from .error_answers import reference
from .routes import PAGED

Operation = dict[str, Any]

_TEAM = re.compile(r"/api/\w+/\{project_id\}/error_tracking/(\w+)(.*)")
_PARAMETER = re.compile(r"\{(\w+)\}")
_CLAUSE = re.compile(r"[;,.:]")
_SCOPES = {Reader: READ, Writer: WRITE, AnyKey: None}
_FORBIDDEN = {READ: "MayNotRead", WRITE: "MayNotWrite", None: "OtherTeam"}
_ITEM_VERBS = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "delete"}
_PATH_VALUES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "project_id": (
        "A team's id, or `@current` for the team of the key.",
        {"type": "string", "examples": ["@current", "1"]},
    ),
    "hash_id": (
        "The key that the release was made with.",
        {"type": "string", "minLength": 1, "examples": ["8c1f0a6be3d94d2b"]},
    ),
}


class Place(NamedTuple):
    """Where an operation belongs: `tail` is the path behind the resource's own."""

    resource: str
    tail: str


def place_of(path: str) -> Place | None:
    """Reads the path of a team's route; None for any other."""
    found = _TEAM.fullmatch(path)
    return Place(*found.groups()) if found else None


def operation_id(place: Place, method: str, paged: bool) -> str:
    """Names an operation after its resource and its action, or after what its method does."""
    words = [word for word in place.tail.split("/") if word and not word.startswith("{")]
    if not place.tail:
        verb = {"get": "list" if paged else "retrieve", "post": "create"}[method]
    elif place.tail.endswith("}"):
        verb = _ITEM_VERBS[method]
    else:
        verb = ""
    return "_".join([place.resource, *words, verb]).rstrip("_")


class Scope(NamedTuple):
    """Whether an endpoint asks for a key, and the scope that the key must have, if any."""

    keyed: bool
    needed: str | None


def scope_of(endpoint: Callable[..., Any]) -> Scope:
    """Reads from an endpoint's parameters who may call it."""
    for hint in get_type_hints(endpoint, include_extras=True).values():
        for dependency, needed in _SCOPES.items():
            if get_origin(hint) is Annotated and get_args(hint) == get_args(dependency):
                return Scope(True, needed)
    return Scope(False, None)


def add_scope(operation: Operation, needed: str | None) -> None:
    """Says which key opens an operation."""
    operation["security"] = [{"key": [needed] if needed else []}]
    sentence = f"Needs the scope `{needed}`." if needed else "Any valid key will do."
    operation["description"] = f"{operation.get('description', '')}\n\n{sentence}".strip()
    if needed:
        operation["x-required-scope"] = needed


def add_summary(operation: Operation) -> None:
    """Makes the first clause of the description the summary."""
    operation["summary"] = _CLAUSE.split(operation["description"], maxsplit=1)[0]


def add_path_parameters(path: str, operation: Operation) -> None:
    """Describes what a path holds, which endpoints read from the request themselves."""
    known = operation.get("parameters", [])
    taken = {parameter["name"] for parameter in known}
    named = [name for name in _PARAMETER.findall(path) if name not in taken]
    if parameters := [*map(_path_parameter, named), *known]:
        operation["parameters"] = parameters


def add_errors(operation: Operation, needed: str | None) -> None:
    """Adds every refusal that an operation with a key may answer, but those that it has."""
    refusals = dict(_refusals(operation, needed))
    operation["responses"] = dict(
        sorted(
            (
                {status: reference(name) for status, name in refusals.items()}
                | operation["responses"]
            ).items()
        )
    )


def _refusals(operation: Operation, needed: str | None) -> Iterator[tuple[str, str]]:
    yield from {"401": "Unauthenticated", "429": "Throttled", "503": "Unavailable"}.items()
    if "405" in operation["responses"]:
        return  # refused before anything else is looked at
    places = {(parameter["in"], parameter["name"]) for parameter in operation.get("parameters", [])}
    has_body = "requestBody" in operation
    if has_body:
        yield "413", "TooLarge"
    if JSON in operation.get("requestBody", {}).get("content", {}):
        yield "415", "UnsupportedMediaType"
    if has_body or {name for place, name in places if place == "query"} - {q.name for q in PAGED}:
        yield "400", "BadRequest"
    if needed or ("path", "project_id") in places:
        yield "403", _FORBIDDEN[needed]
    if any(place == "path" for place, _ in places):
        yield "404", "NotFound"


def _path_parameter(name: str) -> dict[str, Any]:
    noun = name.removesuffix("_id").replace("_", " ")
    usual = (f"The id of the {noun}.", {"type": "string", "format": "uuid"})
    description, schema = _PATH_VALUES.get(name, usual)
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }
