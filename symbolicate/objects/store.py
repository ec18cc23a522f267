"""The port behind which every object store stands.

Keys are ours, never a client's: lower-case letters, digits and `/ _ . -`. No key may be a folder
of another one (`a` and `a/b`), so that a directory can hold what a bucket can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from symbolicate.errors import FormatError, limit_sentence

_KEY = re.compile(r"[0-9a-z][0-9a-z/_.-]*")


class ObjectInfo(NamedTuple):
    """One listed object; `modified` is UTC and aware, `size` in bytes."""

    key: str
    size: int
    modified: datetime


class PresignedPost(NamedTuple):
    """Where to POST a multipart form: each of `fields` as a text part, then the part `file`."""

    url: str
    fields: dict[str, str]


class ObjectStore(Protocol):
    """Whole objects by key; thread-safe.

    Every method may raise `ObjectStoreUnavailable`, after retries within its time limit. A write
    is all or nothing: no reader ever sees part of an object, and one that returned is durable.
    """

    def put(self, key: str, data: bytes) -> None:
        """Stores `data` under `key`, replacing what was there."""

    def get(self, key: str, *, limit: int) -> bytes:
        """Gives the whole object.

        Raises `ObjectMissing`, or `FormatError` with code `limit_exceeded` for an object of more
        than `limit` bytes, known before its body is read. A cut body is never returned.
        """

    def size(self, key: str) -> int | None:
        """Gives the object's size in bytes, None when there is no such object."""

    def copy(self, source: str, target: str) -> None:
        """Copies within the store; the bytes do not pass through us. Raises `ObjectMissing`."""

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects; missing ones are no error."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yields the objects whose key begins with `prefix`, in no promised order."""

    def presign_post(self, key: str, *, max_bytes: int, seconds: int) -> PresignedPost:
        """Lets its holder store 0 to `max_bytes` bytes under `key` by a form, for `seconds`."""

    def presign_put(self, key: str, *, length: int, seconds: int) -> str:
        """Lets its holder store exactly `length` bytes under `key` by a PUT, for `seconds`."""

    def presign_get(self, key: str, *, seconds: int) -> str:
        """Lets its holder download the object, for `seconds`."""

    def check(self) -> None:
        """Raises `ObjectStoreUnavailable` when the store cannot serve now; cheap."""

    def close(self) -> None:
        """Releases connections; the store is not used afterwards."""


def check_key(key: str) -> str:
    """Gives the key back, or raises ValueError for one that is not of our making."""
    segments = key.split("/")
    if not _KEY.fullmatch(key) or ".." in key or "" in segments or "." in segments:
        raise ValueError(
            f"object key {key!r} is not segments of a-z 0-9 _ . - divided by single slashes"
        )
    return key


def check_prefix(prefix: str) -> str:
    """Gives the prefix back, or raises ValueError for one that no key begins with."""
    if prefix and (not _KEY.fullmatch(prefix) or ".." in prefix or "//" in prefix):
        raise ValueError(f"object prefix {prefix!r} is not the beginning of an object key")
    return prefix


def too_large(size: int, limit: int) -> FormatError:
    """Makes the error of an object that is larger than its reader allows."""
    return FormatError(limit_sentence("object_bytes", size, limit)).passed(
        "object_bytes", size, limit
    )
