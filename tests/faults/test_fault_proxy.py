"""The fault proxy does what it is told, so that a test that passes has met its faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.faults.fault_proxy import FaultProxy

BODY = bytes(range(256)) * 400


class Answering(BaseHTTPRequestHandler):
    """Answers every request with the same body, or with what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(BODY)

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def s3_server() -> Iterator[str]:
    """Takes the place of the object store behind the proxy."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def get(proxy: FaultProxy) -> httpx.Response:
    with httpx.Client(timeout=5, verify=False, trust_env=False) as client:
        return client.get(f"{proxy.url}/a")


def fates(proxy: FaultProxy, times: int = 16) -> list[int]:
    """Gives the status of each of some requests, 0 where there was no whole answer."""
    statuses = []
    for _ in range(times):
        try:
            answer = get(proxy)
        except httpx.HTTPError:
            statuses.append(0)
        else:
            statuses.append(answer.status_code if answer.content in (b"", BODY) else 1)
    return statuses


def test_without_faults_everything_passes_and_is_counted(proxy: FaultProxy) -> None:
    with httpx.Client() as client:
        assert client.get(f"{proxy.url}/a").content == BODY
        assert client.post(f"{proxy.url}/b", content=BODY[:-1]).content == BODY[:-1]
    assert (proxy.count("GET"), proxy.count("GET", "b"), proxy.count("POST", "/b")) == (1, 0, 1)
    assert proxy.done == {}


@pytest.mark.parametrize(
    ("faults", "fate"),
    [
        pytest.param({"errors": 0.5, "statuses": (503,)}, 503, id="error"),
        pytest.param({"cuts": 0.5}, 0, id="cut"),
        pytest.param({"flips": 0.5}, 1, id="flip"),
    ],
)
def test_a_share_of_the_answers_goes_wrong(
    proxy: FaultProxy, faults: dict[str, Any], fate: int
) -> None:
    proxy.change(**faults)
    statuses = fates(proxy)
    assert set(statuses) == {200, fate}
    assert statuses.count(fate) == proxy.done.total()


def test_one_seed_gives_one_course_of_events(s3_server: str, proxy: FaultProxy) -> None:
    proxy.change(errors=0.3, cuts=0.3)
    again = type(proxy)(s3_server, proxy.seed, proxy.faults)
    other = type(proxy)(s3_server, proxy.seed + 1, proxy.faults)
    try:
        first = fates(proxy)
        assert fates(again) == first
        assert fates(other) != first
    finally:
        again.close()
        other.close()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_body_is_cut_where_it_is_to_be_cut(proxy: FaultProxy, share: float) -> None:
    proxy.change(cuts=1.0, cut_at=share, at_most=1)
    came: list[bytes] = []
    with (
        httpx.stream("GET", f"{proxy.url}/a") as answer,
        pytest.raises(httpx.RemoteProtocolError, match="without sending complete"),
    ):
        came.extend(answer.iter_raw())
    assert b"".join(came) == BODY[: int(len(BODY) * share)]
    assert get(proxy).content == BODY


def test_a_rate_makes_bytes_trickle(proxy: FaultProxy) -> None:
    proxy.change(rate=len(BODY) * 2)
    began = time.monotonic()
    assert get(proxy).content == BODY
    assert time.monotonic() - began > 0.4


def test_a_stall_stops_a_body_that_has_begun(proxy: FaultProxy) -> None:
    proxy.change(stalls=1.0)
    with httpx.stream("GET", f"{proxy.url}/a", timeout=0.3) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == BODY[: 16 * 1024]
        with pytest.raises(httpx.ReadTimeout):
            next(pieces)


def test_only_the_methods_named_are_touched(proxy: FaultProxy) -> None:
    proxy.change(errors=1.0, methods=frozenset({"POST"}))
    assert get(proxy).status_code == 200
    assert httpx.post(f"{proxy.url}/a", content=b"x").status_code in (500, 503)


def test_away_means_that_nobody_answers(proxy: FaultProxy) -> None:
    proxy.change(away=True)
    with pytest.raises(httpx.HTTPError):
        get(proxy)
    proxy.change()
    assert get(proxy).content == BODY
