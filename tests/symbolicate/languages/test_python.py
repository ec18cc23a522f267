"""Frames of Python: shown as they came."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from symbolicate.frame import frames_of
from symbolicate.frame_context import Context
from symbolicate.languages.python import Python
from symbolicate.outcome import FramePart, NotNeeded
from symbolicate.raw_frame import read_raw_frame

LANGUAGE = Python()


def resolve(**fields: Any) -> NotNeeded:
    frame = {"platform": "python", "function": "total", "filename": "shop/cart.py", **fields}
    submission = read_raw_frame(frame)
    assert LANGUAGE.reference(submission) is None
    (outcome,) = LANGUAGE.resolve([submission], None)
    assert isinstance(outcome, NotNeeded)
    return outcome


def test_a_frame_is_shown_as_it_was_sent() -> None:
    outcome = resolve(
        abs_path="/srv/shop/cart.py",
        lineno=2,
        module="shop.cart",
        pre_context=["def total():"],
        context_line="    return 1 / 0",
        post_context=[],
        synthetic=True,
    )
    assert outcome.part == FramePart(
        mangled_name="total",
        lang="python",
        in_app=True,
        resolved=True,
        line=2,
        source="shop/cart.py",
        module="shop.cart",
        resolved_name="total",
        synthetic=True,
        context=msgspec.convert(
            {
                "before": [{"number": 1, "line": "def total():"}],
                "line": {"number": 2, "line": "    return 1 / 0"},
                "after": [],
            },
            Context,
        ),
    )


def test_the_least_a_frame_can_be() -> None:
    assert resolve().part == FramePart(
        mangled_name="total",
        lang="python",
        in_app=True,
        resolved=True,
        source="shop/cart.py",
        resolved_name="total",
    )


@pytest.mark.parametrize(
    ("fields", "in_app"),
    [
        ({"in_app": False}, False),
        ({"abs_path": "/v/site-packages/shop/cart.py"}, False),
        ({"module": "logging.handlers"}, False),
        ({"module": "logging.handlers", "abs_path": "/srv/logging/handlers.py"}, True),
    ],
)
def test_packages_and_the_standard_library_are_demoted(
    fields: dict[str, Any], in_app: bool
) -> None:
    assert resolve(**fields).part.in_app is in_app


def test_local_variables_are_never_in_stored_contents() -> None:
    outcome = resolve(code_variables={"card": "4111"})
    (frame,) = frames_of(bytes(32), outcome, None)
    assert "4111" not in str(frame)
    assert "junk_drawer" not in frame.contents
