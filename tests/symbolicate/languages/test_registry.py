"""Which language explains a frame."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.languages import registry
from symbolicate.languages.hermes import Hermes
from symbolicate.languages.java import Java
from symbolicate.languages.language import Language
from symbolicate.languages.native import Native
from symbolicate.languages.node_javascript import NodeJavaScript
from symbolicate.languages.pass_through import PassThrough
from symbolicate.languages.python import Python
from symbolicate.languages.unsupported import Unsupported
from symbolicate.languages.web_javascript import WebJavaScript
from symbolicate.raw_frame import PLATFORMS, Submission, read_raw_frame

PLACE = {"function": "f", "filename": "a"}


@pytest.mark.parametrize(
    ("frame", "language"),
    [
        ({"platform": "web:javascript", **PLACE}, WebJavaScript),
        ({"platform": "javascript", **PLACE}, WebJavaScript),
        ({"platform": "node:javascript", **PLACE}, NodeJavaScript),
        ({"platform": "hermes", **PLACE}, Hermes),
        ({"platform": "python", **PLACE}, Python),
        ({"platform": "ruby", **PLACE}, PassThrough),
        ({"platform": "php"}, PassThrough),
        ({"platform": "go", "lineno": 1, **PLACE}, PassThrough),
        ({"platform": "dart", "abs_path": "a"}, PassThrough),
        ({"platform": "custom", "lang": "lua", **PLACE}, PassThrough),
        ({"platform": "java", "module": "a.B", **PLACE}, Java),
        ({"platform": "native"}, Native),
        ({"platform": "rust"}, Native),
        ({"platform": "apple"}, Unsupported),
        ({"platform": "python", "function": 5}, Unsupported),
        ({"platform": "php", "function": 5}, Unsupported),
        ({"platform": "cobol"}, Unsupported),
        ({}, Unsupported),
        (None, Unsupported),
    ],
    ids=str,
)
def test_a_frame_is_explained_by_its_platform(frame: Any, language: type[object]) -> None:
    assert type(registry.language_of(read_raw_frame(frame))) is language


def read(platform: str) -> Submission:
    given = {"lineno": 1, "module": "a.B", "lang": "lua", "abs_path": "a"}
    return read_raw_frame({"platform": platform, **PLACE, **given})


def test_every_platform_but_apple_has_a_language_of_its_own() -> None:
    languages: dict[str, Language] = {
        kind.platform: registry.language_of(read(kind.platform)) for kind in PLATFORMS.values()
    }
    alone = [name for name, one in languages.items() if type(one) is Unsupported]
    assert alone == ["apple"]
    assert len({id(one) for one in languages.values()}) == len(languages)


def test_the_resolver_version_is_the_sum_of_all_languages() -> None:
    languages = {id(one): one for one in (registry.language_of(read(tag)) for tag in PLATFORMS)}
    assert sum(one.version for one in languages.values()) == registry.RESOLVER_VERSION
