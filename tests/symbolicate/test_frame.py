"""Frames out: keys, their order, their absence, and numbering."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from symbolicate.frame import contents_of, frames_of
from symbolicate.frame_context import Context, ContextLine
from symbolicate.outcome import (
    Failed,
    Failure,
    FrameOutcome,
    FramePart,
    NotNeeded,
    Resolved,
    unsupported,
)

HASH = bytes(range(32))
STEM = HASH.hex()
BARE = FramePart("f", "go", in_app=True, resolved=True)
FULL = FramePart(
    mangled_name="t",
    lang="javascript",
    in_app=False,
    resolved=True,
    line=3,
    column=5,
    source="src/a.ts",
    module="a",
    resolved_name="Cart.total",
    synthetic=True,
    suspicious=True,
    junk={"function": "t"},
    context=Context([], ContextLine(3, "x"), []),
)
FAILURE = Failure("transient", "Temporarily unavailable, will be retried")
LATER = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_every_key_stands_in_the_documented_order() -> None:
    assert list(contents_of(FULL, "id/0", FAILURE, LATER).items()) == [
        ("raw_id", "id/0"),
        ("mangled_name", "t"),
        ("line", 3),
        ("column", 5),
        ("source", "src/a.ts"),
        ("module", "a"),
        ("in_app", False),
        ("resolved_name", "Cart.total"),
        ("lang", "javascript"),
        ("resolved", True),
        ("resolve_failure", "Temporarily unavailable, will be retried"),
        ("failure_code", "transient"),
        ("retry_at", "2026-01-02T03:04:05.000006Z"),
        ("synthetic", True),
        ("suspicious", True),
        ("junk_drawer", {"raw_frame": {"function": "t"}}),
    ]


def test_what_is_unset_is_absent_and_never_null() -> None:
    assert list(contents_of(BARE, "id/0", None, None).items()) == [
        ("raw_id", "id/0"),
        ("mangled_name", "f"),
        ("in_app", True),
        ("lang", "go"),
        ("resolved", True),
        ("synthetic", False),
        ("suspicious", False),
    ]


def test_empty_texts_and_an_empty_junk_drawer_are_set() -> None:
    part = BARE._replace(mangled_name="", resolved_name="", source="", junk={})
    contents = contents_of(part, "id/0", None, None)
    assert (contents["mangled_name"], contents["resolved_name"], contents["source"]) == ("",) * 3
    assert contents["junk_drawer"] == {"raw_frame": {}}


def test_parts_are_numbered_outermost_first() -> None:
    parts = tuple(BARE._replace(mangled_name=name) for name in ("outer", "middle", "inner"))
    frames = frames_of(HASH, Resolved(parts), "ref")
    assert [(frame.raw_id, frame.part) for frame in frames] == [
        (f"{STEM}/{number}", number) for number in range(3)
    ]
    assert [frame.contents["raw_id"] for frame in frames] == [frame.raw_id for frame in frames]
    assert [frame.contents["mangled_name"] for frame in frames] == ["outer", "middle", "inner"]
    assert {frame.symbol_set_ref for frame in frames} == {"ref"}


@pytest.mark.parametrize(
    ("outcome", "resolved", "code"),
    [
        pytest.param(Resolved((FULL,)), True, None, id="resolved"),
        pytest.param(NotNeeded(FULL), True, None, id="not needed"),
        pytest.param(
            Failed(FULL._replace(resolved=False), unsupported("x")),
            False,
            "unsupported",
            id="failed",
        ),
        pytest.param(
            Failed(FULL, unsupported("x")), True, "unsupported", id="failed and yet readable"
        ),
    ],
)
def test_an_outcome_says_whether_it_is_resolved_and_why_not(
    outcome: FrameOutcome, resolved: bool, code: str | None
) -> None:
    (frame,) = frames_of(HASH, outcome, None)
    assert (frame.resolved, frame.contents["resolved"]) == (resolved, resolved)
    assert frame.failure_code == frame.contents.get("failure_code") == code
    assert ("resolve_failure" in frame.contents) == (code is not None)
    assert "retry_at" not in frame.contents
    assert frame.symbol_set_ref is None


def test_context_is_a_column_of_its_own() -> None:
    (frame,) = frames_of(HASH, Resolved((FULL,)), None)
    assert frame.context == FULL.context
    assert "context" not in frame.contents


def test_retry_at_stands_in_a_frame_that_is_tried_again() -> None:
    (frame,) = frames_of(HASH, Failed(FULL, FAILURE), "ref", LATER)
    assert frame.contents["retry_at"] == "2026-01-02T03:04:05.000006Z"
