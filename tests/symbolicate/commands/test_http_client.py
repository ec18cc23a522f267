"""Requests are sent again when that can help, after the waits that were asked for, and not else."""

from __future__ import annotations

from http.client import RemoteDisconnected
from socket import gaierror
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING
from urllib.error import URLError

import pytest

from symbolicate.commands.http_client import ATTEMPTS, HttpClient, OutOfReach, multipart

if TYPE_CHECKING:
    from tests.symbolicate.commands.conftest import ScriptedServer

NOW = 1_700_000_000
UNTRUSTED = SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1)")
UNTRUSTED.verify_message = "self-signed"


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(
    server: ScriptedServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> HttpClient:
    monkeypatch.setattr("symbolicate.commands.http_client.FIRST_WAIT_SECONDS", 0.5)
    return HttpClient(sleep=waits.append, chance=lambda: 0.5, clock=lambda: NOW)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599, 0])
def test_a_bad_moment_is_waited_out(
    client: HttpClient, server: ScriptedServer, waits: list[float], status: int
) -> None:
    server.next("/x", status, status)
    server.always("/x", 200)
    assert client.send("PUT", f"{server.address}/x", {}, b"body").status == 200
    assert [sent.body for sent in server.sent] == [b"body"] * 3
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 501, 302])
def test_an_answer_that_will_not_change_is_taken(
    client: HttpClient, server: ScriptedServer, waits: list[float], status: int
) -> None:
    server.always("/x", status, Location="/elsewhere")
    answer = client.send("POST", f"{server.address}/x", {}, b"")
    assert (answer.status, answer.body, answer.is_success) == (status, b"said", False)
    assert (len(server.sent), waits) == (1, [])


def test_the_last_answer_is_given_when_the_attempts_are_used_up(
    client: HttpClient, server: ScriptedServer
) -> None:
    server.always("/x", 503)
    answer = client.send("GET", f"{server.address}/x", {})
    assert (answer.status, answer.is_passing, len(server.sent)) == (503, True, ATTEMPTS)


def test_a_server_that_is_not_there_is_out_of_reach_at_last(
    client: HttpClient, waits: list[float]
) -> None:
    with pytest.raises(OutOfReach, match=r"^127\.0\.0\.1:1 is out of reach: connection refused$"):
        client.send("GET", "http://127.0.0.1:1/x", {})
    assert len(waits) == ATTEMPTS - 1


def test_a_server_that_does_not_speak_https_is_said_to(
    client: HttpClient, server: ScriptedServer
) -> None:
    url = server.address.replace("http:", "https:")
    with pytest.raises(OutOfReach, match=r" is out of reach: it does not speak https$"):
        client.send("GET", url, {})


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (TimeoutError("timed out"), "no answer in time"),
        (gaierror(-2, "Name or service not known"), "its name is not known"),
        (OSError(113, "No route to host"), "no route to host"),
        (URLError(UNTRUSTED), "its certificate is not trusted: self-signed"),
        (RemoteDisconnected("Remote end closed connection"), "remote end closed connection"),
    ],
)
def test_what_went_wrong_is_said_in_words(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, cause: Exception, said: str
) -> None:
    def fail(*_given: object) -> None:
        raise cause

    monkeypatch.setattr(client, "_send_once", fail)
    with pytest.raises(OutOfReach, match=f"^x.test is out of reach: {said}"):
        client.send("GET", "https://x.test/", {})


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense", "http://[x", "http://a b/"])
def test_an_address_that_is_none_is_out_of_reach_at_once(
    client: HttpClient, url: str, waits: list[float]
) -> None:
    with pytest.raises(OutOfReach):
        client.send("GET", url, {})
    assert waits == []


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param("0", 0.5, id="sooner than planned"),
        pytest.param("100000", 60.0, id="longer than anyone waits"),
        pytest.param("Tue, 14 Nov 2023 22:13:32 GMT", 12.0, id="a date"),
        pytest.param("Tue, 14 Nov 2023 22:13:32 -0000", 12.0, id="a date without its zone"),
        pytest.param("Tue, 14 Nov 2000 22:13:32 GMT", 0.5, id="a date that is past"),
        pytest.param("soon", 0.5, id="nonsense"),
    ],
)
def test_a_wait_that_is_asked_for_is_kept(
    client: HttpClient, server: ScriptedServer, waits: list[float], asked: str, waited: float
) -> None:
    server.next("/x", 429, Retry_After=asked)
    server.always("/x", 200)
    client.send("GET", f"{server.address}/x", {})
    assert waits == [waited]


@pytest.mark.parametrize(("chance", "expected"), [(0.0, [0.25, 0.5]), (0.999, [0.7495, 1.499])])
def test_chance_spreads_the_waits(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, chance: float, expected: list[float]
) -> None:
    monkeypatch.setattr("symbolicate.commands.http_client.FIRST_WAIT_SECONDS", 0.5)
    server.always("/x", 503)
    waits: list[float] = []
    HttpClient(sleep=waits.append, chance=lambda: chance).send("GET", f"{server.address}/x", {})
    assert waits == pytest.approx(expected)


def test_a_form_has_its_fields_before_the_file() -> None:
    headers, body = multipart({"key": "k", "policy": "p"}, b"\x00bytes")
    boundary = headers["Content-Type"].removeprefix("multipart/form-data; boundary=").encode()
    parts = body.split(b"--" + boundary)
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]] == [
        b"k\r\n",
        b"p\r\n",
        b"\x00bytes\r\n",
    ]
    assert b'name="file"; filename="file"' in parts[3]
    assert parts[-1] == b"--\r\n"
