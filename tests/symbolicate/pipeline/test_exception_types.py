"""Exception types that dart2js shortened get their names back from the first script's set."""

from __future__ import annotations

import json
from typing import Any

import pytest

MAP = json.dumps(
    {
        "version": 3,
        "sources": ["lib/cart.dart"],
        "names": ["CartError", "a\0b"],
        "mappings": "AAAA",
        "x_org_dartlang_dart2js": {"minified_names": {"global": "aB,0,c$,1"}},
    }
).encode()


def types(wired: Any, make: Any, *frames: Any, kind: str = "minified:aB") -> Any:
    event = make.event(*frames)
    event["properties"]["$exception_list"][0]["type"] = kind
    (outcome,) = wired.process(event)
    assert outcome.event is not None
    properties = outcome.event["properties"]
    (exception,) = properties["$exception_list"]
    assert properties["$exception_types"] == [exception["type"]]
    return exception["type"]


@pytest.fixture
def dart(wired: Any, make: Any) -> Any:
    """Gives the floors with the Dart map uploaded as `chunk`, and another map as `other`."""
    wired.add_bytes("chunk", make.container(MAP))
    wired.add("other")
    return wired


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("minified:aB", "CartError"),
        ("minified:aB<minified:c$>", "CartError<a\ufffdb>"),
        ("minified:zz", "minified:zz"),
        ("TypeError", "TypeError"),
        ("not minified:aB", "not minified:aB"),
        ("minified:", "minified:"),
    ],
)
def test_a_type_is_named_by_the_map(dart: Any, make: Any, kind: str, named: str) -> None:
    assert types(dart, make, make.web(), kind=kind) == named


def test_a_type_is_named_again_when_its_frames_are_answered_from_the_store(
    dart: Any, make: Any
) -> None:
    for _ in range(2):
        assert types(dart, make, make.web()) == "CartError"


PYTHON = {"platform": "python", "function": "f", "filename": "a.py"}


@pytest.mark.parametrize(
    ("chunks", "named"),
    [
        (["chunk", "other"], "CartError"),
        (["other", "chunk"], "minified:aB"),
        ([None, "chunk"], "minified:aB"),
        (["gone"], "minified:aB"),
        ([], "minified:aB"),
    ],
    ids=str,
)
def test_the_first_script_decides_and_its_failure_changes_nothing(
    dart: Any, make: Any, chunks: list[str | None], named: str
) -> None:
    scripts = [make.web(chunk, filename=None if chunk is None else "a.js") for chunk in chunks]
    assert types(dart, make, PYTHON, *scripts) == named


def test_a_stack_that_is_resolved_already_keeps_its_type(dart: Any, make: Any) -> None:
    event = make.event(make.web())
    (exception,) = event["properties"]["$exception_list"]
    exception["type"] = "minified:aB"
    exception["stacktrace"]["type"] = "resolved"
    (outcome,) = dart.process(event)
    assert outcome.event["properties"]["$exception_list"][0]["type"] == "minified:aB"
