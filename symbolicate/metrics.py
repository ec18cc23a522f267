"""Counters as the library sees them; every metric is declared in `metrics.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Declaration:
    """What `metrics.toml` says of one metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    doc: str


class Metrics(Protocol):
    """A sink of counters; an undeclared name or label raises KeyError."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Adds to a counter."""
        ...


class NullMetrics:
    """Checks that what is counted is declared, and keeps nothing."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Raises KeyError for an undeclared counter or label."""
        if set(declarations()[name].labels) != labels.keys():
            raise KeyError(f"{name} is declared with labels {declarations()[name].labels}")


@cache
def declarations() -> dict[str, Declaration]:
    """Reads `metrics.toml`."""
    text = (Path(__file__).parent / "metrics.toml").read_text("utf-8")
    return {
        name: Declaration(name, entry["kind"], tuple(entry["labels"]), entry["doc"])
        for name, entry in tomllib.loads(text).items()
    }
