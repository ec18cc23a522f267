"""What callers ask to resolve: stacks among text, raw frames, events; anything else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.commands.sent_frames import SHAPES, Stack, positions, read_items
from symbolicate.errors import FormatError
from symbolicate.formats.stack_text import StackFrame

WEB = {"platform": "web:javascript", "function": "t", "filename": "a.js", "lineno": 1, "colno": 2}
HERMES = {"platform": "hermes", "function": "t", "filename": "a.hbc", "colno": 0}


def stacks(value: Any) -> list[Stack]:
    text = value if isinstance(value, str) else json.dumps(value)
    return [item for item in read_items(text) if isinstance(item, Stack)]


def event(*frames: Any, **exception: Any) -> dict[str, Any]:
    stack = {"type": "raw", "frames": list(frames)}
    exception = {"type": "E", "value": "v", "stacktrace": stack, **exception}
    return {"event": "$exception", "properties": {"$exception_list": [exception]}}


def test_a_position_is_a_stack_of_its_own() -> None:
    (item,) = positions(3, 4)
    assert isinstance(item, Stack)
    assert [sent.frame for sent in item.frames] == [StackFrame(None, None, 3, 4)]


def test_text_between_frames_parts_stacks() -> None:
    items = read_items("E: x\n at f (a.js:1:2)\n at g (a.js:1:3)\nCaused by\n at h (a.js:1:4)\n\n")
    assert [item if isinstance(item, str) else len(item.frames) for item in items] == [
        "E: x",
        2,
        "Caused by",
        1,
    ]


def test_the_caller_follows_in_a_text_and_precedes_in_raw_frames() -> None:
    (text,) = stacks(" at f (a.js:1:2)\n at g (a.js:1:3)")
    (raw,) = stacks([{**WEB, "function": "g"}, {**WEB, "function": "f"}])
    for stack, index, end in ((text, 0, 1), (raw, 1, 0)):
        caller = stack.caller(index)
        assert caller is not None
        assert caller.frame.function == "g"
        assert stack.caller(end) is None


@pytest.mark.parametrize(
    "value",
    [WEB, [WEB], event(WEB), [event(WEB)], event(WEB)["properties"]],
    ids=["a frame", "a list", "an event", "a list of events", "properties"],
)
def test_raw_frames_are_found_in_every_shape(value: Any) -> None:
    (stack,) = stacks(value)
    assert [sent.raw for sent in stack.frames] == [WEB]
    assert [sent.frame for sent in stack.frames] == [StackFrame("t", "a.js", 1, 2)]


def test_an_exception_keeps_its_title() -> None:
    items = read_items(json.dumps(event(WEB, type="TypeError", value="boom")))
    assert items[0] == "TypeError: boom"


NO_PLACE = StackFrame("t", "a.js", None, None)


@pytest.mark.parametrize(
    ("raw", "frame", "problem"),
    [
        (HERMES, StackFrame("t", "a.hbc", 1, 0, is_address=True), None),
        ({**HERMES, "colno": None}, StackFrame("t", "a.hbc", None, None), None),
        ({**WEB, "lineno": None}, NO_PLACE, None),
        ({"platform": "python", "function": "t", "filename": "a.js", "lineno": 3}, NO_PLACE, None),
        ({**WEB, "lineno": "x"}, NO_PLACE, "is not a raw frame that can be read"),
        ({**WEB, "platform": "cobol"}, NO_PLACE, "is not a raw frame that can be read"),
        (
            {"platform": "java", "function": "t", "module": "m", "filename": "a.js"},
            NO_PLACE,
            "is explained by symbols of another kind",
        ),
        (
            {"platform": "native", "function": 3},
            StackFrame(None, None, None, None),
            "is not a raw frame that can be read",
        ),
    ],
)
def test_a_frame_without_a_place_in_a_script_says_why(
    raw: Any, frame: StackFrame, problem: str | None
) -> None:
    (stack,) = stacks([raw])
    (sent,) = stack.frames
    assert (sent.frame, sent.problem) == (frame, problem)


def test_an_event_without_raw_stacks_beside_one_with_is_no_fault() -> None:
    broken = [{"properties": 3}, 7, {"properties": {"$exception_list": [3, {"stacktrace": []}]}}]
    assert len(stacks([*broken, event(WEB)])) == 1


def test_a_stack_may_begin_like_json() -> None:
    assert len(stacks("[Error: x\n    at f (a.js:1:2)]\n    at g (a.js:1:2)")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing here",
        "{}",
        "[]",
        "[1, 2]",
        '"text"',
        "{broken",
        json.dumps(event()),
        "[" * 5000,
        '{"a":' * 100 + "1" + "}" * 100,
    ],
    ids=lambda text: text[:20],
)
def test_what_holds_no_frame_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match=SHAPES):
        read_items(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["platform", "properties", "$exception_list", "stacktrace", "frames", "function"]
            ),
            inner | st.sampled_from(["hermes", "native", "python", "web:javascript"]),
            max_size=6,
        )
    ),
)


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        items = read_items(text)
    except FormatError:
        return
    assert any(isinstance(item, Stack) for item in items)
