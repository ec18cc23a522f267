"""What comes before a body is bounded, and the server does not say what it is."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api


def sent(api: Api, *pieces: bytes) -> bytes:
    """Sends bytes as long as the server takes them and gives what it answers."""
    host, port = api.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            return connection.recv(1000)
        except ConnectionError:
            return b"closed"


REQUEST = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
FILLING = b"a" * 10_000


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([REQUEST, b"X: ", *[FILLING] * 2000], id="one endless header"),
        pytest.param([REQUEST, *[b"X: " + FILLING + b"\r\n"] * 2000], id="endless headers"),
        pytest.param([b"GET /", *[FILLING] * 2000], id="an endless path"),
    ],
)
def test_an_endless_head_is_cut_off(shared_api: Api, pieces: list[bytes]) -> None:
    """S22."""
    answer = sent(shared_api, *pieces)
    assert answer == b"closed" or answer.startswith(b"HTTP/1.1 400")
    assert shared_api.anonymous.get("/health/live").status_code == 200


def test_a_long_head_within_the_bound_is_served(shared_api: Api) -> None:
    answer = sent(shared_api, REQUEST, b"X: " + FILLING * 5 + b"\r\n", b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


def test_requests_on_one_connection_are_counted_apart(shared_api: Api) -> None:
    for _ in range(20):
        headers = {"X": "a" * 10_000}
        assert shared_api.anonymous.get("/health/live", headers=headers).status_code == 200


def test_a_body_does_not_count_as_head(shared_api: Api) -> None:
    head = b"POST /process HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
    answer = sent(shared_api, head, *[b" " * 10_000] * 19, b" " * 9_998, b"[]")
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/health/live", "/nope", "/metrics"])
def test_the_server_does_not_say_what_it_is(shared_api: Api, path: str) -> None:
    headers = shared_api.anonymous.get(path).headers
    assert "server" not in headers
    assert headers["x-content-type-options"] == "nosniff"
