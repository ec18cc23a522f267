"""What counts as a whole number from 1 to 2,147,483,647."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import Refused
from symbolicate.services.positive_integers import MAX_INTEGER, read_changes, read_positive


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (MAX_INTEGER, MAX_INTEGER),
        ("5", 5),
        (" +5 ", 5),
        ("5.0", 5),
        ("007", 7),
        (5.0, 5),
        (2147483647.0, MAX_INTEGER),
    ],
)
def test_numbers_and_their_decimal_texts_are_taken(value: Any, expected: int) -> None:
    assert read_positive(value, "n") == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0, "min_value"),
        (-1, "min_value"),
        ("0", "min_value"),
        ("-7", "min_value"),
        (-0.0, "min_value"),
        (2**31, "max_value"),
        (10**400, "max_value"),
        ("2147483648", "max_value"),
        (1e300, "max_value"),
        ("9" * 1000, "max_value"),
        ("9" * 100_000, "invalid_input"),
        ("abc", "invalid_input"),
        ("", "invalid_input"),
        ("1_0", "invalid_input"),
        ("٥", "invalid_input"),
        ("1.5", "invalid_input"),
        ("5\0", "invalid_input"),
        (1.5, "invalid_input"),
        (math.inf, "invalid_input"),
        (math.nan, "invalid_input"),
        (True, "invalid_input"),
        (False, "invalid_input"),
        ([5], "invalid_input"),
        ({}, "invalid_input"),
    ],
)
def test_all_else_is_refused_by_its_field(value: Any, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_positive(value, "n")
    assert (refused.value.code, refused.value.attr) == (code, "n")


def test_only_named_fields_are_read_and_the_first_bad_one_is_told() -> None:
    body = {"z": "junk", "a": 1, "c": None}
    assert read_changes(body, ("a", "b", "c"), nullable=True) == {"a": 1, "c": None}
    with pytest.raises(Refused, match="may not be null") as refused:
        read_changes(body, ("a", "b", "c"), nullable=False)
    assert (refused.value.code, refused.value.attr) == ("null", "c")
    with pytest.raises(Refused) as refused:
        read_changes({"c": 0, "b": "x"}, ("a", "b", "c"), nullable=True)
    assert refused.value.attr == "b"


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()))
def test_any_value_is_read_or_refused(value: Any) -> None:
    with suppress(Refused):
        assert 1 <= read_positive(value, "n") <= MAX_INTEGER
