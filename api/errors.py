"""The one envelope of every error: `{"type", "code", "detail", "attr"}`, and what becomes one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from symbolicate.errors import Refused, Unavailable

RETRY_SECONDS = 5
NOSNIFF = {"X-Content-Type-Options": "nosniff"}

_REFUSALS = {"not_found": 404, "permission_denied": 403}
_TYPES = {
    401: "authentication_error",
    403: "authentication_error",
    429: "throttled_error",
    500: "server_error",
    503: "server_error",
}


class ApiError(Exception):
    """A request that ends here, with what its envelope says."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        attr: str | None = None,
        type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.attr = attr
        self.type = type or _TYPES.get(status, "invalid_request")
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Gives the answer that the client gets."""
        body = {"type": self.type, "code": self.code, "detail": self.detail, "attr": self.attr}
        return Response(
            msgspec.json.encode(body), self.status, NOSNIFF | self.headers, "application/json"
        )


def not_authenticated(detail: str = "Authentication credentials were not provided.") -> ApiError:
    """Says that a request came without credentials."""
    return _unauthorised("not_authenticated", detail)


def authentication_failed(detail: str) -> ApiError:
    """Says that the credentials of a request are no good."""
    return _unauthorised("authentication_failed", detail)


def permission_denied(detail: str) -> ApiError:
    """Says that good credentials do not open this."""
    return ApiError(403, "permission_denied", detail)


def not_found(detail: str = "Not found.") -> ApiError:
    """Says that there is no such thing, or none that this caller may know of."""
    return ApiError(404, "not_found", detail)


def method_not_allowed(method: str, allow: str) -> ApiError:
    """Says that the path is known and the method is not; `allow` lists the known ones."""
    detail = f'Method "{method}" not allowed.'
    return ApiError(405, "method_not_allowed", detail, headers={"Allow": allow})


def parse_error(detail: str) -> ApiError:
    """Says that a body cannot be read."""
    return ApiError(400, "parse_error", detail)


def invalid(code: str, detail: str, attr: str | None = None) -> ApiError:
    """Says that a body can be read and what it says cannot be granted."""
    return ApiError(400, code, detail, attr=attr, type="validation_error")


def too_large(limit: str, seen: int, allowed: int) -> ApiError:
    """Says which limit of size a request passed, how much was seen and how much is allowed."""
    detail = f"{limit} of {seen} exceeds the limit of {allowed}"
    return ApiError(413, "request_too_large", detail)


def unavailable(detail: str) -> ApiError:
    """Says that a dependency is out of reach and that the same request may succeed later."""
    return ApiError(503, "unavailable", detail, headers={"Retry-After": str(RETRY_SECONDS)})


def throttled(seconds: int) -> ApiError:
    """Says that there is too much to do already."""
    detail = f"Request was throttled. Expected available in {seconds} seconds."
    return ApiError(429, "throttled", detail, headers={"Retry-After": str(seconds)})


def response_of(error: Exception) -> Response | None:
    """Gives the answer to an expected error, None for a bug."""
    if isinstance(error, ApiError):
        return error.response()
    if isinstance(error, Refused):
        return _refused(error).response()
    if isinstance(error, Unavailable):
        return unavailable(f"The {error.dependency} is out of reach; try again later.").response()
    if isinstance(error, HTTPException):
        return _http(error).response()
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # nobody is left to read it
    return None


def server_error() -> Response:
    """Gives the answer to a request that met a bug of ours."""
    return ApiError(500, "error", "A server error occurred.").response()


def _unauthorised(code: str, detail: str) -> ApiError:
    return ApiError(401, code, detail, headers={"WWW-Authenticate": "Bearer"})


def _refused(error: Refused) -> ApiError:
    status = _REFUSALS.get(error.code)
    if status is None:
        return invalid(error.code, error.detail, error.attr)
    return ApiError(status, error.code, error.detail, attr=error.attr)


def _http(error: HTTPException) -> ApiError:
    if error.status_code == 404:
        return not_found()
    return ApiError(error.status_code, "error", str(error.detail), headers=error.headers)
