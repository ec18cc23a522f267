"""`POST stack_frames/batch_get`: the hot route, one join of stored JSON from memory.

It is a plain ASGI endpoint; its entry in the OpenAPI document is written by hand.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from symbolicate.services.stored_frames import StoredFrames, to_wire
from symbolicate.text import storable

from .auth import READ, authenticate, enter
from .bodies import as_object
from .errors import invalid, method_not_allowed, response_of, server_error
from .limits import MANAGEMENT_BYTES, header, read_body
from .wiring import wiring_of

PATH = re.compile(
    r"/api/(?:projects|environments)/(?P<project_id>[^/]+)/error_tracking/stack_frames/batch_get/?"
)
"""Every spelling of the route's path."""
MAX_RAW_IDS = 1000

_HEADERS = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]


class _Asked(msgspec.Struct):
    raw_ids: list[str] | None = None
    symbol_set: str | None = None


class Question(NamedTuple):
    """What a client asks for; without ids the newest frames."""

    raw_ids: list[str]
    symbol_set: str | None


_decoder = msgspec.json.Decoder(_Asked)


class BatchGet:
    """Answers on the event loop what memory holds fresh, everything else in a thread.

    It answers its own errors, so that it may stand before any middleware.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        try:
            await self._serve(scope, receive, send)
        except Exception as error:
            expected = response_of(error)
            await (expected or server_error())(scope, receive, send)
            if expected is None:
                raise

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await authenticate(scope)
            raise method_not_allowed(scope["method"], "POST")
        team_id = await enter(scope, READ)
        body = await read_body(scope, receive, MANAGEMENT_BYTES)
        content_type = header(scope, b"content-type")
        wiring = wiring_of(scope)
        frames = wiring.symbolicator.stored_frames
        answer = frames.batch_in_memory(team_id, plain_ids(body, content_type))
        if answer is None:
            question = read_question(body, content_type)
            answer = await wiring.run(_answer, frames, team_id, question)
        length = (b"content-length", b"%d" % len(answer))
        start = {"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]}
        await send(start)
        await send({"type": "http.response.body", "body": answer})


def plain_ids(body: bytes, content_type: bytes | None) -> list[str]:
    """Reads the ids of a plain question for frames by id; empty if it may be anything else.

    NUL is not looked for: no frame that memory holds is spelled with it.
    """
    if content_type == b"application/json":
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            asked = _decoder.decode(body)
            if asked.symbol_set is None and len(asked.raw_ids or ()) <= MAX_RAW_IDS:
                return asked.raw_ids or []
    return []


def read_question(body: bytes, content_type: bytes | None) -> Question:
    """Reads a body; raises the error that the client gets."""
    return _checked(as_object(body, content_type))


def _answer(frames: StoredFrames, team_id: int, question: Question) -> bytes:
    return to_wire(frames.batch(team_id, question.raw_ids, question.symbol_set))


def _checked(body: dict[str, Any]) -> Question:
    raw_ids = body.get("raw_ids")
    if raw_ids is not None and not isinstance(raw_ids, list):
        detail = f'Expected a list of items but got type "{type(raw_ids).__name__}".'
        raise invalid("not_a_list", detail, "raw_ids")
    if raw_ids and len(raw_ids) > MAX_RAW_IDS:
        detail = f"raw_ids of {len(raw_ids)} exceed the limit of {MAX_RAW_IDS}"
        raise invalid("max_length", detail, "raw_ids")
    for place, raw_id in enumerate(raw_ids or ()):
        _check_text(raw_id, f"raw_ids__{place}")
    symbol_set = body.get("symbol_set")
    if symbol_set is not None:
        _check_text(symbol_set, "symbol_set")
    return Question(raw_ids or [], symbol_set)


def _check_text(value: Any, attr: str) -> None:
    if not isinstance(value, str):
        raise invalid("invalid_input", "Not a valid string.", attr)
    if not storable(value):
        raise invalid("invalid_input", "NUL and lone surrogates are not allowed.", attr)
