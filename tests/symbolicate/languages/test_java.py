"""Frames of the JVM: readable as they come, unless their classes were renamed."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.languages.java import Java
from symbolicate.outcome import Failed, FrameOutcome, FramePart, NotNeeded
from symbolicate.raw_frame import read_raw_frame

LANGUAGE = Java()
FRAME = {"platform": "java", "function": "total", "module": "com.shop.Cart"}


def resolve(**fields: Any) -> FrameOutcome:
    submission = read_raw_frame({**FRAME, **fields})
    assert LANGUAGE.reference(submission) is None
    (outcome,) = LANGUAGE.resolve([submission], None)
    return outcome


@pytest.mark.parametrize("map_id", [None, ""], ids=["absent", "empty"])
def test_a_frame_without_a_map_id_is_shown_as_it_was_sent(map_id: str | None) -> None:
    """Its name is not called the original one: nobody knows whether a build renamed it."""
    outcome = resolve(filename="Cart.java", lineno=0, in_app=False, synthetic=True, map_id=map_id)
    assert isinstance(outcome, NotNeeded)
    assert outcome.part._replace(junk=None) == FramePart(
        mangled_name="total",
        lang="java",
        in_app=False,
        resolved=True,
        line=1,
        source="Cart.java",
        module="com.shop.Cart",
        synthetic=True,
    )


def test_its_raw_frame_is_kept_without_its_tag() -> None:
    outcome = resolve(method_synthetic=True)
    assert isinstance(outcome, NotNeeded)
    expected = {"function": "total", "module": "com.shop.Cart", "method_synthetic": True}
    assert outcome.part.junk == expected


@pytest.mark.parametrize(
    ("lineno", "number", "kept"),
    [
        pytest.param(40, 40, {"context_line", "pre_context"}, id="a context"),
        pytest.param(None, None, set(), id="no line, no context"),
    ],
)
def test_client_lines_are_bounded_and_kept_only_beside_a_context(
    lineno: int | None, number: int | None, kept: set[str]
) -> None:
    outcome = resolve(lineno=lineno, context_line="x", pre_context=["a"] * 20)
    assert isinstance(outcome, NotNeeded)
    around, junk = outcome.part.context, outcome.part.junk
    assert (None if around is None else around.line.number) == number
    assert junk is not None
    assert junk.keys() & {"context_line", "pre_context"} == kept
    assert junk.get("pre_context", ["a"] * 15) == ["a"] * 15


def test_a_frame_with_a_map_id_cannot_be_read_without_its_mapping() -> None:
    outcome = resolve(map_id="com.shop@1.0+1", filename="SourceFile", lineno=3)
    assert isinstance(outcome, Failed)
    assert outcome.failure == ("unsupported", "Not supported: java")
    assert outcome.part == FramePart("total", "java", True, False, line=3, source="SourceFile")
