"""HTTP requests that are sent again when the network or the server has a bad moment."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage, InvalidURL
from socket import gaierror
from ssl import SSLCertVerificationError, SSLError
from typing import IO, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

ATTEMPTS = 3
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
ANSWER_SECONDS = 120
_LONGEST_SHOWN = 100
TOO_MANY, NOT_IMPLEMENTED = 429, 501

Headers = Mapping[str, str]


class OutOfReach(Exception):
    """No answer came, at none of the attempts; the message says what went wrong last."""


class Answer(NamedTuple):
    """What a server answered, whatever the status."""

    status: int
    headers: Message
    body: bytes

    @property
    def is_success(self) -> bool:
        """Tells whether the request did what it should."""
        return 200 <= self.status < 300

    @property
    def is_passing(self) -> bool:
        """Tells whether the same request may be answered better later."""
        return self.status == TOO_MANY or (self.status >= 500 and self.status != NOT_IMPLEMENTED)


class _NoRedirects(HTTPRedirectHandler):
    """Leaves a redirect to the caller: following one would lose a body or give a key away."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follows nothing."""


class HttpClient:
    """Sends requests, each up to three times; may be used by several threads.

    It waits half a second and then a second, each half as long or half as long again by chance,
    or longer where `Retry-After` asks for it, up to a minute.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sleep = sleep
        self._chance = chance
        self._clock = clock
        self._opener = build_opener(_NoRedirects)

    def send(self, method: str, url: str, headers: Headers, body: bytes | None = None) -> Answer:
        """Gives the last answer; raises `OutOfReach` if the last attempt had none."""
        for attempt in range(ATTEMPTS):
            is_last = attempt == ATTEMPTS - 1
            try:
                answer = self._send_once(method, url, headers, body)
            except (ValueError, InvalidURL) as error:
                raise OutOfReach(f"{url[:_LONGEST_SHOWN]!r} is no web address: {error}") from error
            except (OSError, HTTPException) as error:
                if is_last:
                    raise OutOfReach(_reason(url, error)) from error
                self._sleep(self._wait(attempt, None))
            else:
                if is_last or not answer.is_passing:
                    break
                self._sleep(self._wait(attempt, answer.headers.get("Retry-After")))
        return answer

    def _send_once(self, method: str, url: str, headers: Headers, body: bytes | None) -> Answer:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("its scheme is not http or https")
        request = Request(url, body, dict(headers), method=method)
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as response:
                return Answer(response.status, response.headers, response.read())
        except HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def _wait(self, attempt: int, retry_after: str | None) -> float:
        planned = FIRST_WAIT_SECONDS * 2.0**attempt * (0.5 + self._chance())
        return min(max(planned, self._asked(retry_after)), LONGEST_WAIT_SECONDS)

    def _asked(self, retry_after: str | None) -> float:
        """The seconds that a `Retry-After` asks for, given as a number or as a date."""
        text = (retry_after or "").strip()
        if text.isdecimal():
            return float(text)
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        return aware.timestamp() - self._clock()


def multipart(fields: Mapping[str, str], file: bytes) -> tuple[Headers, bytes]:
    """Lays out a form as PostHog's uploaders do: the fields, then the part `file`."""
    boundary = uuid.uuid4().hex
    disposition = f"--{boundary}\r\nContent-Disposition: form-data; name="
    texts = "".join(f'{disposition}"{name}"\r\n\r\n{text}\r\n' for name, text in fields.items())
    head = f'{texts}{disposition}"file"; filename="file"\r\n'
    head += "Content-Type: application/octet-stream\r\n\r\n"
    body = b"".join((head.encode(), file, f"\r\n--{boundary}--\r\n".encode()))
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


def _reason(url: str, error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return f"{urlsplit(url).netloc} is out of reach: {_said(cause)}"


def _said(cause: object) -> str:
    """Says what went wrong without numbers and the words of a library."""
    if isinstance(cause, SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, SSLError):
        return "it does not speak https"
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, gaierror):
        return "its name is not known"
    text = cause.strerror if isinstance(cause, OSError) else None
    return (text or str(cause) or type(cause).__name__).lower()
