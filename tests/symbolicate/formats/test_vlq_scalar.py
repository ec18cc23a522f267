from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import SourceMapError
from symbolicate.formats.vlq_digits import ALPHABET, COMMA, DIGITS, INVALID, SEMICOLON
from symbolicate.formats.vlq_scalar import (
    VlqError,
    decode_chunk,
    signed,
    signed_values,
    unsigned_values,
)

MAX = (1 << 31) - 1


def encoded(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = value >> 5, value & 31
        out.append(ALPHABET[digit | (32 if value else 0)])
        if not value:
            return bytes(out)


def test_alphabet_is_base64() -> None:
    assert [DIGITS[byte] for byte in b"AZaz09+/"] == [0, 25, 26, 51, 52, 61, 62, 63]
    assert (DIGITS[ord(",")], DIGITS[ord(";")], DIGITS[ord("=")]) == (COMMA, SEMICOLON, INVALID)
    assert sum(digit < 64 for digit in DIGITS) == 64


@given(st.lists(st.integers(0, MAX)))
def test_unsigned_numbers_come_back(values: list[int]) -> None:
    assert unsigned_values(b"".join(map(encoded, values))) == values


@given(st.lists(st.integers(-MAX, MAX)))
def test_signed_numbers_come_back(values: list[int]) -> None:
    text = b"".join(encoded(-v << 1 | 1 if v < 0 else v << 1) for v in values)
    assert signed_values(text) == values


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 0), (2, 1), (3, -1), (9, -4)])
def test_the_sign_is_the_lowest_bit(value: int, expected: int) -> None:
    assert signed(value) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"A!", "invalid character"),
        (b"A=", "invalid character"),
        (b"A,", "invalid character"),
        (b"g!", "invalid character"),
        (b"Ag", "unfinished"),
        (b"ggg", "unfinished"),
        (encoded(MAX + 1), "out of range"),
        (b"g" * 13 + b"B", "out of range"),
        (b"g" * 500 + b"hA", "out of range"),
    ],
)
def test_what_is_no_number_raises(text: bytes, message: str) -> None:
    with pytest.raises(VlqError, match=message):
        unsigned_values(text)


@pytest.mark.parametrize("zeros", [0, 1, 11, 12, 13, 1024, 200_000])
def test_zero_continuation_digits_are_legal_however_many(zeros: int) -> None:
    digits = b"j" + b"g" * zeros + b"A"
    assert unsigned_values(digits) == [3]
    assert signed_values(digits) == [-1]


def test_a_chunk_gives_rows_and_where_lines_end() -> None:
    chunk = decode_chunk(b";CAAC,CCDAC;;E;", strict=True)
    assert chunk.rows == [(1, 0, 0, 1, 0, 4), (1, 1, -1, 0, 1, 5), (2, 0, 0, 0, 0, 1)]
    assert chunk.line_ends == [2, 2, 3]
    assert chunk.dropped == 0


def test_a_chunk_may_start_behind_a_comma() -> None:
    assert decode_chunk(b",C;", strict=True).rows == [(1, 0, 0, 0, 0, 1)]
    with pytest.raises(SourceMapError, match="empty"):
        decode_chunk(b",;", strict=True)


@pytest.mark.parametrize(
    ("segment", "row"),
    [
        pytest.param(b"CE", (1, 2, 0, 0, 0, 0), id="two fields"),
        pytest.param(b"CEGIKM", (1, 2, 3, 4, 5, 0), id="six fields"),
        pytest.param(b"CE!A", (1, 2, 0, 0, 0, 0), id="up to an invalid character"),
        pytest.param(b"CEGg", (1, 2, 3, 0, 0, 0), id="up to an unfinished number"),
        pytest.param(b"Cgggggggg//EG", (1, 0, 0, 0, 0, 0), id="up to a number out of range"),
        pytest.param(b"BAAA", (0, 0, 0, 0, 0, 4), id="negative zero is zero"),
    ],
)
def test_segments_at_fault_keep_what_can_be_read(segment: bytes, row: tuple[int, ...]) -> None:
    assert decode_chunk(b";" + segment + b";", strict=False).rows == [row]
    with pytest.raises(SourceMapError):
        decode_chunk(b";" + segment + b";", strict=True)


def test_runs_of_empty_segments_leave_no_rows() -> None:
    chunk = decode_chunk(b";,,,A,,,;,;;A,;", strict=False)
    assert [row[5] for row in chunk.rows] == [1, 1]
    assert chunk.line_ends == [1, 1, 1, 2]
    assert chunk.dropped == 4
