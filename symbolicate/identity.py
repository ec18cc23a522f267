"""How frames and symbol sets are named: raw ids, refs, UUIDs.

A raw id hashes everything in a raw frame that can change its answer. The hash is injective:
every piece is prefixed by its length, and absent differs from empty. The table of fields per
platform is the `identity` of each class in `frame`; `VERSION` rises when it changes.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

VERSION = 1
MAX_REF_BYTES = 2048

_u64: Callable[[int], bytes] = struct.Struct(">Q").pack
_i64: Callable[[int], bytes] = struct.Struct(">q").pack
_present: Callable[[int, int], bytes] = struct.Struct(">BQ").pack
_Field = str | int | bool | list[str] | None
_JSON = msgspec.json.Encoder(order="deterministic")
_LONG_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_RAW_ID = re.compile(r"[0-9a-f]{64}")


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _u64(len(encoded)) + encoded


def _optionals(values: Iterable[_Field]) -> bytes:
    """Writes each value behind a byte that tells absent from present; this is a hot path."""
    pieces: list[bytes] = []
    add = pieces.append
    for value in values:
        if value is None:
            add(b"\0")
        elif isinstance(value, str):
            encoded = value.encode()
            add(_present(1, len(encoded)))
            add(encoded)
        elif isinstance(value, bool):
            add(b"\1\1" if value else b"\1\0")
        elif isinstance(value, int):
            add(b"\1" + _i64(value))
        else:
            add(_present(1, len(value)))
            pieces.extend(map(_text, value))
    return b"".join(pieces)


def _start(platform: str) -> hashlib.blake2b:
    head = _text("symbolicate.raw-id") + _u64(VERSION) + _text(platform)
    return hashlib.blake2b(head, digest_size=32)


_starts: dict[str, hashlib.blake2b] = {}


def hash_fields(platform: str, fields: Iterable[_Field]) -> bytes:
    """Hashes the identity fields of a frame of a known platform: 32 bytes."""
    start = _starts.get(platform)
    if start is None:
        start = _starts[platform] = _start(platform)
    digest = start.copy()
    digest.update(_optionals(fields))
    return digest.digest()


def hash_other(tag: str, in_app: bool, synthetic: bool, raw: dict[str, Any]) -> bytes:
    """Hashes a frame whose platform is unknown, or that does not fit it: 32 bytes."""
    digest = _start(tag)
    digest.update(_optionals((in_app, synthetic)))
    encoded = _JSON.encode(raw)
    digest.update(b"\1" + _u64(len(encoded)) + encoded)
    return digest.digest()


def parse_raw_id(text: str) -> tuple[str, int]:
    """Splits a raw id as clients spell it into (hash, part); a bare hash means part 0.

    No text is an error: one that is not `<hash>/<integer>` is a hash as a whole.
    """
    if text.count("/") == 1:
        head, _, tail = text.partition("/")
        try:
            return head, int(tail)
        except ValueError:
            pass
    return text, 0


def raw_id_bytes(hex_text: str) -> bytes | None:
    """Gives the 32 bytes of a raw id's hash, or None if the text cannot be one."""
    return bytes.fromhex(hex_text) if _RAW_ID.fullmatch(hex_text) else None


def normal_ref(ref: str) -> str:
    """Gives the form under which a symbol set ref is stored and matched.

    An id of 32 or more hex digits, hyphens apart, is case-insensitive; every other ref is itself.
    """
    return ref.lower() if _LONG_HEX.fullmatch(ref.replace("-", "")) else ref


def uuid7(now_ms: int | None = None) -> uuid.UUID:
    """Makes a time-ordered UUID (RFC 9562, version 7)."""
    ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    value = (ms << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (7 << 76)
    return uuid.UUID(int=(value & ~(3 << 62)) | (2 << 62))


def exception_id(event_uuid: str, index: int) -> str:
    """Names the exception at `index` of an event: a UUIDv8, the same at every delivery."""
    digest = hashlib.blake2b(_text(event_uuid) + _u64(index), digest_size=16).digest()
    value = int.from_bytes(digest, "big")
    value = (value & ~(0xF << 76)) | (8 << 76)
    return str(uuid.UUID(int=(value & ~(3 << 62)) | (2 << 62)))


def release_hash(name: str, version: str) -> str:
    """Computes a release's `hash_id` as clients do: SHA-512 hex of name ‖ version."""
    return hashlib.sha512((name + version).encode()).hexdigest()
