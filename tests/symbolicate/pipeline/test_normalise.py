"""Events made canonical: what is refused and why, what is cleaned, and which order comes out."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.outcome import Outcome
from symbolicate.pipeline.normalise import NormalEvent, normalise

Json = dict[str, Any]

MAX_EVENT_BYTES = 1_048_576
EVENT_UUID = "0192f0c1-7b1e-7cc4-8d34-1f6f0a4f3c11"
BLANKS = " " * 50


def event(*exceptions: Json, **properties: Any) -> Json:
    listed = list(exceptions) or [{"type": "Error", "value": "boom"}]
    return {
        "uuid": EVENT_UUID,
        "event": "$exception",
        "team_id": 1,
        "timestamp": "2026-01-01T00:00:00Z",
        "properties": {"$exception_list": listed, **properties},
    }


def stack(*functions: str, kind: str = "raw") -> Json:
    return {"type": kind, "frames": [{"platform": "go", "function": name} for name in functions]}


def normal(sent: Any) -> NormalEvent:
    made = normalise(sent)
    assert isinstance(made, NormalEvent), made
    return made


def reason(sent: Any) -> str | None:
    made = normalise(sent)
    assert isinstance(made, Outcome)
    assert (made.status, made.event) == ("invalid", None)
    return made.reason


def nested(levels: int) -> Any:
    value: Any = "leaf"
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


def sized(size: int, filler: str = "x") -> Json:
    """Makes an event of exactly so many bytes of JSON."""
    sent = event(note="")
    room = size - len(json.dumps(sent, separators=(",", ":")))
    count, rest = divmod(room, len(filler.encode()))
    sent["properties"]["note"] = filler * count + "x" * rest
    return sent


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param([], "invalid_properties", id="a list"),
        pytest.param(None, "invalid_properties", id="null"),
        pytest.param("event", "invalid_properties", id="a text"),
        pytest.param({}, "wrong_event_type", id="no event name"),
        pytest.param({**event(), "event": "$pageview"}, "wrong_event_type", id="another event"),
        pytest.param({**event(), "event": ["$exception"]}, "wrong_event_type", id="event a list"),
        pytest.param({"event": "$exception"}, "invalid_properties", id="no properties"),
        pytest.param({**event(), "properties": []}, "invalid_properties", id="properties a list"),
        pytest.param(event(**{"$exception_list": None}), "empty_exception_list", id="list null"),
        pytest.param(event(**{"$exception_list": []}), "empty_exception_list", id="list empty"),
        pytest.param(
            {"event": "$exception", "properties": {}}, "empty_exception_list", id="no list"
        ),
        pytest.param(event(**{"$exception_list": {}}), "invalid_properties", id="list an object"),
        pytest.param(event(**{"$exception_list": "x"}), "invalid_properties", id="list a text"),
        pytest.param(event(**{"$exception_list": [7]}), "invalid_properties", id="item a number"),
        pytest.param(event(**{"$exception_list": [None]}), "invalid_properties", id="item null"),
        pytest.param(event({"value": "x"}), "invalid_properties", id="exception without type"),
        pytest.param(event({"type": None}), "invalid_properties", id="type null"),
        pytest.param(event({"type": 1}), "invalid_properties", id="type a number"),
        pytest.param(event({"type": "E", "value": 1}), "invalid_properties", id="value a number"),
        pytest.param(event({"type": "E", "module": []}), "invalid_properties", id="module a list"),
        pytest.param(
            event({"type": "E", "thread_id": 2**31}), "invalid_properties", id="thread beyond int32"
        ),
        pytest.param(
            event({"type": "E", "thread_id": "1"}), "invalid_properties", id="thread a text"
        ),
        pytest.param(
            event({"type": "E", "mechanism": []}), "invalid_properties", id="mechanism a list"
        ),
        pytest.param(
            event({"type": "E", "mechanism": {"handled": "yes"}}),
            "invalid_properties",
            id="handled a text",
        ),
        pytest.param(
            event({"type": "E", "stacktrace": []}), "invalid_properties", id="stacktrace a list"
        ),
        pytest.param(
            event({"type": "E", "stacktrace": {"frames": []}}),
            "invalid_properties",
            id="stacktrace without type",
        ),
        pytest.param(
            event({"type": "E", "stacktrace": {"type": "cooked", "frames": []}}),
            "invalid_properties",
            id="stacktrace of another type",
        ),
        pytest.param(
            event({"type": "E", "stacktrace": {"type": "raw", "frames": {}}}),
            "invalid_properties",
            id="frames an object",
        ),
        pytest.param(event(note=object()), "invalid_properties", id="a value JSON does not have"),
        pytest.param(
            {**event({"type": 1}), "event": "x"}, "wrong_event_type", id="the event's name first"
        ),
    ],
)
def test_what_does_not_fit_is_invalid(sent: Any, expected: str) -> None:
    assert reason(sent) == expected


def test_the_least_an_event_can_be() -> None:
    made = normal({"event": "$exception", "properties": {"$exception_list": [{"type": "E"}]}})
    (exception,) = made.exceptions
    assert exception | {"id": ""} == {"id": "", "type": "E", "value": ""}


@pytest.mark.parametrize(
    "optional", ["value", "mechanism", "module", "thread_id", "stacktrace", "id"]
)
def test_an_optional_field_may_be_null(optional: str) -> None:
    normal(event({"type": "E", optional: None}))


def test_a_stack_without_frames_has_none() -> None:
    (exception,) = normal(event({"type": "E", "stacktrace": {"type": "raw"}})).exceptions
    assert exception["stacktrace"] == {"type": "raw", "frames": []}


@pytest.mark.parametrize("filler", ["x", "é", "😀"])
def test_an_event_of_exactly_1_mib_fits_and_one_byte_more_does_not(filler: str) -> None:
    normal(sized(MAX_EVENT_BYTES, filler))
    assert reason(sized(MAX_EVENT_BYTES + 1, filler)) == "event_too_large"


def test_size_is_judged_before_anything_else() -> None:
    assert reason({**sized(MAX_EVENT_BYTES), "event": "$exceptional"}) == "event_too_large"


def test_lone_surrogates_do_not_hide_an_events_size() -> None:
    sent = sized(MAX_EVENT_BYTES - 100)
    sent["properties"]["odd"] = "\ud800"
    normal(sent)
    sent["properties"]["note"] += "x" * 100
    assert reason(sent) == "event_too_large"


@pytest.mark.parametrize(
    ("place", "above"),
    [
        pytest.param("event", 1, id="beside the properties"),
        pytest.param("property", 2, id="in a property"),
        pytest.param("exception", 4, id="in an exception"),
    ],
)
def test_64_levels_of_nesting_fit_and_65_do_not(place: str, above: int) -> None:
    def deep(levels: int) -> Json:
        value = nested(levels - above)
        if place == "event":
            return {**event(), "extra": value}
        if place == "property":
            return event(extra=value)
        return event({"type": "E", "extra": value})

    normal(deep(64))
    assert reason(deep(65)) == "invalid_properties"


@pytest.mark.parametrize("levels", [1_000, 20_000])
@pytest.mark.parametrize("place", ["whole", "property", "exception"])
def test_nesting_beyond_the_interpreters_stack_is_invalid(levels: int, place: str) -> None:
    value: Any = []
    for _ in range(levels):
        value = [value]
    sent = {
        "whole": {"event": "$exception", "extra": value},
        "property": event(extra=value),
        "exception": event({"type": "E", "extra": value}),
    }[place]
    assert reason(sent) == "invalid_properties"


def test_an_event_that_holds_itself_is_invalid() -> None:
    sent = event()
    sent["properties"]["self"] = sent
    assert reason(sent) == "invalid_properties"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("x" * 10_000, "x" * 10_000, id="10,000 stay"),
        pytest.param("x" * 10_001, "x" * 10_000 + "...", id="10,001 are cut"),
        pytest.param("é" * 5_000, "é" * 5_000, id="10,000 bytes of two-byte characters stay"),
        pytest.param("é" * 5_001, "é" * 5_000 + "...", id="two bytes more are cut"),
        pytest.param("x" + "é" * 6_000, "x" + "é" * 5_000 + "...", id="é begins at byte 9,999"),
        pytest.param("x" * 9_999 + "😀😀", "x" * 9_999 + "😀...", id="an emoji is kept whole"),
        pytest.param("x" * 10_000 + "😀", "x" * 10_000 + "...", id="an emoji is cut off whole"),
        pytest.param("", "", id="empty"),
        pytest.param(None, "", id="null"),
    ],
)
def test_a_value_is_cut_on_a_character_boundary(value: str | None, expected: str) -> None:
    (exception,) = normal(event({"type": "E", "value": value})).exceptions
    assert exception["value"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\0b", "a\ufffdb", id="NUL"),
        pytest.param("a\ud800b", "a\ufffdb", id="lone surrogate"),
        pytest.param(f"a{BLANKS}b", f"a{BLANKS}b", id="blanks of a short text"),
        pytest.param(f"{'x' * 500}{BLANKS}b", f"{'x' * 500}<ws trimmed>b", id="blanks of a long"),
        pytest.param(f"\0{BLANKS}b", "\ufffd<ws trimmed>b", id="blanks beside a NUL"),
        pytest.param("x" * 512 + "\n" * 49, "x" * 512 + "\n" * 49, id="49 blanks"),
    ],
)
def test_every_string_of_the_exception_list_is_cleaned(text: str, expected: str) -> None:
    frame = {"platform": "python", "function": text, "pre_context": [text], text: 1}
    sent = event(
        {"type": text, "value": text, "stacktrace": {"type": "raw", "frames": [frame]}},
        outside=text,
    )
    made = normal(sent)
    (exception,) = made.exceptions
    assert (exception["type"], exception["value"]) == (expected, expected)
    assert exception["stacktrace"]["frames"] == [
        {"platform": "python", "function": expected, "pre_context": [expected], expected: 1}
    ]
    assert made.properties["outside"] == text


def test_nulls_of_a_mechanism_are_left_out() -> None:
    mechanism = {"handled": False, "type": None, "source": "s", "synthetic": None, "own": 1}
    (exception,) = normal(event({"type": "E", "mechanism": mechanism})).exceptions
    assert exception["mechanism"] == {"handled": False, "source": "s", "own": 1}


def test_unknown_keys_of_an_exception_stay() -> None:
    (exception,) = normal(event({"type": "E", "own": {"a": [1]}})).exceptions
    assert exception["own"] == {"a": [1]}


def test_exception_ids_are_the_same_at_every_delivery() -> None:
    first, again = (
        [e["id"] for e in normal(event({"type": "A", "id": sent}, {"type": "B"})).exceptions]
        for sent in ("client", "")
    )
    assert first == again
    assert len(set(first)) == 2
    for text in first:
        identity = uuid.UUID(text)
        assert (identity.version, identity.variant) == (8, uuid.RFC_4122)


def test_exception_ids_differ_between_events() -> None:
    one, other = (
        normal({**event(), "uuid": sent}).exceptions[0]["id"] for sent in (EVENT_UUID, "another")
    )
    assert one != other


@pytest.mark.parametrize("sent", ["\ud800", 7, None, ["x"], "a\0"])
def test_an_odd_event_uuid_does_no_harm(sent: Any) -> None:
    uuid.UUID(normal({**event(), "uuid": sent}).exceptions[0]["id"])


def test_an_id_stays_with_its_exception_when_the_list_is_reversed() -> None:
    as_sent = event({"type": "A"}, {"type": "B"}, **{"$lib": "posthog-python"})
    newer = copy.deepcopy(as_sent)
    newer["properties"]["$lib_version"] = "7.31.0"
    by_type = [{e["type"]: e["id"] for e in normal(s).exceptions} for s in (as_sent, newer)]
    assert by_type[0] == by_type[1]


def test_the_callers_event_is_not_changed() -> None:
    sent = event(
        {
            "type": "A\0",
            "value": "x" * 20_000,
            "mechanism": {"handled": None},
            "stacktrace": stack("a\0", "b"),
        },
        {"type": "B", "id": "mine"},
        **{"$lib": "posthog-python", "$debug_images": [{"debug_id": "\ud800"}]},
    )
    before = copy.deepcopy(sent)
    normal(sent)
    assert sent == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
keys = st.sampled_from(
    ["type", "value", "stacktrace", "mechanism", "frames", "thread_id", "module", "id", "platform"]
)
shapes = st.recursive(
    json_values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner)
)


@given(sent=json_values)
def test_no_json_raises(sent: Any) -> None:
    normalise(sent)


@given(listed=shapes, properties=st.dictionaries(st.sampled_from(["$lib", "$lib_version"]), shapes))
def test_no_exception_list_raises_or_is_changed(listed: Any, properties: Json) -> None:
    sent = event(**properties, **{"$exception_list": listed})
    before = repr(sent)
    normalise(sent)
    assert repr(sent) == before


surrogates = st.text(st.characters(categories=["Cs", "Ll", "Zs", "Cc"]), max_size=600)


@given(text=surrogates)
def test_what_comes_out_can_be_encoded(text: str) -> None:
    made = normal({**event({"type": text, "value": text, "own": {text: [text]}}), "uuid": text})
    json.dumps(made.exceptions, ensure_ascii=False).encode()
