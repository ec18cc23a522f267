"""Error answers in the OpenAPI document: one per status and cause, each with its examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .auth import READ, WRITE
from .errors import (
    ApiError,
    authentication_failed,
    invalid,
    not_authenticated,
    not_found,
    parse_error,
    permission_denied,
    throttled,
    too_large,
    unavailable,
)
from .limits import MANAGEMENT_BYTES
from .schemas import REFERENCE

_ENVELOPE = {"$ref": REFERENCE.format(model="ErrorEnvelope")}
_HEADERS = {
    "WWW-Authenticate": ("How to authenticate.", {"type": "string"}),
    "Retry-After": ("Whole seconds to wait.", {"type": "integer", "minimum": 1}),
}
_MEDIA = ApiError(415, "unsupported_media_type", 'Unsupported media type "text/xml" in request.')
_OTHER_TEAM = permission_denied("API key does not have access to the requested project: ID 2.")


def reference(name: str) -> dict[str, str]:
    """Gives the reference to an error answer of `error_answers`."""
    return {"$ref": f"#/components/responses/{name}"}


def error_answers() -> dict[str, dict[str, Any]]:
    """Gives every error answer by its name."""
    bad_request = (
        invalid("required", "This field is required.", "version"),
        parse_error("JSON parse error - Expecting value: line 1 column 1 (char 0)"),
    )
    unauthenticated = (
        not_authenticated(),
        authentication_failed("Personal API key found in request Authorization header is invalid."),
    )
    return {
        "BadRequest": _answer("What was sent cannot be read or granted", *bad_request),
        "Unauthenticated": _answer("No credentials, or none that are valid", *unauthenticated),
        "MayNotRead": _forbidden(READ),
        "MayNotWrite": _forbidden(WRITE),
        "OtherTeam": _answer("The key belongs to another team", _OTHER_TEAM),
        "NotFound": _answer(
            "No such thing in this team", not_found(), not_found("Project not found.")
        ),
        "TooLarge": _answer(
            "The body is too large", too_large("body_bytes", 2_500_000, MANAGEMENT_BYTES)
        ),
        "UnsupportedMediaType": _answer("A body of a kind that is not read here", _MEDIA),
        "Throttled": _answer("Too many requests; wait as long as `Retry-After` says", throttled(7)),
        "Unavailable": _answer(
            "A dependency is out of reach; the same request may succeed later",
            unavailable("The database is out of reach; try again later."),
        ),
    }


def _forbidden(scope: str) -> dict[str, Any]:
    missing = permission_denied(f"API key missing required scope '{scope}'")
    return _answer(f"The key lacks the scope `{scope}`, or is another team's", missing, _OTHER_TEAM)


def _answer(description: str, *errors: ApiError) -> dict[str, Any]:
    examples: dict[str, Any] = {}
    for error in errors:
        name = error.code if error.code not in examples else f"{error.code}_{len(examples) + 1}"
        examples[name] = {"value": msgspec.json.decode(error.response().body)}
    content = {"application/json": {"schema": _ENVELOPE, "examples": examples}}
    made: dict[str, Any] = {"description": description, "content": content}
    if headers := _headers(errors[0].headers):
        made["headers"] = headers
    return made


def _headers(sent: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name][0], "schema": _HEADERS[name][1]} for name in sent}
