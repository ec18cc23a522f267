"""Who calls: bearer keys, each for one team, with scopes.

The order of the checks is credentials (401), throttle (429), method (405), team (403),
scope (403), object (404).
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Request
from starlette.types import Scope

from symbolicate.services.keys import KeyRow, allows

from .errors import authentication_failed, not_authenticated, not_found, permission_denied
from .limits import header
from .wiring import wiring_of

READ = "error_tracking:read"
WRITE = "error_tracking:write"

_BAD_KEY = "Personal API key found in request Authorization header is invalid."
_TEAM_ID = re.compile(r"-?[0-9]{1,64}")


def bearer(scope: Scope) -> str | None:
    """Gives the token of an `Authorization: Bearer` header."""
    scheme, _, token = (header(scope, b"authorization") or b"").partition(b" ")
    return token.strip().decode("latin-1") or None if scheme.lower() == b"bearer" else None


async def authenticate(scope: Scope) -> KeyRow:
    """Gives what the caller's key opens, or raises a 401, or a 429 if it asks too often."""
    token = bearer(scope)
    if token is None:
        raise not_authenticated()
    wiring = wiring_of(scope)
    keys = wiring.symbolicator.keys
    row = keys.known(token) or await wiring.run(keys.authenticate, token)
    if row is None:
        raise authentication_failed(_BAD_KEY)
    if wiring.throttle is not None:
        wiring.throttle.admit(row.id, scope["path"])
    return row


async def enter(scope: Scope, needed: str) -> int:
    """Gives the team that the path names, once the caller may do there what is needed."""
    row = await authenticate(scope)
    check_team(scope, row)
    if not allows(row, needed):
        raise permission_denied(f"API key missing required scope '{needed}'")
    return row.team_id


def check_team(scope: Scope, row: KeyRow) -> None:
    """Raises a 403 unless the path names the key's own team."""
    team_id = _team(scope["path_params"]["project_id"], row)
    if team_id != row.team_id:
        detail = f"API key does not have access to the requested project: ID {team_id}."
        raise permission_denied(detail)


def _team(text: str, row: KeyRow) -> int:
    if text == "@current":
        return row.team_id
    if not _TEAM_ID.fullmatch(text):
        raise not_found("Project not found.")
    return int(text)


async def _may_read(request: Request) -> int:
    return await enter(request.scope, READ)


async def _may_write(request: Request) -> int:
    return await enter(request.scope, WRITE)


async def _holds_key(request: Request) -> KeyRow:
    return await authenticate(request.scope)


Reader = Annotated[int, Depends(_may_read)]
"""The team's id, for a caller that may read."""
Writer = Annotated[int, Depends(_may_write)]
"""The team's id, for a caller that may write."""
AnyKey = Annotated[KeyRow, Depends(_holds_key)]
"""What the caller's key opens, whatever the path names."""
