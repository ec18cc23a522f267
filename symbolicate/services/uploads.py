"""Uploads of symbol sets: started, received, verified and switched live.

The bytes land under an upload key that the client can write to until its URL expires. Finish
copies them out of the client's reach, reads, hashes and decodes the copy, and only then lets it
serve, in one transaction. Until that commit the old bytes answer.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from symbolicate.catalog import Catalog
from symbolicate.clock import Clock
from symbolicate.database import pending_uploads, releases, symbol_sets
from symbolicate.database.engine import Database
from symbolicate.database.pending_uploads import Replacement, UploadRow
from symbolicate.errors import FormatError, NotFound, ObjectMissing, Refused
from symbolicate.formats.container import ContainerType, read_container
from symbolicate.identity import uuid7
from symbolicate.metrics import Metrics
from symbolicate.objects.signing import SelfSigningStore, SignatureRefused
from symbolicate.objects.signing import UploadGrant as UploadGrant
from symbolicate.objects.store import ObjectStore
from symbolicate.services.set_objects import objects_of, remove_unneeded
from symbolicate.services.upload_request import (
    MAX_BYTES,
    UploadRequest,
    WantedUpload,
    judge,
    read_upload_request,
)
from symbolicate.text import storable

URL_SECONDS = 300


@dataclass(frozen=True, slots=True)
class StartedUpload:
    """Where to send the bytes of one set; an address that begins with `/` is ours."""

    symbol_set_id: uuid.UUID
    upload_key: str
    url: str
    fields: dict[str, str]
    put_url: str | None


@dataclass(frozen=True, slots=True)
class _Verified:
    row: UploadRow
    new: Replacement


class Uploads:
    """The upload flow; every call may be repeated with the same result."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        catalog: Catalog,
        *,
        clock: Clock,
        metrics: Metrics,
        finished: Callable[[], None],
    ) -> None:
        self._database = database
        self._objects = objects
        self._catalog = catalog
        self._clock = clock
        self._metrics = metrics
        self._finished = finished

    def start(self, team_id: int, body: Mapping[str, Any]) -> dict[str, StartedUpload]:
        """Opens uploads and gives, by chunk id as sent, where to put the bytes.

        A set that needs no upload is left out. The call is one transaction: a refusal leaves
        nothing behind.
        """
        request = read_upload_request(body)
        with self._database.write() as connection:
            rows = self._rows(connection, team_id, request)
            keys: dict[str, str] = {}
            for wanted in request.wanted:
                row = rows[wanted.ref]
                if self._judged(connection, row, wanted, request):
                    keys[wanted.ref] = f"{team_id}/uploads/{uuid7()}"
                    # As in PostHog a finish may name any token, unless two uploads were open.
                    token = wanted.content_hash if row.upload_key is not None else None
                    key = keys[wanted.ref]
                    pending_uploads.begin(connection, row.id, key, token, self._clock())
            symbol_sets.touch(connection, team_id, rows, self._clock())
        self._catalog.forget(team_id, rows)
        self._metrics.count("symbolicate_uploads_total", len(keys), step="started")
        return {
            wanted.chunk_id: self._presigned(rows[wanted.ref].id, keys[wanted.ref], wanted)
            for wanted in request.wanted
            if wanted.ref in keys
        }

    def finish(self, team_id: int, content_hashes: Any) -> None:
        """Verifies the uploads of these sets and lets them serve, all in one transaction.

        Raises `Refused` for the first that fails; then nothing is switched. Repeating a finish
        that succeeded is a success.
        """
        tokens = _read_tokens(content_hashes)
        with self._database.read() as connection:
            rows = pending_uploads.lock_by_id(connection, team_id, tokens)
        judged = [self._pending(rows.get(set_id), set_id, tokens) for set_id in tokens]
        verified: list[_Verified] = []
        try:
            for row in [row for row in judged if row is not None]:
                one = self._verify(team_id, row, tokens[row.id])
                if one is not None:
                    verified.append(one)
            replaced = self._switch(team_id, verified)
        except Refused:
            # Any other exception may come after a commit: then an orphan is the lesser harm.
            self._remove([one.new.storage_key for one in verified])
            raise
        self._catalog.forget(team_id, [row.ref for row in rows.values()])
        self._remove(replaced)
        self._metrics.count("symbolicate_uploads_total", len(verified), step="finished")
        self._finished()

    def put(
        self,
        team_id: int,
        ref: str,
        data: bytes,
        release_id: uuid.UUID | str | None = None,
        *,
        force: bool = True,
    ) -> None:
        """Lets bytes that the caller holds serve under a ref, by `force` over what is there.

        They need no upload, so callers of one ref never stand in each other's way: the last wins.
        """
        token = hashlib.sha512(data).hexdigest()
        bound = str(release_id) if release_id is not None else None
        item = {"chunk_id": ref, "content_hash": token, "release_id": bound}
        request = read_upload_request({"symbol_sets": [item], "force": force})
        new = self._stored(team_id, ref, data, token)
        try:
            with self._database.write() as connection:
                (row,) = self._rows(connection, team_id, request).values()
                upload = self._judged(connection, row, request.wanted[0], request)
                if upload:
                    pending_uploads.replace(connection, row.id, new, self._clock())
                symbol_sets.touch(connection, team_id, [row.ref], self._clock())
        except Refused:
            self._remove([new.storage_key])
            raise
        self._catalog.forget(team_id, [row.ref])
        self._remove(objects_of(team_id, row) if upload else [new.storage_key])
        self._finished()

    def _stored(self, team_id: int, ref: str, data: bytes, token: str) -> Replacement:
        """Decodes bytes and stores them under a key of their own."""
        if not 0 < len(data) <= MAX_BYTES:
            detail = f"{ref} has {len(data)} bytes, allowed are 1 to {MAX_BYTES}"
            raise Refused("file_too_large", detail)
        try:
            kind = read_container(data).type
        except FormatError as error:
            raise Refused("invalid_symbol_set", f"{ref}: {error}") from error
        key = f"{team_id}/symbolsets/{uuid7()}"
        self._objects.put(key, data)
        return Replacement(key, _data_hash(data), len(data), _kind(kind), token)

    def grant(self, method: str, key: str, query: Mapping[str, str]) -> UploadGrant:
        """Verifies a URL that our own store signed; raises `NotFound` or `Refused`."""
        if not isinstance(self._objects, SelfSigningStore):
            raise NotFound
        try:
            return self._objects.verify(method, key, query)
        except SignatureRefused as error:
            raise Refused("permission_denied", str(error)) from error

    @contextmanager
    def receive(self, grant: UploadGrant) -> Iterator[IO[bytes]]:
        """Opens the file that becomes the uploaded object when the block ends without an error."""
        assert isinstance(self._objects, SelfSigningStore)
        with self._objects.receive(grant.key) as incoming:
            yield incoming

    def download(self, grant: UploadGrant) -> bytes:
        """Gives the object behind a signed download URL; raises `NotFound`."""
        try:
            return self._objects.get(grant.key, limit=MAX_BYTES)
        except ObjectMissing:
            raise NotFound from None

    def _rows(self, connection: Any, team_id: int, request: UploadRequest) -> dict[str, UploadRow]:
        known = releases.known_ids(connection, team_id, request.release_ids, hold=True)
        request.require_releases(known)
        rows: dict[str, UploadRow] = {}
        # Once, and again for a set that is deleted between the two statements.
        while missing := [wanted.ref for wanted in request.wanted if wanted.ref not in rows]:
            proposed = {ref: uuid7() for ref in missing}
            pending_uploads.add_missing(connection, team_id, proposed, self._clock())
            rows |= pending_uploads.lock_by_ref(connection, team_id, missing)
        return rows

    def _judged(
        self, connection: Any, row: UploadRow, wanted: WantedUpload, request: UploadRequest
    ) -> bool:
        """Tells whether a set is to be uploaded, and ties it to its release in any case."""
        verdict = judge(row, wanted, request)
        if wanted.release_id is not None and row.release_id is None:
            pending_uploads.bind_release(connection, row.id, wanted.release_id)
        return verdict == "upload"

    def _presigned(self, set_id: uuid.UUID, key: str, wanted: WantedUpload) -> StartedUpload:
        post = self._objects.presign_post(key, max_bytes=MAX_BYTES, seconds=URL_SECONDS)
        length = wanted.content_length
        put_url = (
            None
            if length is None
            else self._objects.presign_put(key, length=length, seconds=URL_SECONDS)
        )
        return StartedUpload(set_id, key, post.url, post.fields, put_url)

    def _pending(
        self, row: UploadRow | None, set_id: uuid.UUID, tokens: Mapping[uuid.UUID, str]
    ) -> UploadRow | None:
        """Gives a row whose upload this finish is of; None if the very finish was done before."""
        attr = f"content_hashes__{set_id}"
        if row is None:
            raise Refused("symbol_set_not_found", f"No symbol set {set_id}", attr)
        if row.content_hash == tokens[set_id]:
            return None
        if row.upload_key is None:
            raise Refused("file_not_found", f"No upload was started for {row.ref}", attr)
        if row.upload_content_hash not in (None, tokens[set_id]):
            raise Refused("file_not_found", _replaced(row), attr)
        return row

    def _verify(self, team_id: int, row: UploadRow, token: str) -> _Verified | None:
        """Copies an upload out of the client's reach, then reads, hashes and decodes the copy.

        Gives None if the same finish, asked for twice at once, succeeded meanwhile.
        """
        assert row.upload_key is not None
        attr = f"content_hashes__{row.id}"
        key = f"{team_id}/symbolsets/{uuid7()}"
        try:
            self._check_size(team_id, row, attr)
            self._objects.copy(row.upload_key, key)
            data = self._objects.get(key, limit=MAX_BYTES)
            kind = read_container(data).type
        except FormatError as error:
            self._remove([key])
            self._discard(team_id, row)
            raise Refused("invalid_symbol_set", f"{row.ref}: {error}", attr) from error
        except ObjectMissing as error:
            with self._database.read() as connection:
                now = pending_uploads.lock_by_id(connection, team_id, [row.id]).get(row.id)
            if now is not None and now.content_hash == token:
                return None
            raise Refused("file_not_found", f"Nothing was uploaded for {row.ref}", attr) from error
        return _Verified(row, Replacement(key, _data_hash(data), len(data), _kind(kind), token))

    def _check_size(self, team_id: int, row: UploadRow, attr: str) -> None:
        assert row.upload_key is not None
        size = self._objects.size(row.upload_key)
        if size is None:
            raise ObjectMissing(f"no object {row.upload_key}")
        if size == 0 or size > MAX_BYTES:
            detail = f"The upload for {row.ref} has {size} bytes, allowed are 1 to {MAX_BYTES}"
            self._discard(team_id, row)
            raise Refused("file_too_large", detail, attr)

    def _switch(self, team_id: int, verified: list[_Verified]) -> list[str]:
        """Lets verified bytes serve; gives the keys of the objects that no row names any more."""
        unneeded: list[str] = []
        with self._database.write() as connection:
            current = pending_uploads.lock_by_id(connection, team_id, [v.row.id for v in verified])
            for one in verified:
                now = current.get(one.row.id)
                if now is not None and now.upload_key == one.row.upload_key:
                    pending_uploads.replace(connection, one.row.id, one.new, self._clock())
                    unneeded += objects_of(team_id, now)
                elif now is not None and now.content_hash == one.new.content_hash:
                    unneeded.append(one.new.storage_key)
                else:
                    attr = f"content_hashes__{one.row.id}"
                    raise Refused("file_not_found", _replaced(one.row), attr)
        return unneeded

    def _discard(self, team_id: int, row: UploadRow) -> None:
        with self._database.write() as connection:
            pending_uploads.discard(connection, team_id, row)
        self._catalog.forget(team_id, [row.ref])
        self._remove([key for key in (row.upload_key,) if key])
        self._metrics.count("symbolicate_uploads_total", step="refused")

    def _remove(self, keys: list[str]) -> None:
        remove_unneeded(self._objects, keys)


def _data_hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


def _replaced(row: UploadRow) -> str:
    return f"The upload for {row.ref} was replaced by another; start again"


def _read_tokens(content_hashes: Any) -> dict[uuid.UUID, str]:
    if not isinstance(content_hashes, Mapping):
        raise Refused("invalid_input", "Expected an object.", "content_hashes")
    tokens: dict[uuid.UUID, str] = {}
    for text, token in content_hashes.items():
        if not isinstance(token, str) or not token or not storable(token):
            raise Refused("invalid_input", "Not a valid string.", f"content_hashes__{text[:64]}")
        try:
            tokens[uuid.UUID(text)] = token
        except ValueError:
            raise Refused("symbol_set_not_found", f"No symbol set {text[:64]!r}") from None
    return tokens


_KINDS = {ContainerType.SOURCE_AND_MAP: "javascript", ContainerType.HERMES_MAP: "hermes"}


def _kind(container: ContainerType) -> str:
    return _KINDS.get(container) or container.name.lower()
