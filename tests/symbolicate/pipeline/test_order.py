"""The canonical order of frames and exceptions, whatever order a library sends them in."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.pipeline.normalise import NormalEvent, normalise, read_version

Json = dict[str, Any]


def event(*exceptions: Json, **properties: Any) -> Json:
    listed = {"$exception_list": list(exceptions)}
    return {"event": "$exception", "properties": {**listed, **properties}}


def stack(*functions: str, kind: str = "raw") -> Json:
    return {"type": kind, "frames": [{"platform": "go", "function": name} for name in functions]}


def normal(sent: Any) -> NormalEvent:
    made = normalise(sent)
    assert isinstance(made, NormalEvent), made
    return made


def functions(made: NormalEvent) -> list[list[str]]:
    return [[f["function"] for f in e["stacktrace"]["frames"]] for e in made.exceptions]


@pytest.mark.parametrize(
    ("library", "version", "frames", "exceptions"),
    [
        pytest.param("posthog-android", "99.0.0", True, False, id="android always"),
        pytest.param("posthog-flutter", "5.0.0", True, False, id="flutter always"),
        pytest.param("posthog-elixir", None, True, False, id="elixir always"),
        pytest.param("posthog-java", "1.0.0", True, False, id="java always"),
        pytest.param("posthog-server", "2", True, False, id="server always"),
        pytest.param("posthog-php", "4.10.9", True, False, id="php before 4.11.0"),
        pytest.param("posthog-php", "4.11.0", False, False, id="php 4.11.0"),
        pytest.param("posthog-go", "1.18.9", True, False, id="go before 1.19.0"),
        pytest.param("posthog-go", "1.19.0", False, False, id="go 1.19.0"),
        pytest.param("posthog-rs", "0.18.12", True, False, id="rs before 0.19.0"),
        pytest.param("posthog-rs", "0.19.0", False, False, id="rs 0.19.0"),
        pytest.param("posthog-python", "7.30.1", False, True, id="python before 7.31.0"),
        pytest.param("posthog-python", "7.31.0", False, False, id="python 7.31.0"),
        pytest.param("posthog-python", "7.91.1", False, False, id="python 7.91.1"),
        pytest.param("web", "1.0.0", False, False, id="web never"),
        pytest.param("posthog-node", None, False, False, id="node never"),
        pytest.param(None, None, False, False, id="no library"),
        pytest.param("posthog-php", "v4.11.0", False, False, id="a leading v"),
        pytest.param("posthog-php", "V4.11.0", False, False, id="a leading V"),
        pytest.param("posthog-php", "5", False, False, id="one number"),
        pytest.param("posthog-php", "4", True, False, id="one number, old"),
        pytest.param("posthog-go", "1.19", False, False, id="two numbers"),
        pytest.param("posthog-php", "4.11.0-beta.1", False, False, id="a pre-release tail"),
        pytest.param("posthog-php", "4.11.0+build.7", False, False, id="a build tail"),
        pytest.param("posthog-php", None, True, False, id="missing is old"),
        pytest.param("posthog-php", "latest", True, False, id="unreadable is old"),
        pytest.param("posthog-php", "4.x", True, False, id="half readable is old"),
        pytest.param("posthog-php", "", True, False, id="empty is old"),
        pytest.param("posthog-php", 5, True, False, id="a number is unreadable"),
        pytest.param("posthog-php", "9" * 5_000, True, False, id="no number is that long"),
        pytest.param("posthog-python", None, False, True, id="python missing is old"),
    ],
)
def test_order_depends_on_the_library(
    library: str | None, version: Any, frames: bool, exceptions: bool
) -> None:
    named = {"$lib": library, "$lib_version": version}
    sent = event(
        {"type": "A", "stacktrace": stack("a1", "a2", "a3")},
        {"type": "B", "stacktrace": stack("b1", "b2", kind="resolved")},
        **{name: value for name, value in named.items() if value is not None},
    )
    expected = [["a1", "a2", "a3"], ["b1", "b2"]]
    if frames:
        expected = [names[::-1] for names in expected]
    if exceptions:
        expected.reverse()
    assert functions(normal(sent)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1", (1, 0, 0)),
        ("1.2", (1, 2, 0)),
        ("1.2.3.4", (1, 2, 3)),
        ("1.2.3-rc.1+b", (1, 2, 3)),
        (" 1.2.3\n", (1, 2, 3)),
        ("vv1", (0, 0, 0)),
        ("1..2", (0, 0, 0)),
        ("-1", (0, 0, 0)),
        ("١.٢", (0, 0, 0)),
        (None, (0, 0, 0)),
    ],
)
def test_versions_are_read_leniently(text: Any, expected: tuple[int, ...]) -> None:
    assert read_version(text) == expected


def test_exceptions_without_a_stack_are_left_in_peace() -> None:
    made = normal(event({"type": "A"}, {"type": "B"}, **{"$lib": "posthog-java"}))
    assert [e["type"] for e in made.exceptions] == ["A", "B"]
