"""Which language explains a frame."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.languages import registry
from symbolicate.languages.hermes import Hermes
from symbolicate.languages.node_javascript import NodeJavaScript
from symbolicate.languages.python import Python
from symbolicate.languages.unsupported import Unsupported
from symbolicate.languages.web_javascript import WebJavaScript
from symbolicate.raw_frame import read_raw_frame

PLACE = {"function": "f", "filename": "a"}


@pytest.mark.parametrize(
    ("frame", "language"),
    [
        ({"platform": "web:javascript", **PLACE}, WebJavaScript),
        ({"platform": "javascript", **PLACE}, WebJavaScript),
        ({"platform": "node:javascript", **PLACE}, NodeJavaScript),
        ({"platform": "hermes", **PLACE}, Hermes),
        ({"platform": "python", **PLACE}, Python),
        ({"platform": "python", "function": 5}, Unsupported),
        ({"platform": "cobol"}, Unsupported),
        ({}, Unsupported),
        (None, Unsupported),
    ],
    ids=str,
)
def test_a_frame_is_explained_by_its_platform(frame: Any, language: type[object]) -> None:
    assert type(registry.language_of(read_raw_frame(frame))) is language


def test_the_resolver_version_counts_every_language() -> None:
    languages = (WebJavaScript, NodeJavaScript, Hermes, Python, Unsupported)
    assert sum(language.version for language in languages) <= registry.RESOLVER_VERSION
