"""Ruby, PHP, Go, Dart and languages of the client's own: shown as they came."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from symbolicate.frame import contents_of, frames_of
from symbolicate.frame_context import Context
from symbolicate.languages.pass_through import PassThrough
from symbolicate.languages.registry import language_of
from symbolicate.outcome import FramePart, NotNeeded
from symbolicate.raw_frame import read_raw_frame
from symbolicate.text import sanitise

Json = dict[str, Any]

LINES = {"pre_context": ["a", "b"], "context_line": "c", "post_context": ["d"]}
AROUND = {
    "before": [{"number": 1, "line": "a"}, {"number": 2, "line": "b"}],
    "line": {"number": 3, "line": "c"},
    "after": [{"number": 4, "line": "d"}],
}
TURNED = {**AROUND, "before": [{"number": 1, "line": "b"}, {"number": 2, "line": "a"}]}


def resolve(frame: Any) -> FramePart:
    submission = read_raw_frame(frame)
    language = language_of(submission)
    assert type(language) is PassThrough
    assert language.reference(submission) is None
    (outcome,) = language.resolve([submission], None)
    assert isinstance(outcome, NotNeeded)
    return outcome.part


def wire(frame: Any) -> Json:
    """Gives the contents without the raw id, which no platform has a say in, and the context."""
    part = resolve(frame)
    contents = contents_of(part, "", None, None)
    del contents["raw_id"]
    return {**contents, "context": None if part.context is None else part.context.to_wire()}


def shown(**expected: Any) -> Json:
    flags = {"in_app": True, "resolved": True, "synthetic": False, "suspicious": False}
    return {**flags, "context": None, **expected}


RUBY = {"platform": "ruby", "filename": "user.rb", "function": "validate"}
PHP = {"platform": "php"}
GO = {"platform": "go", "filename": "/app/main.go", "function": "main.(*Cart).Total", "lineno": 7}
DART = {"platform": "dart", "abs_path": "package:shop/cart.dart"}
CUSTOM = {"platform": "custom", "lang": "lua", "function": "total"}

CASES: dict[str, tuple[Json, Json]] = {
    "ruby, everything": (
        {**RUBY, "abs_path": "/app/user.rb", "lineno": 3, **LINES},
        shown(
            mangled_name="validate",
            line=3,
            source="user.rb",
            resolved_name="validate",
            lang="ruby",
            context=AROUND,
        ),
    ),
    "ruby, the least": (
        RUBY,
        shown(mangled_name="validate", source="user.rb", resolved_name="validate", lang="ruby"),
    ),
    "php, everything": (
        {
            **PHP,
            "filename": "Cart.php",
            "abs_path": "/srv/src/Cart.php",
            "function": "Shop\\Cart->total",
            "lineno": 3,
            **LINES,
        },
        shown(
            mangled_name="Shop\\Cart->total",
            line=3,
            source="Cart.php",
            resolved_name="Shop\\Cart->total",
            lang="php",
            context=AROUND,
        ),
    ),
    "php, an internal function": (
        {**PHP, "function": "array_map", "in_app": False},
        shown(mangled_name="array_map", in_app=False, resolved_name="array_map", lang="php"),
    ),
    "php, code outside of functions": (
        {**PHP, "filename": "index.php", "lineno": 12},
        shown(mangled_name="<unknown>", line=12, source="index.php", lang="php"),
    ),
    "php, nothing": (PHP, shown(mangled_name="<unknown>", lang="php")),
    "php, an empty name is a name": (
        {**PHP, "function": ""},
        shown(mangled_name="", resolved_name="", lang="php"),
    ),
    "go": (
        GO,
        shown(
            mangled_name="main.(*Cart).Total",
            line=7,
            source="/app/main.go",
            resolved_name="main.(*Cart).Total",
            lang="go",
        ),
    ),
    "go, lines that are no part of the format": (
        {**GO, **LINES},
        shown(
            mangled_name="main.(*Cart).Total",
            line=7,
            source="/app/main.go",
            resolved_name="main.(*Cart).Total",
            lang="go",
        ),
    ),
    "dart, everything": (
        {
            **DART,
            "filename": "cart.dart",
            "function": "Cart.total",
            "lineno": 3,
            "colno": 9,
            "package": "shop",
            **LINES,
        },
        shown(
            mangled_name="Cart.total",
            line=3,
            column=9,
            source="package:shop/cart.dart",
            resolved_name="Cart.total",
            lang="dart",
            junk_drawer={
                "raw_frame": {
                    "abs_path": "package:shop/cart.dart",
                    "filename": "cart.dart",
                    "function": "Cart.total",
                    "lineno": 3,
                    "colno": 9,
                    "package": "shop",
                }
            },
        ),
    ),
    # As posthog-flutter's dart_exception_processor.dart marks a gap between two traces.
    "dart, an asynchronous gap": (
        {
            "platform": "dart",
            "abs_path": "<asynchronous suspension>",
            "in_app": False,
            "synthetic": True,
        },
        shown(
            mangled_name="",
            source="<asynchronous suspension>",
            in_app=False,
            resolved_name="",
            lang="dart",
            synthetic=True,
            junk_drawer={
                "raw_frame": {
                    "abs_path": "<asynchronous suspension>",
                    "in_app": False,
                    "synthetic": True,
                }
            },
        ),
    ),
    "custom, everything": (
        {
            **CUSTOM,
            "filename": "cart.lua",
            "lineno": 3,
            "colno": 9,
            "module": "shop",
            "resolved": True,
            **LINES,
        },
        shown(
            mangled_name="total",
            line=3,
            column=9,
            source="cart.lua",
            module="shop",
            resolved_name="total",
            lang="lua",
            context=TURNED,
        ),
    ),
    "custom, the least": (
        CUSTOM,
        shown(mangled_name="total", resolved_name="total", lang="lua", resolved=False),
    ),
    "custom, of a language that is known otherwise": (
        {**CUSTOM, "lang": "javascript"},
        shown(mangled_name="total", resolved_name="total", lang="javascript", resolved=False),
    ),
}


@pytest.mark.parametrize(("frame", "expected"), CASES.values(), ids=CASES.keys())
def test_a_frame_is_shown_as_it_was_sent(frame: Json, expected: Json) -> None:
    assert wire(frame) == expected


@pytest.mark.parametrize("frame", [RUBY, PHP, GO, DART, CUSTOM], ids=lambda f: f["platform"])
def test_flags_are_the_clients_and_line_zero_is_the_first(frame: Json) -> None:
    part = resolve({**frame, "in_app": False, "synthetic": True, "lineno": 0, "colno": 0})
    assert (part.in_app, part.synthetic, part.line) == (False, True, 1)
    assert part.column == (1 if frame in (DART, CUSTOM) else None)


@pytest.mark.parametrize("frame", [RUBY, PHP, CUSTOM], ids=lambda f: f["platform"])
@pytest.mark.parametrize("missing", ["lineno", "context_line"])
def test_lines_without_a_number_or_a_centre_are_no_context(frame: Json, missing: str) -> None:
    sent = {**frame, "lineno": 3, **LINES, missing: None}
    assert resolve(sent).context is None


NEAREST: dict[str, tuple[list[str], int, list[tuple[int, str]]]] = {
    "three at line 4": (["c", "b", "a"], 4, [(1, "a"), (2, "b"), (3, "c")]),
    "none before line 1": (["c", "b", "a"], 1, []),
    "the farthest fall off the top": (["c", "b", "a"], 3, [(1, "b"), (2, "c")]),
    "the first 15": (
        [str(number) for number in range(20)],
        100,
        [(99 - number, str(number)) for number in range(14, -1, -1)],
    ),
}


@pytest.mark.parametrize(("sent", "lineno", "before"), NEAREST.values(), ids=NEAREST.keys())
def test_a_custom_frame_sends_the_nearest_line_first(
    sent: list[str], lineno: int, before: list[tuple[int, str]]
) -> None:
    around = resolve({**CUSTOM, "lineno": lineno, "context_line": "x", "pre_context": sent}).context
    assert around is not None
    assert [(line.number, line.line) for line in around.before] == before
    assert around.line.number == lineno


def test_the_last_15_lines_before_count_where_they_come_in_file_order() -> None:
    lines = [str(number) for number in range(20)]
    frame = {
        **RUBY,
        "lineno": 100,
        "context_line": "x",
        "pre_context": lines,
        "post_context": lines,
    }
    around = resolve(frame).context
    expected = {
        "before": [{"number": 80 + number, "line": str(number)} for number in range(5, 20)],
        "line": {"number": 100, "line": "x"},
        "after": [{"number": 101 + number, "line": str(number)} for number in range(15)],
    }
    assert around == msgspec.convert(expected, Context)


TAGS = ["ruby", "php", "go", "dart", "custom", "java", "native", "rust"]
WHOLE: Json = {
    "function": "f",
    "filename": "a",
    "abs_path": "/a",
    "lineno": 1,
    "colno": 2,
    "module": "m",
    "lang": "l",
    "package": "p",
    **LINES,
}
texts = st.text(st.characters(exclude_categories=()), max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
fitting = {
    **dict.fromkeys(("function", "filename", "abs_path", "module", "lang", "package"), texts),
    **dict.fromkeys(("lineno", "colno"), st.integers(0, 2**32 - 1)),
    **dict.fromkeys(("in_app", "synthetic"), st.booleans()),
    "context_line": texts,
    "pre_context": st.lists(texts, max_size=3),
    "post_context": st.lists(texts, max_size=3),
}
HASHED: dict[str, str] = {
    "ruby": "function filename abs_path lineno context_line pre_context post_context",
    "php": "function filename abs_path lineno context_line pre_context post_context",
    "go": "function filename lineno",
    "dart": "function filename lineno colno abs_path package",
    "custom": "function filename lang lineno colno module context_line pre_context post_context",
}


@given(
    tag=st.sampled_from(TAGS), sent=st.dictionaries(texts | st.sampled_from([*WHOLE]), json_values)
)
def test_any_object_becomes_one_frame_that_can_be_sent(tag: str, sent: Json) -> None:
    for base in ({}, WHOLE):
        submission = read_raw_frame(sanitise({**base, **sent, "platform": tag}))
        (outcome,) = language_of(submission).resolve([submission], None)
        (frame,) = frames_of(submission.hash, outcome, None)
        json.dumps(msgspec.to_builtins(frame.contents), ensure_ascii=False).encode()


@given(data=st.data(), tag=st.sampled_from([*HASHED]))
def test_two_values_of_an_identity_field_are_two_raw_ids(data: st.DataObject, tag: str) -> None:
    names = [*HASHED[tag].split(), "in_app", "synthetic"]
    name = data.draw(st.sampled_from(names))
    one, two = (sanitise(data.draw(fitting[name])) for _ in range(2))
    assume(one != two)
    frame = {**WHOLE, "platform": tag}
    read = [read_raw_frame({**frame, name: value}) for value in (one, two)]
    assert [each.malformed for each in read] == [False, False]
    assert read[0].hash != read[1].hash


@pytest.mark.parametrize("tag", HASHED)
def test_fields_of_other_platforms_make_no_new_raw_id(tag: str) -> None:
    frame = {**WHOLE, "platform": tag}
    for name in WHOLE.keys() - set(HASHED[tag].split()):
        rest = {key: value for key, value in frame.items() if key != name}
        assert read_raw_frame(rest).hash == read_raw_frame(frame).hash
