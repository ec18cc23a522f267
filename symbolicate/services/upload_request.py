"""What a client asks when it starts uploads: read, checked, and judged against what is there."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from symbolicate.database.pending_uploads import UploadRow
from symbolicate.errors import Refused
from symbolicate.identity import MAX_REF_BYTES, normal_ref
from symbolicate.text import storable

MAX_SETS = 1000
MAX_BYTES = 104_857_600

Verdict = Literal["upload", "skip"]


@dataclass(frozen=True, slots=True)
class WantedUpload:
    """One set to be uploaded; `chunk_id` is the ref as the client spelled it."""

    chunk_id: str
    ref: str
    release_id: uuid.UUID | None
    content_hash: str | None
    content_length: int | None
    attr: str
    release_attr: str


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """A whole call of `bulk_start_upload`."""

    wanted: tuple[WantedUpload, ...]
    force: bool
    skip_on_conflict: bool

    @property
    def release_ids(self) -> set[uuid.UUID]:
        """The releases that are to be bound."""
        return {one.release_id for one in self.wanted if one.release_id is not None}

    def require_releases(self, known: Collection[uuid.UUID]) -> None:
        """Raises `Refused` for the first release that is not among the known ones."""
        for one in self.wanted:
            if one.release_id is not None and one.release_id not in known:
                raise Refused("invalid_release_id", "Unknown release.", one.release_attr)


def read_upload_request(body: Mapping[str, Any]) -> UploadRequest:
    """Reads the body of a start; raises `Refused` for the first thing that is wrong with it."""
    force, skip = _flag(body, "force"), _flag(body, "skip_on_conflict")
    if force and skip:
        detail = "force and skip_on_conflict cannot be combined"
        raise Refused("invalid_conflict_handling", detail)
    items = _list(body, "symbol_sets")
    chunk_ids = _list(body, "chunk_ids")
    if len(items) + len(chunk_ids) > MAX_SETS:
        seen = len(items) + len(chunk_ids)
        raise Refused("max_length", f"{seen} symbol sets exceed the limit of {MAX_SETS}")
    wanted = [_item(item, f"symbol_sets__{at}") for at, item in enumerate(items)]
    release_id = _release_id(body.get("release_id"), "release_id") if chunk_ids else None
    wanted += [
        _wanted(chunk_id, release_id, None, None, (f"chunk_ids__{at}", "release_id"))
        for at, chunk_id in enumerate(chunk_ids)
    ]
    if len({one.ref for one in wanted}) < len(wanted):
        raise Refused("invalid_chunk_ids", "Chunk ids must not repeat in one request")
    return UploadRequest(tuple(wanted), force, skip)


def judge(row: UploadRow, wanted: WantedUpload, request: UploadRequest) -> Verdict:
    """Decides by the table of http-api.md §8.2 whether a set is to be uploaded; may refuse."""
    same_token = row.content_hash is not None and row.content_hash == wanted.content_hash
    moved = wanted.release_id is not None and row.release_id not in (None, wanted.release_id)
    if moved and not same_token:
        detail = "Symbol set has already been uploaded for a different release"
        raise Refused("release_id_mismatch", detail, wanted.attr)
    if row.storage_key is None or row.content_hash is None:
        return "upload"
    if wanted.content_hash is None:
        detail = f"{wanted.chunk_id} is uploaded already: content_hash is required"
        raise Refused("content_hash_required", detail, wanted.attr)
    if same_token or request.skip_on_conflict:
        return "skip"
    if request.force:
        return "upload"
    detail = f"{wanted.chunk_id} is uploaded already with another content_hash"
    raise Refused("content_hash_mismatch", detail, wanted.attr)


def _item(item: Any, attr: str) -> WantedUpload:
    if not isinstance(item, dict):
        raise Refused("invalid_input", "Expected an object.", attr)
    length = item.get("content_length")
    if length is not None and (isinstance(length, bool) or not isinstance(length, int)):
        raise Refused("invalid_input", "A valid integer is required.", f"{attr}__content_length")
    if length is not None and length > MAX_BYTES:
        detail = f"{length} bytes exceed the limit of {MAX_BYTES}"
        raise Refused("file_too_large", detail, f"{attr}__content_length")
    if length is not None and length < 1:
        detail = "Ensure this value is greater than or equal to 1."
        raise Refused("min_value", detail, f"{attr}__content_length")
    token = item.get("content_hash")
    if token is not None and not (isinstance(token, str) and storable(token)):
        raise Refused("invalid_input", "Not a valid string.", f"{attr}__content_hash")
    attrs = (f"{attr}__chunk_id", f"{attr}__release_id")
    release_id = _release_id(item.get("release_id"), attrs[1])
    return _wanted(item.get("chunk_id"), release_id, token or None, length, attrs)


def _wanted(
    chunk_id: Any,
    release_id: uuid.UUID | None,
    token: str | None,
    length: int | None,
    attrs: tuple[str, str],
) -> WantedUpload:
    attr = attrs[0]
    if chunk_id is None or chunk_id == "":
        raise Refused("invalid_chunk_ids", "Chunk ids must not be empty", attr)
    if not isinstance(chunk_id, str) or not storable(chunk_id):
        detail = "A chunk id is a string without NUL and lone surrogates."
        raise Refused("invalid_input", detail, attr)
    size = len(chunk_id.encode())
    if size > MAX_REF_BYTES:
        detail = f"Chunk id of {size} bytes exceeds the limit of {MAX_REF_BYTES}"
        raise Refused("max_length", detail, attr)
    return WantedUpload(chunk_id, normal_ref(chunk_id), release_id, token, length, *attrs)


def _release_id(value: Any, attr: str) -> uuid.UUID | None:
    if value is None or value == "":
        return None
    try:
        return uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise Refused("invalid_release_id", "Unknown release.", attr) from None


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused("not_a_list", f"{name} must be a list", name)
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value in (None, "", False, "false", "False", "0"):
        return False
    if value in (True, "true", "True", "1"):
        return True
    raise Refused("invalid_input", "Must be a valid boolean.", name)
