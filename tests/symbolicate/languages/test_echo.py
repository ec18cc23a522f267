"""What a frame repeats of its raw frame."""

from __future__ import annotations

from symbolicate.frame_context import Context, ContextLine
from symbolicate.languages.echo import junk_of, one_based, said


def test_a_position_of_0_counts_as_1() -> None:
    assert [one_based(number) for number in (None, 0, 1, 7)] == [None, 1, 1, 7]


def test_a_sentence_repeats_300_characters_of_a_value() -> None:
    assert said("x" * 300) == "x" * 300
    assert said("x" * 301) == "x" * 300 + "..."


RAW = {
    "platform": "node:javascript",
    "function": "f",
    "unknown": [1],
    "context_line": "x" * 301,
    "pre_context": [str(number) for number in range(20)],
}


def test_the_junk_drawer_holds_the_raw_frame_without_its_tag() -> None:
    assert junk_of(RAW, None) == {"function": "f", "unknown": [1]}


def test_client_context_in_the_junk_drawer_is_bounded() -> None:
    assert junk_of(RAW, Context([], ContextLine(1, "x"), [])) == {
        "function": "f",
        "unknown": [1],
        "context_line": "x" * 300 + "...✂️",
        "pre_context": [str(number) for number in range(5, 20)],
    }


def test_the_raw_frame_itself_is_not_touched() -> None:
    junk_of(RAW, Context([], ContextLine(1, "x"), []))
    assert len(RAW["pre_context"]) == 20
    assert RAW["platform"] == "node:javascript"
