"""Pasted stacks: what each engine prints is read, and nothing else is taken for a frame."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.formats import stack_text
from symbolicate.formats.stack_text import (
    MAX_LINE,
    StackFrame,
    StackTextError,
    parse_frame,
    parse_stack,
)

URL = "https://x.test/static/app.js"
NOWHERE = StackFrame(None, None, None, None)


def at(function: str | None, file: str = URL, line: int = 1, column: int = 828) -> StackFrame:
    return StackFrame(function, file, line, column)


V8 = {
    f"    at Cart.total ({URL}:1:828)": at("Cart.total"),
    f"at {URL}:1:828": at(None),
    f"\tat new Cart ({URL}:1:828)": at("new Cart"),
    f"at n.t [as total] ({URL}:1:828)": at("n.t [as total]"),
    f"at async q ({URL}:1:828)": at("q")._replace(is_async=True),
    "at async file:///a.mjs:1:828": at(None, "file:///a.mjs")._replace(is_async=True),
    "at f (/srv/a (copy)/b (2).js:1:828)": at("f", "/srv/a (copy)/b (2).js"),
    "at /srv/with space/a.js:1:828": at(None, "/srv/with space/a.js"),
    "at f (C:\\app\\main.js:1:828)": at("f", "C:\\app\\main.js"),
    "at a (b) (c.js:1:828)": at("a (b)", "c.js"),
    "at Module._compile (node:internal/modules/cjs/loader:1:828)": at(
        "Module._compile", "node:internal/modules/cjs/loader"
    ),
    "at Array.map (<anonymous>)": NOWHERE._replace(function="Array.map"),
    "at async Promise.all (index 12)": StackFrame("Promise.all", None, None, None, is_async=True),
    "at <anonymous>": NOWHERE,
    f"at eval (eval at run ({URL}:1:2), <anonymous>:1:828)": at("eval", "<anonymous>"),
}
GECKO = {
    f"total@{URL}:1:828": at("total"),
    f"total/<@{URL}:1:828": at("total/<"),
    f"@{URL}:1:828": at(None),
    "f@https://x.test/@scope/a.js:1:828": at("f", "https://x.test/@scope/a.js"),
    f"async*checkout@{URL}:1:828": at("checkout")._replace(is_async=True),
    f"promise callback*@{URL}:1:828": at(None)._replace(is_async=True),
    f"f@{URL} line 3 > eval:1:828": at("f", "<anonymous>"),
    f"f@{URL} line 3 > Function:1:828": at("f", "<anonymous>"),
}
JSC = {
    f"global code@{URL}:1:828": at("global code"),
    f"async checkout@{URL}:1:828": at("checkout")._replace(is_async=True),
    "map@[native code]": NOWHERE._replace(function="map"),
    f"{URL}:1:828": at(None),
    "<?>.wasm-function[3]@[wasm code]": NOWHERE._replace(function="<?>.wasm-function[3]"),
}
HERMES = {
    "    at total (address at app.hbc:1:828)": at("total", "app.hbc")._replace(is_address=True),
    "    at ?anon_0_ (address at app.hbc:1:0)": StackFrame(
        "?anon_0_", "app.hbc", 1, 0, is_address=True
    ),
    "    at map (native)": NOWHERE._replace(function="map"),
}
TEXT = [
    "",
    "at",
    "at ",
    "@",
    "TypeError: x is undefined",
    "at the end of the day",
    "    at com.shop.Cart.total(Cart.java:10)",
    "mail to a@b.test",
    "it is 10:20:30",
    f"at f ({URL}:1)",
    f"at f ({URL}:one:two)",
    f"at f ({URL}:1:99999999999)",
    f"at f ({URL}:1:٣)",
    "at f (:1:2)",
    f"look at {URL}:1:2 here",
    f"see {URL}:1:2",
]


@pytest.mark.parametrize(("line", "frame"), (V8 | GECKO | JSC | HERMES).items())
def test_a_frame_of_each_engine_is_read(line: str, frame: StackFrame) -> None:
    assert parse_frame(line) == frame


@pytest.mark.parametrize("line", TEXT)
def test_text_is_no_frame(line: str) -> None:
    assert parse_frame(line) is None


def test_lines_are_kept_as_they_came_and_end_at_line_feeds_only() -> None:
    text = f"E: a\u2028b\x0cc\r\n  at f ({URL}:1:828)\r\n\nend"
    lines = parse_stack(text)
    assert [line.text for line in lines] == [
        "E: a\u2028b\x0cc",
        f"  at f ({URL}:1:828)",
        "",
        "end",
    ]
    assert [line.frame for line in lines] == [None, at("f"), None, None]


def test_a_line_over_the_limit_is_text() -> None:
    frame = f"at {{}} ({URL}:1:828)"
    fits = "f" * (MAX_LINE - len(frame.format("")))
    assert parse_frame(frame.format(fits)) == at(fits)
    assert parse_frame(frame.format(fits + "f")) is None


def test_a_text_over_the_limit_is_refused_and_the_limit_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stack_text, "MAX_TEXT", 10)
    assert len(parse_stack("x" * 10)) == 1
    with pytest.raises(StackTextError) as caught:
        parse_stack("x" * 11)
    error = caught.value
    assert (error.code, error.limit) == ("limit_exceeded", "stack_text")
    assert (error.seen, error.allowed) == (11, 10)


PIECES = st.sampled_from(
    ["at ", "async ", "(", ")", "@", ":", "1", "x.js", "://", "eval at ", "address at ", "*", " > "]
)


@given(st.text() | st.lists(PIECES | st.text(max_size=3)).map("".join))
def test_any_text_is_read(text: str) -> None:
    lines = parse_stack(text)
    assert "\n".join(line.text for line in lines) == text.replace("\r\n", "\n").removesuffix("\r")


@pytest.mark.parametrize(
    "unit",
    ["a", "(", ")", "@", ":1", "at ", "at f (", " > eval", "a*", "at async "],
)
def test_reading_takes_linear_time_s24(unit: str) -> None:
    line = "at " + unit * (MAX_LINE // len(unit) - 3) + ":1:1)"
    start = time.perf_counter()
    parse_stack("\n".join([line] * 50))
    parse_frame(unit * 1_000_000)
    assert time.perf_counter() - start < 2, "one quadratic line would take longer"
