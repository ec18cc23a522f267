"""JSON in and out, whatever a client sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.json_text import (
    PRUNED_BELOW,
    PRUNED_BYTES,
    NotJson,
    decode,
    decode_events,
    encode,
    is_json,
)

texts = st.text(st.characters(codec=None))  # lone surrogates included
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
).filter(lambda value: "inf" not in repr(value))


@given(values)
def test_whatever_is_written_is_read_again(value: Any) -> None:
    assert decode(encode(value)) == value
    assert decode(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[1,]", id="a comma too many"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'["\\ud800", NaN]', id="NaN beside a surrogate"),
        pytest.param(b'["\\ud800", -Infinity]', id="infinity beside a surrogate"),
        pytest.param(b'["\\ud800", 1e999]', id="beyond a double beside a surrogate"),
        pytest.param(b"1" * 5000, id="an endless integer"),
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param('"x"'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"[" * 9000 + b"]" * 9000, id="beyond the stack"),
        pytest.param(b'["\\ud800",' + b"[" * 9000, id="beyond the stack, cut, and a surrogate"),
    ],
)
def test_anything_else_is_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(NotJson):
        decode(data)


@given(values)
def test_what_json_brought_is_json(value: Any) -> None:
    assert is_json(json.loads(json.dumps(value)))


@pytest.mark.parametrize(
    "value",
    [object(), {1: 2}, {None: 1}, [(1,)], {"a": {1}}, float("nan"), 10**5000, b"x"],
    ids=["object", "number as a name", "no name", "tuple", "set", "NaN", "endless", "bytes"],
)
def test_what_only_python_has_is_none(value: Any) -> None:
    assert not is_json(value)
    assert not is_json({"a": [value]})


def nested(levels: int, inner: bytes = b"") -> bytes:
    return b"[" * levels + inner + b"]" * levels


def depth_of(value: Any) -> int:
    depth = 0
    while isinstance(value, list) and value:
        value, depth = value[0], depth + 1
    return depth + isinstance(value, list)


@given(st.integers(1, 40), texts)
def test_pruning_keeps_the_neighbours_of_what_is_too_deep(before: int, text: str) -> None:
    quoted = json.dumps(f'{text}["]}}{{[')
    deep = nested(20_000, quoted.encode())
    good = json.dumps({"a": [text] * before}).encode()
    first, pruned, last = decode_events(b"[%b,%b,%b]" % (good, deep, good))
    assert first == last == json.loads(good)
    assert depth_of(pruned) == PRUNED_BELOW - 1


def test_what_is_too_deep_and_broken_or_too_large_stays_an_error() -> None:
    for data in (b"[" * 9000, nested(9000) + b"]", nested(PRUNED_BYTES)):
        with pytest.raises(NotJson):
            decode_events(data)
