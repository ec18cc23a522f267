"""Every metric is declared once, used, and documented."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from symbolicate.metrics import Declaration, NullMetrics, declarations

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"symbolicate_\w+")
UNITS = {"counter": ("_total",), "histogram": ("_seconds", "_bytes"), "gauge": ()}


def named_in_code() -> Iterator[str]:
    """Gives every text in the packages that is spelled like the name of a metric."""
    for folder in ("symbolicate", "api", "worker"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from NAME.findall(node.value) if NAME.fullmatch(node.value) else ()


@pytest.mark.parametrize("entry", declarations().values(), ids=lambda entry: entry.name)
def test_a_declaration_is_complete(entry: Declaration) -> None:
    assert NAME.fullmatch(entry.name)
    assert entry.kind in UNITS
    assert not UNITS[entry.kind] or entry.name.endswith(UNITS[entry.kind])
    assert entry.doc.endswith(".")
    assert entry.doc[0].isupper()


def test_every_declared_metric_is_used_somewhere() -> None:
    assert set(declarations()) - set(named_in_code()) == set()


def test_a_declared_metric_is_counted_in_silence() -> None:
    NullMetrics().count("symbolicate_events_total", outcome="ok")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("symbolicate_nothing_total", {}),
        ("symbolicate_events_total", {}),
        ("symbolicate_events_total", {"outcome": "ok", "team": "1"}),
        ("symbolicate_events_total", {"result": "ok"}),
    ],
    ids=["undeclared", "label missing", "label too many", "label unknown"],
)
def test_what_is_not_declared_raises(name: str, labels: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        NullMetrics().count(name, 1, **labels)
