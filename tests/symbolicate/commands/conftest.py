"""Runs the command line on files of a temporary folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from symbolicate.cli import main

Run = Callable[..., Result]

SOURCE = "one\nfunction pay() {\n  throw new Error();\n}\n"
FIELDS: dict[str, Any] = {
    "version": 3,
    "file": "app.js",
    "sources": ["../src/pay.ts"],
    "sourcesContent": [SOURCE],
    "names": ["pay"],
    "mappings": "UAEE,UAFFA",
}
"""Maps 1:11 of the bundle into the function `pay` and 1:21 to its call, whose token names it."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, text: str | bytes = "") -> Result:
        return CliRunner().invoke(main, arguments, input=text, prog_name="symbolicate")

    return invoke


@pytest.fixture
def map_fields() -> dict[str, Any]:
    return {**FIELDS}


@pytest.fixture
def write_map(tmp_path: Path) -> Callable[..., str]:
    """Writes the map, with fields changed or taken away, and gives its name."""

    def write(**fields: Any) -> str:
        chosen = {k: v for k, v in {**FIELDS, **fields}.items() if v is not None}
        (tmp_path / "app.js.map").write_text(json.dumps(chosen))
        return "app.js.map"

    return write
