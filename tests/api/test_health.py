"""Ready is not live: the one follows the dependencies, the other does not."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.errors import DatabaseUnavailable, ObjectStoreUnavailable
from symbolicate_api import health

if TYPE_CHECKING:
    from tests.api.conftest import Api, OpenApi


def test_a_server_whose_stores_answer_is_live_and_ready(any_api: Api) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = any_api.anonymous.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert any_api.anonymous.head(path).status_code == 200
    page = any_api.anonymous.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=")


@pytest.mark.parametrize(
    ("error", "name"),
    [(DatabaseUnavailable("away"), "database"), (ObjectStoreUnavailable("away"), "object store")],
)
def test_a_server_without_a_dependency_is_live_and_not_ready(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, name: str
) -> None:
    """I8."""

    def check() -> None:
        raise error

    monkeypatch.setattr(api.symbolicator, "check", check)
    answer = api.anonymous.get("/health/ready")
    assert (answer.status_code, answer.json()["out_of_reach"]) == (503, name)
    assert api.anonymous.get("/health/live").status_code == 200
    monkeypatch.undo()
    assert api.anonymous.get("/health/ready").status_code == 200


def test_a_dependency_that_does_not_answer_is_out_of_reach(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(api.symbolicator, "check", lambda: release.wait(20))
    answers = [api.anonymous.get("/health/ready") for _ in range(3)]
    release.set()
    assert [answer.status_code for answer in answers] == [503] * 3
    assert answers[0].json()["out_of_reach"] == "dependencies"


def test_an_object_store_that_refuses_connections_is_out_of_reach(
    open_api: OpenApi, aws_credentials: None
) -> None:
    api = open_api(objects_url="s3://nowhere?endpoint_url=http%3A%2F%2F127.0.0.1%3A9")
    assert api.anonymous.get("/health/ready").status_code == 503
    assert api.anonymous.get("/health/live").status_code == 200


def test_two_hundred_slow_clients_do_not_slow_the_answer_down(api: Api) -> None:
    """S22."""
    address: Any = tuple(api.address.removeprefix("http://").split(":"))
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection((address[0], int(address[1])), 10))
            for _ in range(200)
        ]
        head = b"POST /batch/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        for connection in slow:
            connection.sendall(head)
        api.anonymous.get("/health/live")
        took = []
        for _ in range(5):
            for connection in slow:
                connection.sendall(b" ")
            began = time.monotonic()
            assert api.anonymous.get("/health/live").status_code == 200
            took.append(time.monotonic() - began)
    assert sorted(took)[2] < 0.1
