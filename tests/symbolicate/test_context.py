"""Context lines: one rule, whatever they come from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate import context

FILE = [f"line {number}" for number in range(1, 101)]


def around(lines: list[str], first: int, line: int) -> dict[str, Any] | None:
    found = context.around(lines, first, line)
    return None if found is None else found.to_wire()


def from_client(*given: Any, **options: Any) -> dict[str, Any] | None:
    found = context.from_client(*given, **options)
    return None if found is None else found.to_wire()


def numbers(items: list[dict[str, Any]]) -> list[int]:
    return [item["number"] for item in items]


def taken(value: dict[str, Any] | None) -> dict[str, Any]:
    assert value is not None
    return value


def test_the_shape_is_before_line_after_with_ascending_numbers() -> None:
    assert around(["a", "b", "c"], 4, 5) == {
        "before": [{"number": 4, "line": "a"}],
        "line": {"number": 5, "line": "b"},
        "after": [{"number": 6, "line": "c"}],
    }
    assert list(taken(around(["a"], 1, 1))) == ["before", "line", "after"]


@pytest.mark.parametrize(
    ("line", "before", "after"),
    [
        pytest.param(50, range(35, 50), range(51, 66), id="15 on both sides in the middle"),
        pytest.param(1, range(0), range(2, 17), id="nothing before the first line"),
        pytest.param(100, range(85, 100), range(0), id="nothing after the last line"),
        pytest.param(16, range(1, 16), range(17, 32), id="exactly 15 before"),
    ],
)
def test_at_most_15_lines_on_each_side(line: int, before: range, after: range) -> None:
    found = taken(around(FILE, 1, line))
    assert numbers(found["before"]) == list(before)
    assert found["line"] == {"number": line, "line": f"line {line}"}
    assert numbers(found["after"]) == list(after)


@pytest.mark.parametrize("line", [0, 9, 13, 1000])
def test_without_text_for_the_line_there_is_no_context(line: int) -> None:
    assert around(["a", "b", "c"], 10, line) is None


def test_there_is_no_line_below_1() -> None:
    assert around(["a", "b", "c"], -1, 0) is None
    assert taken(around(["a", "b", "c"], -1, 1))["before"] == []


def test_an_empty_line_is_text() -> None:
    assert taken(around([""], 1, 1))["line"] == {"number": 1, "line": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("\t  indented  ", "\t  indented  ", id="indentation is kept"),
        pytest.param(" " * 200 + "x", " " * 200 + "x", id="long indentation is kept"),
        pytest.param("x" * 300, "x" * 300, id="300 characters are whole"),
        pytest.param("x" * 301, "x" * 300 + "...✂️", id="301 are cut and marked"),
        pytest.param("é" * 301, "é" * 300 + "...✂️", id="characters, not bytes"),
        pytest.param("😀" * 300, "😀" * 300, id="an astral character counts once"),
        pytest.param("a\0b", "a\ufffdb", id="NUL becomes U+FFFD"),
        pytest.param("a\ud800b", "a\ufffdb", id="a lone surrogate becomes U+FFFD"),
    ],
)
def test_each_text_is_bounded_and_storable(text: str, expected: str) -> None:
    found = taken(around([text, text, text], 1, 2))
    texts = [found["before"][0]["line"], found["line"]["line"], found["after"][0]["line"]]
    assert texts == [expected] * 3


def test_the_clients_lines_are_in_file_order_and_the_nearest_are_kept() -> None:
    pre, post = [f"b{n}" for n in range(20)], [f"a{n}" for n in range(20)]
    found = taken(from_client(100, "here", pre, post))
    assert found["before"][0] == {"number": 85, "line": "b5"}
    assert found["before"][-1] == {"number": 99, "line": "b19"}
    assert found["line"] == {"number": 100, "line": "here"}
    assert found["after"][0] == {"number": 101, "line": "a0"}
    assert found["after"][-1] == {"number": 115, "line": "a14"}


def test_nearest_first_lines_are_turned_round() -> None:
    found = taken(from_client(4, "d", ["c", "b", "a"], [], nearest_first=True))
    assert found["before"] == [
        {"number": 1, "line": "a"},
        {"number": 2, "line": "b"},
        {"number": 3, "line": "c"},
    ]
    many = taken(from_client(50, "x", [str(n) for n in range(20)], [], nearest_first=True))
    assert (many["before"][0]["line"], many["before"][-1]["line"]) == ("14", "0")


@pytest.mark.parametrize("nearest_first", [False, True])
def test_lines_numbered_below_1_are_dropped(nearest_first: bool) -> None:
    found = taken(from_client(1, "x", ["a", "b"], ["c"], nearest_first=nearest_first))
    assert found["before"] == []
    assert numbers(found["after"]) == [2]
    found = taken(from_client(2, "x", ["a", "a"], [], nearest_first=nearest_first))
    assert numbers(found["before"]) == [1]


def test_a_lineno_of_0_counts_as_1() -> None:
    assert taken(from_client(0, "x", ["a"], []))["line"]["number"] == 1


@pytest.mark.parametrize(("lineno", "line"), [(None, "x"), (3, None), (None, None)])
def test_client_context_needs_a_line_and_its_text(lineno: int | None, line: str | None) -> None:
    assert from_client(lineno, line, ["a"], ["b"]) is None


def test_a_bounded_raw_frame_keeps_the_clients_order_and_other_keys() -> None:
    raw = {
        "function": "f" * 400,
        "pre_context": [str(n) for n in range(20)],
        "context_line": "x" * 301,
        "post_context": [str(n) for n in range(20)],
    }
    kept = context.bounded(raw)
    assert kept["function"] == raw["function"]
    assert kept["context_line"] == "x" * 300 + "...✂️"
    assert kept["pre_context"] == [str(n) for n in range(5, 20)]
    assert kept["post_context"] == [str(n) for n in range(15)]
    nearest = context.bounded(raw, nearest_first=True)
    assert nearest["pre_context"] == [str(n) for n in range(15)]
    assert len(raw["pre_context"]) == 20


def test_context_that_is_no_text_is_left_out_of_a_bounded_raw_frame() -> None:
    raw = {"context_line": 5, "pre_context": "abc", "post_context": ["a", 7, None], "x": 1}
    assert context.bounded(raw) == {"x": 1, "post_context": ["a"]}


def test_a_raw_frame_without_its_context_loses_nothing_else() -> None:
    raw = {"a": 1, "context_line": "x", "pre_context": [], "post_context": [], "b": 2}
    assert context.without(raw) == {"a": 1, "b": 2}


@given(
    st.lists(st.text(max_size=400), max_size=40),
    st.integers(1, 50),
    st.integers(-3, 100),
)
def test_context_is_what_a_slice_of_the_numbered_file_says(
    lines: list[str], first: int, line: int
) -> None:
    file = dict(enumerate(lines, first))
    found = around(lines, first, line)
    if line not in file:
        assert found is None
        return
    found = taken(found)
    assert numbers(found["before"]) == [n for n in range(line - 15, line) if n in file]
    assert numbers(found["after"]) == [n for n in range(line + 1, line + 16) if n in file]
    for item in (*found["before"], found["line"], *found["after"]):
        assert item["line"].replace("\ufffd", "\0")[:300] == file[item["number"]][:300].replace(
            "\ufffd", "\0"
        )
