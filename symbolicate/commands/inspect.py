"""`symbolicate inspect`: what a symbol file is, and what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from symbolicate.commands.description import describe
from symbolicate.commands.extraction import extract
from symbolicate.commands.local_files import kind_of, read_file
from symbolicate.commands.printed import printable

MAX_LISTED = 40
"""Items of a list or members of an archive that the text shows; the JSON shows all."""

_TITLES = {
    "source_map": "source map",
    "container": "symbol set container",
    "compiled": "compiled source map",
    "zip": "ZIP archive",
    "script": "generated script",
}


def run_inspect(file: str, *, as_json: bool, folder: str | None) -> None:
    """Prints what a file is; with a folder, unpacks it there too."""
    path = Path(file)
    data = read_file(path)
    kind = kind_of(data)
    facts = describe(path, kind, data)
    written = [] if folder is None else extract(path, kind, data, Path(folder))
    if folder is not None:
        facts["extracted"] = [str(one) for one in written]
    click.echo(json.dumps(facts) if as_json else "\n".join(_texts(facts)))


def _texts(facts: dict[str, Any]) -> Iterator[str]:
    yield _TITLES[facts["kind"]]
    yield from _rows({name: value for name, value in facts.items() if name != "kind"}, "  ")


def _rows(facts: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in facts.items():
        title = f"{indent}{printable(name)}:"
        if isinstance(value, dict) and value:
            yield title
            yield from _shortened(list(_rows(value, indent + "  ")), indent)
        elif isinstance(value, list) and value:
            yield title
            yield from _shortened([f"{indent}  {_value(item)}" for item in value], indent)
        else:
            yield f"{title} {_value(value)}"


def _shortened(rows: list[str], indent: str) -> Iterator[str]:
    yield from rows[:MAX_LISTED]
    if len(rows) > MAX_LISTED:
        yield f"{indent}  … and {len(rows) - MAX_LISTED} more"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return printable(str(value)) if value else "none"
