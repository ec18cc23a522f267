"""Frames of native programs: shown as they came where the client explained them itself."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.languages.native import Native
from symbolicate.outcome import Failed, FrameOutcome, FramePart, NotNeeded
from symbolicate.raw_frame import read_raw_frame

LANGUAGE = Native()


def resolve(**fields: Any) -> FrameOutcome:
    submission = read_raw_frame({"platform": "native", **fields})
    assert LANGUAGE.reference(submission) is None
    (outcome,) = LANGUAGE.resolve([submission], None)
    return outcome


def test_a_frame_without_an_address_is_shown_as_it_was_sent() -> None:
    sent = {"function": "cart::total", "filename": "src/cart.rs", "lineno": 0, "colno": 5}
    outcome = resolve(**sent, module="shop", synthetic=True)
    assert isinstance(outcome, NotNeeded)
    assert outcome.part == FramePart(
        mangled_name="cart::total",
        lang="rust",
        in_app=True,
        resolved=True,
        line=1,
        column=5,
        source="src/cart.rs",
        module="shop",
        resolved_name="cart::total",
        synthetic=True,
        junk={**sent, "module": "shop", "synthetic": True},
    )


@pytest.mark.parametrize(
    ("fields", "name", "resolved"),
    [
        pytest.param({"function": "f"}, "f", True, id="a name"),
        pytest.param({"function": ""}, "", False, id="an empty name"),
        pytest.param({}, "", False, id="no name"),
    ],
)
def test_it_is_resolved_if_it_has_a_name(fields: dict[str, Any], name: str, resolved: bool) -> None:
    outcome = resolve(**fields)
    assert isinstance(outcome, NotNeeded)
    assert (outcome.part.mangled_name, outcome.part.resolved) == (name, resolved)


@pytest.mark.parametrize(
    ("fields", "lang"),
    [
        pytest.param({"filename": "a.cc", "lang": "rust"}, "cpp", id="the file"),
        pytest.param({"filename": "a.zig", "lang": "rust"}, "rust", id="then the client"),
        pytest.param({"lang": "rust"}, "rust", id="the client where there is no file"),
        pytest.param({}, "native", id="then nobody"),
    ],
)
def test_the_language_is_told_by_the_file_then_by_the_client(
    fields: dict[str, Any], lang: str
) -> None:
    outcome = resolve(**fields)
    assert isinstance(outcome, NotNeeded)
    assert outcome.part.lang == lang


@pytest.mark.parametrize(
    ("in_app", "filename", "shown"),
    [
        (True, "src/a.rs", True),
        (False, "src/a.rs", False),
        (True, "library/core/src/panicking.rs", False),
        (True, None, True),
    ],
)
def test_dependencies_are_demoted_and_nothing_is_promoted(
    in_app: bool, filename: str | None, shown: bool
) -> None:
    outcome = resolve(in_app=in_app, filename=filename)
    assert isinstance(outcome, NotNeeded)
    assert outcome.part.in_app is shown


def test_a_member_of_an_inline_group_is_shown_as_it_was_sent() -> None:
    outcome = resolve(instruction_addr="0x10", inline=True, function="f")
    assert isinstance(outcome, NotNeeded)
    assert (outcome.part.resolved, outcome.part.resolved_name) == (True, "f")


@pytest.mark.parametrize("address", ["0x10", "", "nonsense"])
def test_an_address_cannot_be_read_without_its_debug_file(address: str) -> None:
    outcome = resolve(instruction_addr=address, function="f", lang="rust")
    assert isinstance(outcome, Failed)
    assert outcome.failure == ("unsupported", "Not supported: native")
    assert outcome.part == FramePart("f", "native", True, False)
