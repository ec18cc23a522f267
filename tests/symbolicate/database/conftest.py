"""Rows for records tests: small, valid, and different where a test says so."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from symbolicate.database import pending_uploads
from symbolicate.database.engine import Database
from symbolicate.database.frames import NewFrame
from symbolicate.database.pending_uploads import Replacement, UploadRow
from symbolicate.identity import uuid7

START = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = NewFrame(
    raw_id=bytes(32),
    part=0,
    id=uuid.UUID(int=0),
    raw_frame='{"platform":"web:javascript"}',
    debug_image=None,
    symbol_set_ref=None,
    symbol_set_data_hash=None,
    resolver_version=1,
    contents="{}",
    context=None,
    resolved=True,
    failure_code=None,
    retry_at=None,
    lang="javascript",
)

FrameMaker = Callable[..., NewFrame]
SetMaker = Callable[..., UploadRow]


def at(seconds: float) -> datetime:
    """Gives a moment that many seconds after the start of all tests."""
    return START + timedelta(seconds=seconds)


@pytest.fixture
def moment() -> Callable[[float], datetime]:
    """Gives moments by their seconds after a fixed start."""
    return at


@pytest.fixture
def frame() -> FrameMaker:
    """Makes a frame to store; its raw id is one byte repeated, its id is new."""

    def make(name: int, **changed: Any) -> NewFrame:
        return FRAME._replace(raw_id=bytes([name]) * 32, id=uuid7(), **changed)

    return make


@pytest.fixture
def symbol_set(database: Database) -> SetMaker:
    """Stores a set: pending under `upload_key`, usable with a `data_hash`, or both."""

    def make(
        ref: str,
        *,
        team: int = 1,
        data_hash: bytes | None = None,
        upload_key: str | None = None,
        finished: float = 0,
    ) -> UploadRow:
        with database.write() as connection:
            pending_uploads.add_missing(connection, team, {ref: uuid7()}, START)
            row = pending_uploads.lock_by_ref(connection, team, [ref])[ref]
            if data_hash is not None:
                new = Replacement(f"{team}/symbolsets/{ref}", data_hash, 9, "javascript", "token")
                pending_uploads.replace(connection, row.id, new, at(finished))
            if upload_key is not None:
                pending_uploads.begin(connection, row.id, upload_key, "t", START)
            return pending_uploads.lock_by_ref(connection, team, [ref])[ref]

    return make
