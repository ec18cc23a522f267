"""Frames that no platform explains: one frame each, with whatever is usable."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.languages.unsupported import Unsupported, fallback_part
from symbolicate.outcome import Failed, FramePart
from symbolicate.raw_frame import read_raw_frame

LANGUAGE = Unsupported()


def resolve(frame: Any) -> Failed:
    submission = read_raw_frame(frame)
    assert LANGUAGE.reference(submission) is None
    (outcome,) = LANGUAGE.resolve([submission], None)
    assert isinstance(outcome, Failed)
    return outcome


def test_an_unknown_tag_is_unsupported_and_shows_what_is_usable() -> None:
    frame = {"platform": "cobol", "function": "f", "filename": "a.cob", "lineno": 3, "colno": 4}
    outcome = resolve({**frame, "in_app": False, "synthetic": True})
    assert outcome.failure == ("unsupported", "Not supported: cobol")
    assert outcome.part == FramePart(
        mangled_name="f",
        lang="cobol",
        in_app=False,
        resolved=False,
        line=3,
        column=4,
        source="a.cob",
        synthetic=True,
    )


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("function", 5, {"mangled_name": ""}),
        ("filename", ["a"], {"source": None}),
        ("lineno", "3", {"line": None}),
        ("lineno", True, {"line": None}),
        ("lineno", -1, {"line": None}),
        ("lineno", 2**32, {"line": None}),
        ("lineno", 0, {"line": 1}),
        ("lineno", 2**32 - 1, {"line": 2**32 - 1}),
        ("colno", 1.5, {"column": None}),
        ("colno", 0, {"column": 1}),
        ("in_app", "no", {"in_app": True}),
        ("in_app", None, {"in_app": True}),
        ("synthetic", 1, {"synthetic": False}),
    ],
)
def test_what_does_not_have_its_type_is_not_usable(
    key: str, value: Any, shown: dict[str, Any]
) -> None:
    part = resolve({"platform": "cobol", key: value}).part
    assert shown.items() <= part._asdict().items()


@pytest.mark.parametrize(
    ("frame", "tag", "said"),
    [
        pytest.param({"function": "f"}, "", "it has no platform", id="no tag"),
        pytest.param("text", "", "it has no platform", id="no object"),
        pytest.param(
            {"platform": "go", "function": "f", "filename": "a.go"},
            "go",
            "missing required field `lineno`",
            id="missing field",
        ),
        pytest.param(
            {"platform": "web:javascript", "function": "f", "lineno": "SECRET"},
            "web:javascript",
            "`$.lineno`",
            id="wrong type",
        ),
        pytest.param(
            {"platform": "hermes", "function": "f", "filename": "a", "chunkId": 7},
            "hermes",
            "it does not fit hermes",
            id="wrong type under an alias",
        ),
    ],
)
def test_a_malformed_frame_says_what_did_not_fit(frame: Any, tag: str, said: str) -> None:
    outcome = resolve(frame)
    assert outcome.failure.code == "malformed"
    assert outcome.failure.sentence.startswith("The frame cannot be read: ")
    assert said in outcome.failure.sentence
    assert "SECRET" not in outcome.failure.sentence
    assert (outcome.part.lang, outcome.part.resolved) == (tag, False)


def test_a_long_tag_is_cut_in_the_sentence() -> None:
    assert len(resolve({"platform": "x" * 9999}).failure.sentence) < 350


def test_a_known_platform_without_a_language_yet_is_unsupported() -> None:
    outcome = resolve({"platform": "apple", "function": "f"})
    assert outcome.failure == ("unsupported", "Not supported: apple")
    assert outcome.part.lang == "apple"


def test_a_frame_that_was_read_has_a_fallback_too() -> None:
    frame = {"platform": "go", "function": "main.f", "filename": "main.go", "lineno": 7}
    part = fallback_part(read_raw_frame(frame))
    assert part == FramePart("main.f", "go", True, False, line=7, source="main.go")
