"""What makes two events one issue, and what does not."""

from __future__ import annotations

from hashlib import sha512
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.pipeline import fingerprint
from symbolicate.pipeline.fingerprint import Fingerprint, fingerprint_of

NAMED = {
    "raw_id": "ab/0",
    "mangled_name": "t",
    "line": 3,
    "column": 7,
    "source": "src/cart.ts",
    "module": "shop",
    "in_app": True,
    "resolved_name": "total",
    "lang": "javascript",
    "resolved": True,
}
UNNAMED = {key: value for key, value in NAMED.items() if key != "resolved_name"}
UNRESOLVED = UNNAMED | {"resolved": False}


def exception(*frames: Any, **given: Any) -> dict[str, Any]:
    made = {"id": "e1", "type": "TypeError", "value": "x is undefined"}
    stack = {"stacktrace": {"type": "resolved", "frames": list(frames)}} if frames else {}
    return made | stack | given


def of(*exceptions: dict[str, Any], manual: Any = None) -> Fingerprint:
    properties = {} if manual is None else {"$exception_fingerprint": manual}
    return fingerprint_of(properties, list(exceptions))


def value(*frames: Any, **given: Any) -> str:
    return of(exception(*frames, **given)).value


def message(text: str) -> str:
    return value(value=text)


def test_it_is_sha512_of_pieces_with_their_lengths() -> None:
    text = "T9:TypeErrorS7:cart.tsM4:shopR5:total"
    assert value(NAMED) == sha512(text.encode()).hexdigest()
    text = "T9:TypeErrorS7:cart.tsM4:shopN1:tL10:javascriptl1:3c1:7"
    assert value(UNNAMED) == sha512(text.encode()).hexdigest()
    text = "T9:TypeErrorV14:x is undefined"
    assert value() == sha512(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("base", "change", "same"),
    [
        pytest.param(NAMED, {"line": 4, "column": 9, "mangled_name": "q"}, True, id="named: place"),
        pytest.param(NAMED, {"raw_id": "cd/0", "in_app": False}, True, id="what frames are not"),
        pytest.param(NAMED, {"resolved_name": "sum"}, False, id="name"),
        pytest.param(NAMED, {"source": "src/tax.ts"}, False, id="source"),
        pytest.param(NAMED, {"source": "lib/cart.ts?v=1"}, True, id="folder and query"),
        pytest.param(NAMED, {"module": "tax"}, False, id="module"),
        pytest.param(NAMED, {"module": "shop?v=1"}, True, id="query of a module"),
        pytest.param(UNNAMED, {"line": 4}, False, id="unnamed: line"),
        pytest.param(UNNAMED, {"column": 9}, False, id="unnamed: column"),
        pytest.param(UNNAMED, {"lang": "rust"}, False, id="unnamed: language"),
        pytest.param(UNNAMED, {"mangled_name": "q"}, False, id="unnamed: mangled name"),
        pytest.param(UNRESOLVED, {"line": 4, "column": 9}, True, id="unresolved: place"),
        pytest.param(UNRESOLVED, {"mangled_name": "q"}, False, id="unresolved: mangled name"),
    ],
)
def test_what_tells_frames_apart(base: dict[str, Any], change: dict[str, Any], same: bool) -> None:
    assert (value(base) == value(base | change)) is same


def test_every_frame_counts_in_its_order() -> None:
    other = NAMED | {"resolved_name": "pay", "in_app": False}
    assert len({value(NAMED), value(NAMED, other), value(other, NAMED), value(other)}) == 4


def test_every_exception_counts() -> None:
    outer, cause = exception(NAMED), exception(NAMED, type="KeyError")
    chains = [[outer], [cause], [outer, cause], [cause, outer], [outer, outer]]
    assert len({of(*chain).value for chain in chains}) == len(chains)


def test_the_message_counts_only_without_frames() -> None:
    assert value(NAMED, value="a") == value(NAMED, value="b")
    assert value(value="a") != value(value="b")
    for stack in ({"type": "resolved", "frames": []}, {"type": "raw", "frames": [NAMED]}, None):
        assert value(stacktrace=stack, value="a") == value(value="a")


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("https://x.test/static/main.4f3a9c21.js", "main.*.js"),
        ("webpack://app/./src/Cart.vue?4f3a", "Cart.vue"),
        ("C:\\build\\Cart.cs", "Cart.cs"),
        ("chunk-a1b2c3d.js", "chunk-a1b2c3d.js"),
        ("chunk-a1b2c3d4.js", "chunk-*.js"),
        ("abcdefgh.js", "abcdefgh.js"),
        ("12345678.abcdefgh1.js", "*.*.js"),
        ("é12345678é.js", "é*é.js"),
        ("?a/b", ""),
        ("src/", ""),
    ],
)
def test_sources_keep_what_builds_do_not_change(source: str, kept: str) -> None:
    assert fingerprint._source(source) == f"S{len(kept)}:{kept}"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("User 'ann' not found", "User '*' not found"),
        ('key "a b" or `c` is missing', "key '*' or '*' is missing"),
        ("can't read, don't write", "can't read, don't write"),
        ("can't read 'x' and don't", "can't read '*' and don't"),
        ("can't open users' list", "can't open users' list"),
        ("at 0xDEADBEEF", "at *"),
        ("id 0190a0f2-7b1c-7d3e-8f00-0123456789ab gone", "id * gone"),
        ("hash 0123456789abcdef", "hash *"),
        ("hash 0123456789abcde", "hash #abcde"),
        ("3 of 10.5 items, v1.2.3", "# of # items, v#"),
        ("x" * 300, "x" * 200),
        ("'" + "x" * 300 + "' is long", "'*' is long"),
        ("", ""),
    ],
)
def test_messages_keep_what_all_of_a_kind_say(text: str, kept: str) -> None:
    assert fingerprint._message(text) == f"V{len(kept)}:{kept}"


def test_the_clients_fingerprint_wins_and_ours_is_still_proposed() -> None:
    made = of(exception(NAMED), manual="checkout")
    assert made == ("checkout", value(NAMED), [{"type": "manual"}])


@pytest.mark.parametrize("manual", ["", 5, True, ["a"], {"a": 1}])
def test_what_is_no_text_is_no_fingerprint(manual: Any) -> None:
    assert of(exception(NAMED), manual=manual) == of(exception(NAMED))


@pytest.mark.parametrize(
    ("manual", "kept"),
    [
        pytest.param("x" * 64, "x" * 64, id="64 bytes"),
        pytest.param("x" * 65, sha512(b"x" * 65).hexdigest(), id="65 bytes"),
        pytest.param("é" * 33, sha512("é".encode() * 33).hexdigest(), id="66 bytes"),
        pytest.param("a\0b\ud800", "a\ufffdb\ufffd", id="nothing that no database stores"),
        pytest.param("\ud800" * 33, sha512(b"\xed\xa0\x80" * 33).hexdigest(), id="surrogates"),
    ],
)
def test_a_long_fingerprint_of_a_client_is_hashed(manual: str, kept: str) -> None:
    assert of(exception(), manual=manual).value == kept


def test_the_record_names_what_went_in() -> None:
    bare = {"raw_id": "cd/1", "mangled_name": "q", "lang": "rust", "resolved": True, "line": 1}
    made = of(exception(NAMED, bare), exception(id="e2"))
    named = ["Source file name", "Module name", "Resolved function name"]
    unnamed = ["Mangled function name", "Language", "Line number"]
    assert made.record == [
        {"type": "exception", "id": "e1", "pieces": ["Exception Type"]},
        {"type": "frame", "raw_id": "ab/0", "pieces": named},
        {"type": "frame", "raw_id": "cd/1", "pieces": unnamed},
        {"type": "exception", "id": "e2", "pieces": ["Exception Type", "Exception Message"]},
    ]
    assert made.value == made.proposed


def test_a_piece_in_another_place_is_another_fingerprint() -> None:
    base = {"resolved_name": "f"}
    assert value(base | {"source": "a"}) != value(base | {"module": "a"})
    assert value({"resolved_name": "a"}, {"resolved_name": "b"}) != value({"resolved_name": "ab"})
    assert value({"resolved_name": "aR1:b"}) != value(
        {"resolved_name": "a"}, {"resolved_name": "b"}
    )


def test_frames_from_a_client_may_hold_anything() -> None:
    odd = {"source": 1, "module": [], "resolved_name": {}, "line": True, "column": 1.5}
    made = of(exception(odd | {"resolved": True, "lang": None}, "frame", None, 7))
    assert made.record[1:] == [{"type": "frame", "raw_id": None, "pieces": []}]
    assert value({"resolved_name": "\ud800"}) != value({"resolved_name": "\ud801"})


def test_long_texts_are_cleaned_but_not_remembered() -> None:
    long = "a1b2c3d4." * 100
    assert value(NAMED | {"source": long + "js"}) == value(NAMED | {"source": "*." * 100 + "js"})


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
frames = st.dictionaries(st.sampled_from(sorted(NAMED)), json_values)


@given(st.lists(st.lists(frames, max_size=4), min_size=1, max_size=3))
def test_any_frames_give_the_same_answer_twice(stacks: list[list[dict[str, Any]]]) -> None:
    exceptions = [exception(*stack) for stack in stacks]
    made = of(*exceptions)
    assert made == of(*exceptions)
    assert len(made.value) == 128
    assert len(made.record) == len(stacks) + sum(map(len, stacks))


@given(st.text(max_size=300), st.text(max_size=300))
def test_names_that_differ_never_meet(one: str, other: str) -> None:
    assert (value({"resolved_name": one}) == value({"resolved_name": other})) is (one == other)
