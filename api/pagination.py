"""Pages of a list: `limit` and `offset` in, absolute links to the neighbours out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from fastapi import Request

from symbolicate.json_text import encode

from .wiring import wiring_of

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_OFFSET = 2**62

_NUMBER = re.compile(r"[0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows are asked for; what cannot be read falls back to the default, never a 400."""

    limit: int
    offset: int

    @classmethod
    def asked(cls, request: Request, max_limit: int = MAX_LIMIT) -> Page:
        """Reads `limit` and `offset` of a request."""
        limit = _number(request.query_params.get("limit"))
        offset = _number(request.query_params.get("offset"))
        return cls(min(limit or DEFAULT_LIMIT, max_limit), min(offset, MAX_OFFSET))

    def answer(self, request: Request, count: int, results: bytes) -> bytes:
        """Wraps one page of results, a JSON array, with the count and the links."""
        after = self.offset + self.limit
        before = max(0, self.offset - self.limit)
        next_link = self._link(request, after) if after < count else None
        previous = self._link(request, before) if self.offset > 0 else None
        return b'{"count":%d,"next":%b,"previous":%b,"results":%b}' % (
            count,
            encode(next_link),
            encode(previous),
            results,
        )

    def _link(self, request: Request, offset: int) -> str:
        asked = parse_qsl(request.url.query, keep_blank_values=True)
        kept = [(name, value) for name, value in asked if name not in ("limit", "offset")]
        kept.append(("limit", str(self.limit)))
        if offset:
            kept.append(("offset", str(offset)))
        address = wiring_of(request.scope).address(request)
        return f"{address}{request.url.path}?{urlencode(kept)}"


def _number(text: str | None) -> int:
    return int(text) if text is not None and _NUMBER.fullmatch(text.strip()) else 0
