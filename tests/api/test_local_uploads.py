"""Uploads to the directory store by URLs that we signed: verified first, all or nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Api, OpenApi

START = "/symbol_sets/bulk_start_upload"
MIB = 1024 * 1024
FORM = {"Content-Type": "multipart/form-data; boundary=B"}
HEAD = b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\n'


def started(api: Api, **given: Any) -> dict[str, Any]:
    item = {"chunk_id": "c", "content_hash": "one"} | given
    answer = api.post(START, {"symbol_sets": [item]})
    upload: dict[str, Any] = answer.json()["id_map"]["c"]
    return upload


def stored(tmp_path: Path, upload: dict[str, Any]) -> Path:
    key: str = upload["presigned_url"]["fields"]["key"]
    return tmp_path / "objects" / key


def incoming(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "objects" / ".incoming").iterdir())


def test_a_form_becomes_an_object(api: Api, tmp_path: Path) -> None:
    upload = started(api)
    answer = api.send(upload, b"bytes")
    assert (answer.status_code, answer.content) == (204, b"")
    assert stored(tmp_path, upload).read_bytes() == b"bytes"


def test_a_second_form_replaces_the_first_until_finish(api: Api, tmp_path: Path) -> None:
    upload = started(api)
    for data in (b"one", b"two"):
        assert api.send(upload, data).status_code == 204
    assert stored(tmp_path, upload).read_bytes() == b"two"


def test_an_object_of_many_pieces_is_streamed_whole(api: Api, tmp_path: Path) -> None:
    upload = started(api)
    data = bytes(range(256)) * 4096 * 5
    assert api.send(upload, data).status_code == 204
    assert stored(tmp_path, upload).read_bytes() == data


def test_a_url_opens_no_other_key_method_size_or_time(api: Api) -> None:
    """S19."""
    upload = started(api, content_length=5)
    url = upload["presigned_url"]["url"]
    other = upload["presigned_put_url"]
    forged = [
        url.replace("max_bytes=104857600", "max_bytes=104857601"),
        url.replace("expires=", "expires=9"),
        url.replace("/uploads/1/", "/uploads/2/"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("?")[0],
        other,
    ]
    for address in forged:
        answer = httpx.post(address, files={"file": b"x"})
        api.refused(answer, 403, "permission_denied")
    api.refused(httpx.put(url, content=b"x"), 403, "permission_denied")
    api.refused(httpx.get(url), 403, "permission_denied")
    api.refused(httpx.delete(url), 405, "method_not_allowed")


def test_an_expired_url_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = started(api)
    signer = api.symbolicator.uploads._objects._signer  # type: ignore[attr-defined]
    later = signer._clock
    monkeypatch.setattr(signer, "_clock", lambda: later().replace(year=later().year + 1))
    detail = api.refused(api.send(upload, b"x"), 403, "permission_denied")
    assert detail == "The URL has expired"


def test_the_signature_is_verified_before_the_body_is_read(api: Api) -> None:
    url = urlsplit(started(api)["presigned_url"]["url"])
    with socket.create_connection((url.hostname, url.port), 10) as connection:
        head = f"POST {url.path}?expires=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 403")


def test_a_form_with_another_key_is_refused(api: Api, tmp_path: Path) -> None:
    upload = started(api)
    form = {"key": "1/uploads/another"}
    answer = httpx.post(upload["presigned_url"]["url"], data=form, files={"file": b"x"})
    api.refused(answer, 403, "permission_denied")
    assert not stored(tmp_path, upload).exists()
    assert incoming(tmp_path) == []


def pieces(size: int) -> Iterator[bytes]:
    yield HEAD
    for _ in range(size // MIB):
        yield bytes(MIB)
    yield bytes(size % MIB) + b"\r\n--B--\r\n"


@pytest.mark.parametrize("declared", [True, False])
def test_an_upload_of_101_megabytes_is_refused_and_leaves_nothing(
    api: Api, tmp_path: Path, declared: bool
) -> None:
    upload = started(api)
    size = 101 * MIB
    length = {"Content-Length": str(size + len(HEAD) + 9)} if declared else {}
    url = upload["presigned_url"]["url"]
    answer = httpx.post(url, content=pieces(size), headers=FORM | length, timeout=60)
    detail = api.refused(answer, 413, "request_too_large")
    assert detail.endswith(f"exceeds the limit of {100 * MIB + 64 * 1024}" if declared else "")
    assert "exceeds the limit of" in detail
    assert not stored(tmp_path, upload).exists()
    assert incoming(tmp_path) == []


def test_an_upload_of_exactly_the_limit_is_taken(api: Api, tmp_path: Path) -> None:
    upload = started(api)
    url = upload["presigned_url"]["url"]
    answer = httpx.post(url, content=pieces(100 * MIB), headers=FORM, timeout=60)
    assert answer.status_code == 204
    assert stored(tmp_path, upload).stat().st_size == 100 * MIB
    answer = httpx.post(url, content=pieces(100 * MIB + 1), headers=FORM, timeout=60)
    detail = api.refused(answer, 413, "request_too_large")
    assert detail.startswith("file_bytes of ")
    assert detail.endswith(f" exceeds the limit of {100 * MIB}")


@pytest.mark.parametrize(("size", "status"), [(4, 403), (5, 204), (6, 403)])
@pytest.mark.parametrize("declared", [True, False])
def test_a_put_takes_exactly_the_signed_length(
    api: Api, tmp_path: Path, size: int, status: int, declared: bool
) -> None:
    upload = started(api, content_length=5)
    data = b"x" * size
    answer = httpx.put(upload["presigned_put_url"], content=data if declared else iter([data]))
    assert answer.status_code == status
    assert stored(tmp_path, upload).exists() == (status == 204)
    if status != 204:
        detail = api.refused(answer, 403, "permission_denied")
        assert detail == f"The URL was signed for exactly 5 bytes, seen {size}."


def test_a_client_that_goes_away_leaves_nothing(api: Api, tmp_path: Path) -> None:
    upload = started(api)
    url = urlsplit(upload["presigned_url"]["url"])
    with socket.create_connection((url.hostname, url.port), 10) as connection:
        head = f"POST {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n"
        connection.sendall(f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\n".encode() + HEAD)
    assert api.send(upload, b"next").status_code == 204
    assert stored(tmp_path, upload).read_bytes() == b"next"
    assert incoming(tmp_path) == []


def test_a_download_is_a_file_and_never_a_page(api: Api) -> None:
    upload = started(api)
    api.send(upload, b"<script>")
    key = upload["presigned_url"]["fields"]["key"]
    store = api.symbolicator.uploads._objects
    url = store.presign_get(key, seconds=60)
    answer = api.anonymous.get(url)
    assert (answer.status_code, answer.content) == (200, b"<script>")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    gone = store.presign_get("1/symbolsets/none", seconds=60)
    api.refused(api.anonymous.get(gone), 404, "not_found")


def test_urls_show_the_public_address(open_api: OpenApi) -> None:
    upload = started(open_api(public_url="https://symbols.example/base"), content_length=5)
    for url in (upload["presigned_url"]["url"], upload["presigned_put_url"]):
        assert url.startswith("https://symbols.example/base/uploads/1/uploads/")
        assert parse_qs(urlsplit(url).query)["signature"]


def test_there_are_no_such_routes_over_a_store_that_signs_itself(open_api: OpenApi) -> None:
    away = "s3://nowhere?endpoint_url=http%3A%2F%2F127.0.0.1%3A9"
    api = open_api(objects_url=away)
    for method in ("GET", "PUT", "POST"):
        answer = api.anonymous.request(method, "/uploads/1/uploads/x?expires=1&signature=x")
        api.refused(answer, 404, "not_found")
