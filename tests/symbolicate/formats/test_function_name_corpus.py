"""Names of functions against V8's own, over the shapes of `fixtures/js-function-names`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from symbolicate.formats.source_map import SourceMap

OUT = Path(__file__).resolve().parents[3] / "fixtures" / "js-function-names" / "out"
BUILDS = ("esbuild", "lowered", "terser")
SHARE = 0.98


def frames(build: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((OUT / build / "frames.json").read_text())
    return found


def opened(build: str, folder: Path, *, compiled: bool) -> SourceMap:
    found = SourceMap.from_json((OUT / build / "app.mjs.map").read_bytes())
    if not compiled:
        return found
    found.save(folder / build)
    return SourceMap.open(folder / build)


def compared(name: str) -> str:
    """What of a name counts: its last part, without words that only say how it is called."""
    name = re.sub(r" \[as .*\]$", "", name)
    name = re.sub(r"^(async |new |get |set )+", "", name)
    name = name[name.index("[") :] if "[" in name else name.rpartition(".")[2]
    return name.lstrip("_#")


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("compiled", [False, True], ids=["parsed", "compiled"])
def test_names_equal_those_of_the_unminified_run(
    build: str, compiled: bool, tmp_path: Path
) -> None:
    source_map = opened(build, tmp_path, compiled=compiled)
    wrong = []
    for frame in frames(build):
        found = source_map.function_at(frame["line"], frame["column"])
        if found is None or compared(found.name) != compared(frame["truth"]):
            wrong.append((frame["label"], frame["truth"], found))
    assert len(wrong) <= (1 - SHARE) * len(frames(build)), wrong


@pytest.mark.parametrize("build", BUILDS)
def test_corpus_holds_enough_shapes(build: str) -> None:
    assert len({frame["label"] for frame in frames(build)}) >= 60
    assert len(frames(build)) >= 100


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("async Cart.checkout", "checkout"),
        ("new Cart", "Cart"),
        ("get price [as price]", "price"),
        ("Cart.#secret", "secret"),
        ("Cart.[Symbol.iterator]", "[Symbol.iterator]"),
        ("_total", "total"),
    ],
)
def test_rule_of_comparison(name: str, expected: str) -> None:
    assert compared(name) == expected
