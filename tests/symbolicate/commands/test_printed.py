"""What is printed is never obeyed by a terminal, and sources are shown without wrapping."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.commands.printed import pretty_source, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ü, 日本, 🙂", "plain text, ü, 日本, 🙂"),
        ("a\tb", "a\tb"),
        ("a\0b\nc\rd", "abcd"),
        ("\x1b]8;;https://evil.test\x07click\x1b]8;;\x07", "]8;;https://evil.testclick]8;;"),
        ("\x9b31mred", "31mred"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("a\u2066b\u200bc\u2028d", "abcd"),
        ("\ud800", "\ufffd"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    ],
    ids=ascii,
)
def test_what_a_terminal_would_obey_is_left_out_s20(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_nothing_printed_is_a_control(text: str) -> None:
    shown = printable(text)
    kinds = {unicodedata.category(character) for character in shown.replace("\t", "")}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("src/a.ts", "src/a.ts"),
        ("../../src/a.ts", "src/a.ts"),
        ("./src/./b/./a.ts", "src/b/a.ts"),
        ("webpack:///./src/a.vue?1a2b", "src/a.vue"),
        ("webpack://shop/./src/a.ts", "shop/src/a.ts"),
        ("webpack:///webpack:///src/a.ts", "src/a.ts"),
        ("webpack-internal:///./~/pad/index.js", "node_modules/pad/index.js"),
        ("webpack:///css-loader!./src/a.css", "src/a.css"),
        ("src\\win\\a.ts", "src/win/a.ts"),
        ("src/a!b?1a2b.ts", "src/a!b?1a2b.ts"),
        ("https://x.test/a.ts", "https://x.test/a.ts"),
        ("../", "../"),
        ("a\x1b[31m.ts", "a[31m.ts"),
    ],
)
def test_a_source_is_shown_without_what_bundlers_wrap_around_it(source: str, shown: str) -> None:
    assert pretty_source(source) == shown
