"""Uploads one set a call, as old clients make them; each is a bulk call with one element."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

from symbolicate.errors import NotFound, ObjectStoreUnavailable, Refused
from symbolicate.services.symbol_sets import SymbolSets
from symbolicate.services.uploads import StartedUpload, Uploads


class SingleUploads:
    """The upload flow for one set; what is refused names the parameters of the single forms."""

    def __init__(self, uploads: Uploads, sets: SymbolSets) -> None:
        self._uploads = uploads
        self._sets = sets

    def start(self, team_id: int, chunk_id: Any, release_id: Any = None) -> StartedUpload:
        """Opens the upload of a set; raises `Refused`."""
        _require(chunk_id)
        body = {"chunk_ids": [chunk_id], "release_id": release_id}
        with _single_names():
            return self._uploads.start(team_id, body)[chunk_id]

    def finish(self, team_id: int, set_id: uuid.UUID, content_hash: Any) -> None:
        """Verifies the upload of a set and lets it serve; raises `NotFound` and `Refused`."""
        self._sets.one(team_id, set_id)
        if not content_hash:
            raise Refused("content_hash_required", "content_hash is required", "content_hash")
        with _single_names():
            self._uploads.finish(team_id, {str(set_id): content_hash})

    def put(self, team_id: int, chunk_id: Any, release_id: Any, file: IO[bytes]) -> None:
        """Lets the bytes of a file serve under a ref; their SHA-512 is the client's token.

        Raises `Refused`, first for what a start would refuse, then for the bytes.
        """
        _require(chunk_id)
        file.seek(0)
        data = file.read()
        item = {"chunk_id": chunk_id, "release_id": release_id}
        item["content_hash"] = hashlib.sha512(data).hexdigest()
        with _single_names():
            self._sets.check(team_id, {"symbol_sets": [item]})
            self._uploads.put(team_id, chunk_id, data, release_id, force=False)

    @contextmanager
    def receive(self) -> Iterator[IO[bytes]]:
        """Opens a file for the bytes that a client sends; it vanishes when the block ends.

        An `OSError` within the block is taken to be the disk's: `ObjectStoreUnavailable`.
        """
        try:
            with TemporaryFile() as file:
                yield file
        except OSError as error:
            raise ObjectStoreUnavailable(f"temporary file: {error}") from error


def _require(chunk_id: Any) -> None:
    if chunk_id is None or chunk_id == "":
        raise Refused("required", "This field is required.", "chunk_id")


@contextmanager
def _single_names() -> Iterator[None]:
    """Names the field at fault as the single forms call it."""
    try:
        yield
    except Refused as refused:
        if refused.code == "symbol_set_not_found":
            raise NotFound from refused
        raise Refused(refused.code, refused.detail, _single_name(refused.attr)) from refused


def _single_name(attr: str | None) -> str | None:
    if attr is None:
        return None
    group, _, rest = attr.partition("__")
    singular = {"chunk_ids": "chunk_id", "content_hashes": "content_hash"}
    return singular.get(group) or rest.rpartition("__")[2] or attr
