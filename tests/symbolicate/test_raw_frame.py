"""Raw frames: every platform's fields, and that nothing a client sends raises."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.raw_frame import PLATFORMS, RawFrame, WebFrame, read_raw_frame
from symbolicate.text import sanitise

Frame = dict[str, Any]

CONTEXT: Frame = {"context_line": "x", "pre_context": ["w"], "post_context": ["y"]}
MACHINE: Frame = {
    "instruction_addr": "0x10",
    "symbol_addr": "0x8",
    "image_addr": "0x0",
    "module": "m",
    "function": "f",
    "filename": "a.c",
    "lineno": 3,
    "colno": 5,
}

# platform → (required, optional) fields with a value that fits
FIELDS: dict[str, tuple[Frame, Frame]] = {
    "web:javascript": (
        {"function": "f"},
        {"filename": "https://x.test/a.js", "lineno": 1, "colno": 2, "chunk_id": "c"},
    ),
    "node:javascript": (
        {"filename": "a.js", "function": "f"},
        {"lineno": 1, "colno": 2, "module": "a", "chunk_id": "c", **CONTEXT},
    ),
    "hermes": ({"filename": "a", "function": "f"}, {"colno": 2, "chunk_id": "c"}),
    "python": (
        {"filename": "a.py", "function": "f"},
        {"abs_path": "/a.py", "lineno": 1, "module": "a", "code_variables": {"x": [1]}, **CONTEXT},
    ),
    "ruby": (
        {"filename": "a.rb", "function": "f"},
        {"abs_path": "/a.rb", "lineno": 1, **CONTEXT},
    ),
    "php": (
        {},
        {"filename": "a.php", "function": "f", "abs_path": "/a.php", "lineno": 1, **CONTEXT},
    ),
    "go": ({"filename": "a.go", "function": "f", "lineno": 1}, {}),
    "java": (
        {"function": "f", "module": "com.a.B"},
        {"filename": "B.java", "lineno": 1, "map_id": "m", "method_synthetic": True, **CONTEXT},
    ),
    "dart": (
        {"abs_path": "package:a/a.dart"},
        {"filename": "a.dart", "function": "f", "lineno": 1, "colno": 2, "package": "a"},
    ),
    "custom": (
        {"lang": "lua", "function": "f"},
        {"filename": "a", "lineno": 1, "colno": 2, "module": "a", "resolved": True, **CONTEXT},
    ),
    "apple": ({}, {**MACHINE, "image_uuid": "u"}),
    "native": ({}, {**MACHINE, "lang": "rust", "client_resolved": True, "inline": True}),
}

REQUIRED = [(tag, key) for tag, (required, _) in FIELDS.items() for key in required]
OPTIONAL = [(tag, key) for tag, (_, optional) in FIELDS.items() for key in optional]
LINES = [(tag, key) for tag, key in REQUIRED + OPTIONAL if key in ("lineno", "colno")]


def full(tag: str) -> Frame:
    required, optional = FIELDS[tag]
    return {"platform": tag, **required, **optional}


def read(frame: Frame) -> RawFrame:
    submission = read_raw_frame(frame)
    assert submission.frame is not None
    assert not submission.malformed
    return submission.frame


def test_the_table_of_this_test_names_every_platform() -> None:
    assert FIELDS.keys() == PLATFORMS.keys() - {"javascript", "rust"}


@pytest.mark.parametrize("tag", FIELDS)
def test_every_field_of_a_platform_is_read(tag: str) -> None:
    submission = read_raw_frame(full(tag))
    assert submission.tag == tag
    read_fields = msgspec.structs.asdict(read(full(tag)))
    expected = {key: value for key, value in full(tag).items() if key != "platform"}
    assert expected.items() <= read_fields.items()


@pytest.mark.parametrize("tag", FIELDS)
def test_required_fields_are_enough_and_flags_have_defaults(tag: str) -> None:
    frame = read({"platform": tag, **FIELDS[tag][0]})
    assert (frame.in_app, frame.synthetic) == (True, False)
    flagged = read({"platform": tag, **FIELDS[tag][0], "in_app": False, "synthetic": True})
    assert (flagged.in_app, flagged.synthetic) == (False, True)


@pytest.mark.parametrize(("tag", "key"), REQUIRED)
@pytest.mark.parametrize("way", ["absent", "null"])
def test_a_frame_without_a_required_field_is_malformed(tag: str, key: str, way: str) -> None:
    frame = {**full(tag), key: None}
    if way == "absent":
        del frame[key]
    submission = read_raw_frame(frame)
    assert (submission.frame, submission.malformed, submission.tag) == (None, True, tag)


@pytest.mark.parametrize(("tag", "key"), OPTIONAL)
def test_an_optional_field_may_be_absent_or_null(tag: str, key: str) -> None:
    absent = {name: value for name, value in full(tag).items() if name != key}
    assert read({**full(tag), key: None}) == read(absent)


@pytest.mark.parametrize(
    ("tag", "key"), [pair for pair in REQUIRED + OPTIONAL if pair[1] != "code_variables"]
)
def test_a_field_of_the_wrong_type_makes_the_frame_malformed(tag: str, key: str) -> None:
    submission = read_raw_frame({**full(tag), key: {"not": "it"}})
    assert (submission.frame, submission.malformed) == (None, True)


@pytest.mark.parametrize(("tag", "key"), LINES)
@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (0, True),
        (2**32 - 1, True),
        (2**32, False),
        (2**70, False),
        (-1, False),
        (1.5, False),
        ("1", False),
        (True, False),
    ],
)
def test_lines_and_columns_are_u32(tag: str, key: str, value: Any, fits: bool) -> None:
    assert (read_raw_frame({**full(tag), key: value}).frame is not None) is fits


@pytest.mark.parametrize(
    ("sent", "tag"), [("javascript", "web:javascript"), ("rust", "native"), ("go", "go")]
)
def test_an_alias_is_read_as_its_platform(sent: str, tag: str) -> None:
    submission = read_raw_frame({**full(tag), "platform": sent})
    assert submission.tag == tag
    assert submission.frame == read(full(tag))
    assert submission.raw["platform"] == sent


@pytest.mark.parametrize("tag", ["web:javascript", "node:javascript", "hermes"])
def test_chunk_id_is_read_from_its_alias(tag: str) -> None:
    frame = full(tag)
    frame["chunkId"] = frame.pop("chunk_id")
    assert read(frame) == read(full(tag))


@pytest.mark.parametrize(
    ("frame", "tag", "malformed"),
    [
        pytest.param({"platform": "cobol"}, "cobol", False, id="unknown tag"),
        pytest.param({"platform": ""}, "", False, id="empty tag"),
        pytest.param({"platform": "Go"}, "Go", False, id="tags are case-sensitive"),
        pytest.param({"function": "f"}, "", True, id="no tag"),
        pytest.param({"platform": None}, "", True, id="null tag"),
        pytest.param({"platform": 7}, "", True, id="number as tag"),
        pytest.param({"platform": ["go"]}, "", True, id="list as tag"),
        pytest.param({"platform": "go", "function": 1}, "go", True, id="does not fit"),
    ],
)
def test_a_frame_that_no_platform_reads_keeps_its_tag(
    frame: Frame, tag: str, malformed: bool
) -> None:
    submission = read_raw_frame(frame)
    assert submission.frame is None
    assert (submission.tag, submission.malformed) == (tag, malformed)
    assert submission.raw == frame
    assert len(submission.hash) == 32


@pytest.mark.parametrize("value", [None, 7, "text", [], [1], True])
def test_what_is_no_object_is_a_malformed_frame(value: Any) -> None:
    submission = read_raw_frame(value)
    assert (submission.frame, submission.malformed) == (None, True)
    assert submission.raw == {"value": value}


def test_a_raw_frame_is_not_changed_by_reading() -> None:
    frame = {"platform": "javascript", "function": "f", "chunkId": "1", "filename": None}
    before = dict(frame)
    assert read_raw_frame(frame).raw is frame
    assert frame == before


@pytest.mark.parametrize(
    ("lineno", "colno", "located"),
    [(1, 2, True), (0, 0, True), (1, None, False), (None, 2, False), (None, None, False)],
)
@pytest.mark.parametrize("tag", ["web:javascript", "node:javascript"])
def test_a_location_needs_both_line_and_column(
    tag: str, lineno: int | None, colno: int | None, located: bool
) -> None:
    frame = read({**full(tag), "lineno": lineno, "colno": colno})
    assert getattr(frame, "located") is located  # noqa: B009 - of two classes without a common one


def test_a_web_frame_reads_what_it_was_sent() -> None:
    assert read(full("web:javascript")) == WebFrame(
        function="f", filename="https://x.test/a.js", lineno=1, colno=2, chunk_id="c"
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=4), inner)
    ),
    max_leaves=6,
)
field_names = st.sampled_from(
    sorted({key for tag in FIELDS for key in full(tag)} | {"in_app", "synthetic", "chunkId", "x"})
)


@given(
    st.sampled_from([*PLATFORMS, "cobol"]),
    st.dictionaries(field_names, json_values, max_size=6),
)
def test_no_json_of_a_frame_raises(tag: str, changes: Frame) -> None:
    frame = sanitise(
        {**full(PLATFORMS[tag].platform if tag in PLATFORMS else "go"), "platform": tag, **changes}
    )
    submission = read_raw_frame(frame)
    assert len(submission.hash) == 32
    assert submission.frame is None or not submission.malformed


@given(json_values)
def test_no_json_at_all_raises(value: Any) -> None:
    assert len(read_raw_frame(sanitise(value)).hash) == 32
