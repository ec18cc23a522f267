"""Text of clients: what is cleaned, and what stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.text import MAX_DEPTH, TooDeep, check_depth, clean, sanitise, storable

BLANKS = " " * 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("a\0b", "a\ufffdb", id="NUL"),
        pytest.param("a\ud800b\udfff", "a\ufffdb\ufffd", id="lone surrogates"),
        pytest.param("é😀", "é😀", id="ordinary non-ASCII"),
        pytest.param(f"a{BLANKS}b", f"a{BLANKS}b", id="blanks of a short text stay"),
        pytest.param(f"a{BLANKS}b\0", "a<ws trimmed>b\ufffd", id="blanks beside a NUL"),
        pytest.param(f"{'x' * 512}", "x" * 512, id="512 bytes"),
        pytest.param(f"{'x' * 462}{BLANKS}", f"{'x' * 462}{BLANKS}", id="blanks within 512"),
        pytest.param(f"{'x' * 463}{BLANKS}", f"{'x' * 463}<ws trimmed>", id="blanks within 513"),
        pytest.param(f"{'é' * 232}{BLANKS}", f"{'é' * 232}<ws trimmed>", id="bytes count"),
        pytest.param(f"{'x' * 600} {' ' * 48}y", f"{'x' * 600} {' ' * 48}y", id="49 blanks stay"),
        pytest.param("x" * 600 + "\t\n " * 20, "x" * 600 + "<ws trimmed>", id="mixed blanks"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected
    assert sanitise(text) == expected


def test_every_string_of_a_value_is_cleaned_keys_included() -> None:
    value = {"a\0": ["b\0", {"c": "d\0"}], "n": 1, "t": True, "z": None, "f": 1.5}
    assert sanitise(value) == {
        "a\ufffd": ["b\ufffd", {"c": "d\ufffd"}],
        "n": 1,
        "t": True,
        "z": None,
        "f": 1.5,
    }


def nested(levels: int, kind: type) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind is list else {"k": value}
    return value


@pytest.mark.parametrize("kind", [list, dict])
def test_64_levels_are_read_and_65_are_too_deep(kind: type) -> None:
    assert sanitise(nested(MAX_DEPTH, kind)) == nested(MAX_DEPTH, kind)
    check_depth(nested(MAX_DEPTH, kind))
    for check in (sanitise, check_depth):
        with pytest.raises(TooDeep):
            check(nested(MAX_DEPTH + 1, kind))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", True), ("é", True), ("a\0", False), ("\ud800", False), ("é\0", False)],
)
def test_storable(text: str, expected: bool) -> None:
    assert storable(text) is expected


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.text(st.characters(exclude_categories=()), max_size=700))
def test_a_cleaned_text_is_storable_and_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert storable(once)
    assert clean(once) == once


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=128))
def test_a_short_text_without_nul_is_never_changed(text: str) -> None:
    assert clean(text) == text


@given(anything)
def test_sanitising_keeps_the_shape(value: Any) -> None:
    def shape(part: Any) -> Any:
        if isinstance(part, dict):
            return [shape(item) for item in part.values()]
        if isinstance(part, list):
            return [shape(item) for item in part]
        return type(part)

    assert shape(sanitise(value)) == shape(value)
