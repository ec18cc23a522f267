"""F13: uploads that are cut off, never finished, finished too early, or finished twice."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from symbolicate.errors import Refused

if TYPE_CHECKING:
    from symbolicate.demo.server import DemoServer
    from tests.faults.conftest import Deployment
    from tests.faults.programs import Client

STEP = 64 * 1024
NOT_THERE = (400, "file_not_found")
DONE = (201, None)
CUT_SHORT = {"file_not_found", "file_too_large", "invalid_symbol_set"}
"""Services differ: some keep what came before the cut, down to an empty object."""

Serve = Callable[[], AbstractContextManager[tuple["DemoServer", "Client"]]]


def put_and_hang_up(url: str, data: bytes, sent: int) -> None:
    """Announces the whole body, sends the beginning and closes the connection."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    head = f"PUT {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(data)}\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.sendall(head.encode() + data[:sent])


def big(make: Any, amount: Callable[[int, int], int]) -> bytes:
    data: bytes = make.bundle("new", padding="x" * amount(5, 40) * STEP)
    return data


def test_f13_an_upload_cut_anywhere_leaves_the_old_bytes_serving(
    serve: Serve, served: Deployment, make: Any, amount: Callable[[int, int], int]
) -> None:
    with serve() as (_server, client):
        old, new = make.bundle("old"), big(make, amount)
        started = client.start("chunk", "old", len(old))
        assert started is not None
        client.send(started, old)
        assert client.finish(started["symbol_set_id"], "old") == DONE
        for column, sent in enumerate(range(0, len(new), STEP), 1):
            started = client.start("chunk", "new", len(new))
            assert started is not None
            put_and_hang_up(started["presigned_put_url"], new, sent)
            assert client.finish(started["symbol_set_id"], "new") == NOT_THERE
            assert client.seen("chunk", column) == make.source("old")
        assert served.keys("1/uploads/") == []
        client.send(started, new)
        assert client.finish(started["symbol_set_id"], "new") == DONE
        assert client.seen("chunk", column + 1) == make.source("new")
    assert list(served.object_path(".incoming").iterdir()) == []
    assert served.orphans_after_a_day() == []


def test_f13_the_same_on_s3(
    deploy: Any, sqlite_url: str, s3_url: str, make: Any, amount: Callable[[int, int], int]
) -> None:
    symbolicator = deploy(sqlite_url, s3_url).open()
    symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("old"))
    new = big(make, amount)
    item = {"chunk_id": "chunk", "content_hash": "new", "content_length": len(new)}
    for column, sent in enumerate(range(0, len(new), STEP), 1):
        started = symbolicator.uploads.start(1, {"symbol_sets": [item], "force": True})["chunk"]
        assert started.put_url is not None
        put_and_hang_up(started.put_url, new, sent)
        with pytest.raises(Refused) as refused:
            symbolicator.uploads.finish(1, {str(started.symbol_set_id): "new"})
        assert refused.value.code in CUT_SHORT
        assert make.seen(symbolicator, "chunk", column) == make.source("old")
    started = symbolicator.uploads.start(1, {"symbol_sets": [item], "force": True})["chunk"]
    assert started.put_url is not None
    assert httpx.put(started.put_url, content=new).is_success
    symbolicator.uploads.finish(1, {str(started.symbol_set_id): "new"})
    assert make.seen(symbolicator, "chunk", column + 1) == make.source("new")


def start(symbolicator: Any, ref: str, token: str) -> Any:
    item = {"chunk_id": ref, "content_hash": token}
    return symbolicator.uploads.start(1, {"symbol_sets": [item], "force": True})[ref]


def test_f13_an_upload_that_is_never_finished_goes_within_a_day(
    anywhere: Deployment, make: Any
) -> None:
    symbolicator = anywhere.open()
    symbolicator.add_symbol_set(make.TEAM, "replaced", make.bundle("old"))
    for ref in ("replaced", "new"):
        started = start(symbolicator, ref, "never")
        anywhere.objects().put(started.upload_key, make.bundle("never"))
    assert make.seen(symbolicator, "replaced") == make.source("old")
    assert make.seen(symbolicator, "new") == "upload_pending"
    assert anywhere.orphans_after_a_day() == []
    assert anywhere.rows("SELECT ref, upload_key FROM symbol_set") == [("replaced", None)]
    reader = anywhere.open()
    assert make.seen(reader, "replaced", 2) == make.source("old")
    assert make.seen(reader, "new", 2) == "no_symbol_set"


def test_f13_a_finish_before_the_bytes_is_refused_and_made_good_after_them(
    anywhere: Deployment, make: Any
) -> None:
    symbolicator = anywhere.open()
    started = start(symbolicator, "chunk", "app")
    call = {str(started.symbol_set_id): "app"}
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            symbolicator.uploads.finish(1, call)
        assert refused.value.code == "file_not_found"
        assert make.seen(symbolicator, "chunk") == "upload_pending"
    anywhere.objects().put(started.upload_key, make.bundle("app"))
    symbolicator.uploads.finish(1, call)
    assert make.seen(symbolicator, "chunk") == make.source("app")


def test_f13_a_finish_repeated_changes_nothing(anywhere: Deployment, make: Any) -> None:
    symbolicator = anywhere.open()
    started = start(symbolicator, "chunk", "app")
    anywhere.objects().put(started.upload_key, make.bundle("app"))
    symbolicator.uploads.finish(1, {str(started.symbol_set_id): "app"})
    rows, keys = anywhere.rows("SELECT * FROM symbol_set"), anywhere.keys()
    anywhere.open().uploads.finish(1, {str(started.symbol_set_id): "app"})
    assert anywhere.rows("SELECT * FROM symbol_set") == rows
    assert anywhere.keys() == keys
    assert len(keys) == 1
