"""Bytes that a program holds serve at once, without an upload."""

from __future__ import annotations

import threading

import pytest

from symbolicate import Refused, Symbolicator

MAP = '{"version":3,"sources":["a.js"],"names":[],"mappings":"AAAA"}'
FRAME = {
    "platform": "web:javascript",
    "function": "f",
    "lineno": 1,
    "colno": 1,
    "chunk_id": "chunk",
}


def test_callers_of_one_ref_never_stand_in_each_others_way(sqlite_url: str, tmp_path: str) -> None:
    failed: list[BaseException] = []

    def put(symbolicator: Symbolicator, number: int) -> None:
        try:
            symbolicator.add_symbol_set(1, "chunk", source=f"script {number}", map=MAP)
        except Refused as refused:
            failed.append(refused)

    with Symbolicator(sqlite_url, f"file://{tmp_path}/objects") as symbolicator:
        threads = [threading.Thread(target=put, args=(symbolicator, n)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        [[frame]] = symbolicator.resolve(1, [FRAME])
        assert frame.contents["source"] == "a.js"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "file_too_large"), (b"posthog_error_tracking", "invalid_symbol_set")],
    ids=["empty", "cut"],
)
def test_bytes_that_cannot_be_read_are_refused_and_leave_nothing(
    sqlite_url: str, tmp_path: str, data: bytes, code: str
) -> None:
    with Symbolicator(sqlite_url, f"file://{tmp_path}/objects") as symbolicator:
        with pytest.raises(Refused) as caught:
            symbolicator.add_symbol_set(1, "chunk", data)
        assert caught.value.code == code
        [[frame]] = symbolicator.resolve(1, [FRAME])
        assert frame.failure_code == "no_symbol_set"
