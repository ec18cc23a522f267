"""Upload and download URLs that we sign ourselves, for stores without an S3 service.

A URL is `/uploads/<key>?…&signature=<hex>` with HMAC-SHA256 over method, key, expiry and size
bound; `expires` is in Unix seconds. The HTTP layer puts its own address before it.
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import IO, Literal, NamedTuple
from urllib.parse import urlencode

from symbolicate.clock import Clock, system_clock
from symbolicate.errors import SymbolicateError
from symbolicate.objects.store import PresignedPost, check_key

UPLOADS_PATH = "/uploads/"

# The set of its parameters tells for which method a URL was made.
_PARAMETERS = {
    "POST": {"expires", "max_bytes", "signature"},
    "PUT": {"expires", "length", "signature"},
    "GET": {"expires", "signature"},
}

Refusal = Literal["expired", "bad_signature", "wrong_method"]


class SignatureRefused(SymbolicateError):
    """A signed URL that grants nothing: too late, not ours, or made for another method."""

    def __init__(self, reason: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.reason: Refusal = reason


class UploadGrant(NamedTuple):
    """What a verified URL allows: this key, and a body of this many bytes (0 for GET)."""

    key: str
    min_bytes: int
    max_bytes: int


class UrlSigner:
    """Makes and verifies signed URLs with one secret key."""

    def __init__(self, secret_key: bytes, clock: Clock = system_clock) -> None:
        if not secret_key:
            raise ValueError("the secret key that signs upload URLs is empty")
        self._secret_key = secret_key
        self._clock = clock

    def sign(self, method: str, key: str, seconds: int, **bounds: int) -> str:
        """Gives the relative URL that is valid for `seconds` from now."""
        if seconds <= 0 or any(bound < 0 for bound in bounds.values()):
            raise ValueError(f"cannot sign for {seconds} seconds with bounds {bounds}")
        expires = int(self._clock().timestamp()) + seconds
        query = {"expires": str(expires)} | {name: str(value) for name, value in bounds.items()}
        signature = self._signature(method, check_key(key), query)
        return f"{UPLOADS_PATH}{key}?{urlencode(query | {'signature': signature})}"

    def verify(self, method: str, key: str, query: Mapping[str, str]) -> UploadGrant:
        """Gives what the URL allows, or raises `SignatureRefused`.

        Nothing is said about expiry before the signature is known to be ours.
        """
        names = set(query)
        if names != _PARAMETERS.get(method) and names in _PARAMETERS.values():
            raise SignatureRefused("wrong_method", f"The URL was not signed for {method}")
        if names != _PARAMETERS.get(method) or not self._is_ours(method, key, query):
            raise SignatureRefused("bad_signature", "The URL's signature does not match")
        if self._clock().timestamp() > int(query["expires"]):
            raise SignatureRefused("expired", "The URL has expired")
        length = int(query.get("length", 0))
        return UploadGrant(key, length, int(query.get("max_bytes", length)))

    def _is_ours(self, method: str, key: str, query: Mapping[str, str]) -> bool:
        signed = {name: value for name, value in query.items() if name != "signature"}
        expected = self._signature(method, key, signed)
        given = query["signature"].encode("utf-8", "surrogatepass")
        return hmac.compare_digest(expected.encode(), given)

    def _signature(self, method: str, key: str, query: Mapping[str, str]) -> str:
        # NUL ends every part; no part of a URL that we make holds one.
        parts = [method, key, *(f"{name}={query[name]}" for name in sorted(query))]
        message = "".join(part + "\0" for part in parts).encode("utf-8", "surrogatepass")
        return hmac.new(self._secret_key, message, "sha256").hexdigest()


class SelfSigningStore(ABC):
    """A store whose uploads and downloads come through our own HTTP routes.

    The routes call `verify` first, then stream the body into `receive` within the grant's bounds.
    """

    def __init__(self, signer: UrlSigner) -> None:
        self._signer = signer

    def presign_post(self, key: str, *, max_bytes: int, seconds: int) -> PresignedPost:
        """Signs a form upload; the URL is relative to our own address."""
        url = self._signer.sign("POST", key, seconds, max_bytes=max_bytes)
        return PresignedPost(url, {"key": key})

    def presign_put(self, key: str, *, length: int, seconds: int) -> str:
        """Signs a plain upload; the URL is relative to our own address."""
        return self._signer.sign("PUT", key, seconds, length=length)

    def presign_get(self, key: str, *, seconds: int) -> str:
        """Signs a download; the URL is relative to our own address."""
        return self._signer.sign("GET", key, seconds)

    def verify(self, method: str, key: str, query: Mapping[str, str]) -> UploadGrant:
        """Gives what a signed URL allows, or raises `SignatureRefused`."""
        return self._signer.verify(method, key, query)

    @abstractmethod
    def receive(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """Opens a file that becomes the object when the block ends, and vanishes on an error."""
