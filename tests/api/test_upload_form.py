"""The form of an upload, whatever its pieces are and however it is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate_api.errors import ApiError
from symbolicate_api.upload_form import UploadForm

TYPE = 'multipart/form-data; boundary="B-x"'
Part = tuple[str, bytes]


def form(*parts: Part, end: bytes = b"--B-x--\r\n") -> bytes:
    head = b"--B-x\r\nContent-Disposition: form-data; "
    body = [head + name.encode() + b"\r\n\r\n" + data + b"\r\n" for name, data in parts]
    return b"".join(body) + end


def read(data: bytes, sizes: tuple[int, ...] = (), limit: int = 1000) -> tuple[bytes, UploadForm]:
    """Feeds a body cut into pieces of these sizes."""
    upload = UploadForm(TYPE, limit)
    found = b""
    for size in sizes:
        piece, data = data[:size], data[size:]
        found += upload.feed(piece)
    found += upload.feed(data)
    upload.finish()
    return found, upload


@given(st.binary(max_size=300), st.lists(st.integers(1, 60), max_size=12))
def test_the_files_bytes_come_out_however_the_body_is_cut(data: bytes, sizes: list[int]) -> None:
    body = form(('name="key"', b"1/uploads/x"), ('name="file"; filename="a"', data))
    found, upload = read(body, tuple(sizes))
    assert (found, upload.file_bytes) == (data, len(data))
    assert upload.texts == {"key": b"1/uploads/x"}


def test_a_file_needs_no_filename_and_what_follows_it_is_ignored() -> None:
    body = form(('name="file"', b"x"), ('name="file"', b"y"), ('name="key"', b"z"))
    found, upload = read(body)
    assert (found, upload.texts) == (b"x", {})


def test_a_part_without_a_name_is_passed_over() -> None:
    head = b"--B-x\r\nContent-Type: text/plain\r\n\r\nlost\r\n"
    assert read(head + form(('name="file"', b"x")))[0] == b"x"


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        pytest.param(form(('name="key"', b"k")), 400, "no part named file", id="no file"),
        pytest.param(form(('name="file"', b"x"), end=b""), 400, "ends before", id="cut"),
        pytest.param(b"", 400, "ends before", id="empty"),
        pytest.param(b"hello", 400, "Form parse error", id="no form"),
        pytest.param(form(('name="file"', b"x" * 1001)), 413, "file_bytes of 1001", id="file"),
        pytest.param(form(*[("", b"")] * 10_000), 413, "form_parts of 65", id="10,000 parts"),
        pytest.param(
            form(('name="key"', b"x" * 70_000)), 413, "exceeds the limit of 65536", id="long text"
        ),
        pytest.param(
            form(("a" * 9000, b"")), 400, "Maximum header size exceeded", id="a header bomb"
        ),
        pytest.param(
            form(("\r\na: b" * 3000, b"")), 400, "Maximum header count exceeded", id="header flood"
        ),
    ],
)
def test_floods_and_bombs_are_bounded(body: bytes, status: int, sentence: str) -> None:
    """S22."""
    with pytest.raises(ApiError, match=sentence) as refused:
        read(body)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "application/json"],
)
def test_what_is_no_form_is_refused_before_its_body(content_type: str) -> None:
    with pytest.raises(ApiError) as refused:
        UploadForm(content_type, 1)
    assert refused.value.status == 415


def test_an_endless_boundary_is_refused() -> None:
    with pytest.raises(ApiError, match="Boundary") as refused:
        UploadForm(f"multipart/form-data; boundary={'b' * 300}", 1)
    assert refused.value.status == 400
