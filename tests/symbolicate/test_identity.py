"""Names: raw ids, refs, UUIDs."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from symbolicate import identity
from symbolicate.images import read_debug_images
from symbolicate.raw_frame import read_raw_frame

Frame = dict[str, Any]

WEB: Frame = {
    "platform": "web:javascript",
    "function": "onClick",
    "filename": "https://x.test/main.js",
    "lineno": 651,
    "colno": 450,
    "in_app": True,
    "synthetic": False,
}


def hash_of(frame: Any, images: Any = ()) -> str:
    return read_raw_frame(frame, read_debug_images(list(images))).hash.hex()


def described_hash(platform: str, *fields: Any) -> str:
    """The hash as the specification describes it, written anew."""

    def size(number: int) -> bytes:
        return number.to_bytes(8, "big")

    def text(value: str) -> bytes:
        return size(len(value.encode())) + value.encode()

    def optional(value: Any) -> bytes:
        if value is None:
            return b"\x00"
        if isinstance(value, bool):
            return b"\x01" + bytes([value])
        if isinstance(value, int):
            return b"\x01" + value.to_bytes(8, "big", signed=True)
        if isinstance(value, str):
            return b"\x01" + text(value)
        if isinstance(value, list):
            return b"\x01" + size(len(value)) + b"".join(text(item) for item in value)
        return b"\x01" + text(
            json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        )

    data = text("symbolicate.raw-id") + size(1) + text(platform)
    data += b"".join(optional(field) for field in fields)
    return hashlib.blake2b(data, digest_size=32).hexdigest()


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param(
            WEB, "a7d6f5227b155440653ee856d1187582bb7cc594ead55d1492c00a98eb63f31a", id="web"
        ),
        pytest.param(
            {**WEB, "chunk_id": "1234"},
            "867a00bf1fa85a420ab9f2f1c19a44ba21614e0d0ef87e316d6cc656ba608509",
            id="web with a chunk id",
        ),
        pytest.param(
            {"platform": "go", "function": "main.f", "filename": "main.go", "lineno": 7},
            "1a20958166ee99839109b360279cbbb345a77b3d8e104f76531c020380bd7188",
            id="go",
        ),
        pytest.param(
            {
                "platform": "python",
                "function": "f",
                "filename": "a.py",
                "lineno": 3,
                "context_line": "x = 1",
                "pre_context": ["# a"],
                "post_context": [],
            },
            "f545f9d662aba7de8fec8eac94ef741c60f8699ebf93c1fee75d2f644c445082",
            id="python",
        ),
    ],
)
def test_golden_raw_ids(frame: Frame, expected: str) -> None:
    assert hash_of(frame) == expected


LINES = {"context_line": "c", "pre_context": ["p", "q"], "post_context": []}
LINE_FIELDS: tuple[Any, ...] = ("c", ["p", "q"], [])

TABLE: list[tuple[Frame, tuple[Any, ...]]] = [
    (
        {"platform": "node:javascript", "function": "f", "filename": "n", "lineno": 1, "colno": 2}
        | {"module": "m", "chunk_id": "k"}
        | LINES,
        ("f", "n", 1, 2, "m", *LINE_FIELDS, "k"),
    ),
    (
        {"platform": "hermes", "function": "f", "filename": "n", "colno": 2, "chunk_id": "k"},
        ("f", "n", 2, "k"),
    ),
    (
        {"platform": "python", "function": "f", "filename": "n", "abs_path": "/n", "lineno": 1}
        | {"module": "m", "code_variables": {"x": 1}}
        | LINES,
        ("f", "n", "/n", 1, "m", *LINE_FIELDS, None),
    ),
    (
        {"platform": "ruby", "function": "f", "filename": "n", "abs_path": "/n", "lineno": 1}
        | LINES,
        ("f", "n", "/n", 1, *LINE_FIELDS),
    ),
    ({"platform": "php"}, (None, None, None, None, None, [], [])),
    (
        {"platform": "java", "function": "f", "module": "m", "filename": "n", "lineno": 1}
        | {"map_id": "k", "method_synthetic": True}
        | LINES,
        ("f", "n", 1, "m", "k", True, *LINE_FIELDS),
    ),
    (
        {"platform": "dart", "abs_path": "/n", "filename": "n", "function": "f", "lineno": 1}
        | {"colno": 2, "package": "p"},
        ("f", "n", 1, 2, "/n", "p"),
    ),
    (
        {"platform": "custom", "lang": "l", "function": "f", "filename": "n", "lineno": 1}
        | {"colno": 2, "module": "m", "resolved": True}
        | LINES,
        ("f", "n", "l", 1, 2, "m", *LINE_FIELDS, True),
    ),
    (
        {"platform": "apple", "instruction_addr": "0xA", "image_addr": "0x9", "function": "f"}
        | {"filename": "n", "lineno": 1, "colno": 2, "module": "m", "image_uuid": "u"},
        ("addr", "0xA", "0x9", "f", "n", 1, 2, "m"),
    ),
    (
        {"platform": "native", "instruction_addr": "0xA", "lang": "rust", "inline": True},
        ("addr", "0xA", None, None, None, None, None, None, "rust", False, True),
    ),
]


@pytest.mark.parametrize(
    ("frame", "fields"), [pytest.param(*row, id=str(row[0]["platform"])) for row in TABLE]
)
def test_a_platforms_fields_are_hashed_in_their_order(
    frame: Frame, fields: tuple[Any, ...]
) -> None:
    expected = described_hash(frame["platform"], True, False, *fields)
    assert hash_of(frame) == expected
    other = {**frame, "in_app": False, "synthetic": True}
    assert hash_of(other) == described_hash(frame["platform"], False, True, *fields)


@pytest.mark.parametrize(
    ("frame", "tag"),
    [
        pytest.param({"platform": "cobol", "z": 1, "a": ["é", None]}, "cobol", id="unknown tag"),
        pytest.param({"platform": "go", "function": 5}, "go", id="malformed"),
        pytest.param({"function": "f"}, "", id="no tag"),
        pytest.param({"platform": 7}, "", id="a tag that is no text"),
    ],
)
def test_other_frames_are_hashed_whole_as_json(frame: Frame, tag: str) -> None:
    assert hash_of(frame) == described_hash(tag, True, False, frame)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param({"platform": "javascript"}, {"platform": "web:javascript"}, id="javascript"),
        pytest.param({"chunkId": "1"}, {"chunk_id": "1"}, id="chunkId"),
        pytest.param({"chunkId": "1", "chunk_id": None}, {"chunk_id": "1"}, id="chunkId, null"),
        pytest.param({"chunkId": "2", "chunk_id": "1"}, {"chunk_id": "1"}, id="chunk_id first"),
        pytest.param({"chunk_id": None}, {}, id="null is absent"),
        pytest.param({"in_app": None, "synthetic": None}, {}, id="null flags are defaults"),
        pytest.param({"colno": None}, {"colno": None, "lineno": None}, id="half a location"),
        pytest.param({"lineno": None}, {"colno": None, "lineno": None}, id="the other half"),
        pytest.param({"unknown": "key"}, {}, id="a key we do not know"),
    ],
)
def test_frames_with_the_same_answer_share_a_raw_id(one: Frame, two: Frame) -> None:
    assert hash_of({**WEB, **one}) == hash_of({**WEB, **two})


def test_rust_is_native() -> None:
    frame = {"instruction_addr": "0x10", "function": "f"}
    assert hash_of({"platform": "rust", **frame}) == hash_of({"platform": "native", **frame})
    assert read_raw_frame({"platform": "rust"}).tag == "native"


def test_code_variables_make_no_new_frame() -> None:
    frame = {"platform": "python", "function": "f", "filename": "a.py"}
    assert hash_of(frame) == hash_of({**frame, "code_variables": {"self": "<X at 0x7f>"}})


@pytest.mark.parametrize(
    "change",
    [
        {"function": "onClick2"},
        {"filename": None},
        {"filename": ""},
        {"lineno": 652},
        {"colno": 451},
        {"colno": None},
        {"chunk_id": ""},
        {"in_app": False},
        {"synthetic": True},
        {"platform": "node:javascript"},
    ],
    ids=str,
)
def test_what_changes_an_answer_changes_the_raw_id(change: Frame) -> None:
    assert hash_of({**WEB, **change}) != hash_of(WEB)


field_lists = st.lists(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=4)
    | st.lists(st.text(max_size=3), max_size=3),
    max_size=5,
)


def typed(fields: list[Any]) -> list[tuple[str, Any]]:
    return [(type(field).__name__, field) for field in fields]


@given(field_lists)
def test_any_fields_are_hashed_as_described(fields: list[Any]) -> None:
    assert identity.hash_fields("x", fields).hex() == described_hash("x", *fields)


@given(
    st.tuples(st.sampled_from(["a", "b", "ab"]), field_lists),
    st.tuples(st.sampled_from(["a", "b", "ab"]), field_lists),
)
def test_different_fields_have_different_hashes(
    one: tuple[str, list[Any]], two: tuple[str, list[Any]]
) -> None:
    assume((one[0], typed(one[1])) != (two[0], typed(two[1])))
    assert identity.hash_fields(*one) != identity.hash_fields(*two)


@given(st.lists(st.text("ab", max_size=3), min_size=2, max_size=4), st.data())
def test_moving_a_border_between_two_texts_changes_the_hash(
    texts: list[str], data: st.DataObject
) -> None:
    joined = "".join(texts)
    cuts = st.integers(0, len(joined))
    border = data.draw(cuts)
    moved = [joined[:border], joined[border:]]
    assume(moved != texts)
    assert identity.hash_fields("x", [*moved]) != identity.hash_fields("x", [*texts])
    assert identity.hash_fields("x", [[*moved]]) != identity.hash_fields("x", [[*texts]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc/0", ("abc", 0)),
        ("abc/12", ("abc", 12)),
        ("abc", ("abc", 0)),
        ("", ("", 0)),
        ("abc/", ("abc/", 0)),
        ("abc/x", ("abc/x", 0)),
        ("a/1/2", ("a/1/2", 0)),
    ],
)
def test_no_text_is_an_error_as_a_raw_id(text: str, expected: tuple[str, int]) -> None:
    assert identity.parse_raw_id(text) == expected


@pytest.mark.parametrize(
    "text", ["", "ab", "g" * 64, "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"]
)
def test_what_is_not_64_lower_case_hex_digits_names_no_frame(text: str) -> None:
    assert identity.raw_id_bytes(text) is None


def test_raw_id_bytes_reads_the_hash() -> None:
    assert identity.raw_id_bytes("0f" * 32) == b"\x0f" * 32


@pytest.mark.parametrize(
    ("ref", "normal"),
    [
        pytest.param("A" * 32, "a" * 32, id="32 hex digits"),
        pytest.param("A" * 33, "a" * 33, id="33, Breakpad"),
        pytest.param(
            "0189AB00-0000-7000-8000-00000000ABCD",
            "0189ab00-0000-7000-8000-00000000abcd",
            id="UUID keeps its hyphens",
        ),
        pytest.param("A" * 31, "A" * 31, id="31 digits are text"),
        pytest.param("G" + "A" * 32, "G" + "A" * 32, id="not hex"),
        pytest.param("https://X.test/A.js", "https://X.test/A.js", id="URL"),
        pytest.param("com.App@1.0+1", "com.App@1.0+1", id="map id"),
    ],
)
def test_only_long_hex_ids_are_case_insensitive(ref: str, normal: str) -> None:
    assert identity.normal_ref(ref) == normal


def test_uuid7_is_versioned_and_ordered_by_time() -> None:
    early, late = identity.uuid7(1_000), identity.uuid7(1_001)
    assert (early.version, early.variant) == (7, uuid.RFC_4122)
    assert early.int >> 80 == 1_000
    assert early < late
    assert len({identity.uuid7(5) for _ in range(100)}) == 100


def test_an_exception_id_is_the_same_at_every_delivery() -> None:
    first = identity.exception_id("0189-event", 0)
    assert first == identity.exception_id("0189-event", 0)
    assert uuid.UUID(first).version == 8
    assert uuid.UUID(first).variant == uuid.RFC_4122
    others = {identity.exception_id("0189-event", 1), identity.exception_id("other", 0)}
    assert len(others | {first}) == 3


@pytest.mark.parametrize(
    ("name", "version", "start"),
    [
        ("com.posthog.iosraw", "1.0+1", "75605cac5268ba4bdc57b4c8336f6686802e88236ae4026418a18cab"),
        ("com.example.app", "1.0+42", "5a7f7b504d81759fa4e15f8b3bbc77c694a9dc222cfcd06c801fae96"),
        ("com.example.app", "2.3", "09aeeb69b914985562d4aa39d13033abf0f90c753ef90b0148cb06b8"),
        ("com.example.app", "99", "5e925a3f2e9349f64ab88eede466b641a7332dc79d6f1901d931fb65"),
    ],
)
def test_release_hashes_equal_the_clients(name: str, version: str, start: str) -> None:
    digest = identity.release_hash(name, version)
    assert len(digest) == 128
    assert digest.startswith(start)
