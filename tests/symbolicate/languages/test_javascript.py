"""A position in a minified script, explained by its map: what web and Node share."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.languages.javascript import MappedScript, no_token, ref_too_long, script_ref

TEXT = "\n".join(f"line {number}" for number in range(1, 101))


@pytest.fixture
def cart(written_map: type[Any]) -> Any:
    return written_map(
        tokens={(0, 0): (0, 49, 7, -1), (0, 9): (0, 0, 0, 0)},
        functions={(0, 0): "Cart.total"},
        names=["price"],
        texts={0: TEXT},
    )


@pytest.mark.parametrize(
    ("lineno", "colno"), [(1, 1), (0, 0), (0, 1), (1, 0)], ids=lambda number: str(number)
)
def test_a_position_is_looked_up_one_lower_and_never_below_0(
    cart: Any, lineno: int, colno: int
) -> None:
    original = MappedScript(cart).original(lineno, colno)
    assert original is not None
    assert (original.line, original.column) == (50, 8)
    assert original.source == "src/cart.ts"
    assert original.name == "Cart.total"


def test_where_nothing_is_mapped_there_is_no_original(cart: Any) -> None:
    assert MappedScript(cart).original(1, 2) is None
    assert MappedScript(cart).original(2, 1) is None


def test_context_is_15_lines_around_the_original_line(cart: Any) -> None:
    original = MappedScript(cart).original(1, 1)
    assert original is not None
    assert original.context is not None
    assert [item["number"] for item in original.context.to_wire()["before"]] == list(range(35, 50))
    assert original.context.to_wire()["line"] == {"number": original.line, "line": "line 50"}
    assert [item["number"] for item in original.context.to_wire()["after"]] == list(range(51, 66))
    assert cart.asked == [(0, 34, 65)]


def test_context_at_the_start_of_a_file(cart: Any) -> None:
    original = MappedScript(cart).original(1, 10)
    assert original is not None
    assert original.context is not None
    assert original.context.to_wire()["before"] == []
    assert original.context.to_wire()["line"] == {"number": 1, "line": "line 1"}


def test_without_the_sources_text_there_is_no_context(cart: Any) -> None:
    cart.texts = {}
    original = MappedScript(cart).original(1, 1)
    assert original is not None
    assert original.context is None


def test_a_line_beyond_the_sources_text_has_no_context(cart: Any) -> None:
    cart.texts = {0: "only one line"}
    original = MappedScript(cart).original(1, 1)
    assert original is not None
    assert original.context is None


@pytest.mark.parametrize(
    ("function", "token", "expected"),
    [
        pytest.param("Cart.total", 0, "Cart.total", id="the scope, not the token"),
        pytest.param("<anonymous>", 0, "<anonymous>", id="anonymous is kept"),
        pytest.param("<toplevel>", 0, None, id="top level is absent"),
        pytest.param(None, 0, None, id="no scope is absent"),
        pytest.param("$async$load", 0, "price", id="dart2js gives way to the token"),
        pytest.param("$async$load", -1, "$async$load", id="dart2js without a token's name"),
        pytest.param("$async$load", 1, "$async$load", id="dart2js with a name that is no text"),
        pytest.param("a\0\ud800b", -1, "a\ufffd\ufffdb", id="made storable"),
    ],
)
def test_the_name_is_the_enclosing_functions(
    written_map: type[Any], function: str | None, token: int, expected: str | None
) -> None:
    symbols = written_map(
        tokens={(0, 0): (0, 1, 2, token)},
        functions={} if function is None else {(0, 0): function},
        names=["price", None],
    )
    original = MappedScript(symbols).original(1, 1)
    assert original is not None
    assert original.name == expected


@pytest.mark.parametrize(
    ("source", "shown", "foreign", "suspicious"),
    [
        ("src/a.ts", "src/a.ts", False, False),
        ("../node_modules/x/a.js", "../node_modules/x/a.js", True, False),
        ("webpack://w/posthog-js@1.2/a.js", "webpack://w/posthog-js@1.2/a.js", False, True),
        ("src/ignored.ts", "src/ignored.ts", True, False),
        ("src/a\0.ts", "src/a\ufffd.ts", False, False),
        (None, None, False, False),
    ],
)
def test_facts_of_a_source(
    written_map: type[Any], source: str | None, shown: str | None, foreign: bool, suspicious: bool
) -> None:
    symbols = written_map(
        tokens={(0, 0): (1, 1, 2, -1), (0, 1): (1, 1, 3, -1)},
        sources=["other.ts", source],
        ignored_source_ids=frozenset({1} if source == "src/ignored.ts" else {0}),
    )
    script = MappedScript(symbols)
    for colno in (1, 2):
        original = script.original(1, colno)
        assert original is not None
        assert (original.source, original.foreign, original.suspicious) == (
            shown,
            foreign,
            suspicious,
        )


def test_each_source_has_its_own_facts(written_map: type[Any]) -> None:
    symbols = written_map(
        tokens={(0, 0): (0, 1, 2, -1), (0, 1): (1, 1, 2, -1)},
        sources=["a.ts", "node_modules/b.js"],
    )
    script = MappedScript(symbols)
    one, two = script.original(1, 1), script.original(1, 2)
    assert one is not None
    assert two is not None
    assert [(one.source, one.foreign), (two.source, two.foreign)] == [
        ("a.ts", False),
        ("node_modules/b.js", True),
    ]


def test_a_ref_is_in_its_stored_form() -> None:
    assert script_ref("ABCDEF" * 6) == ("abcdef" * 6, "javascript")
    assert script_ref("https://X.test/A.js") == ("https://X.test/A.js", "javascript")


@pytest.mark.parametrize("name", ["x" * 2049, "é" * 1025])
def test_what_is_longer_than_2048_bytes_is_no_ref(name: str) -> None:
    assert script_ref(name) is None
    assert script_ref(name[:-1]) is not None
    size = len(name.encode())
    assert ref_too_long(name) == (
        "limit_exceeded",
        f"A symbol set reference of {size} exceeds the limit of 2048",
    )


def test_a_long_function_is_cut_in_the_sentence() -> None:
    assert no_token("f", 0, 7) == ("symbol_not_found", "Token not found for frame: f:0:7")
    assert no_token("f" * 999, 1, 2).sentence.endswith("f" * 300 + "...:1:2")
