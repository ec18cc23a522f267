"""Counters for Prometheus: a sink for the library's metrics, and the page that shows them."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from symbolicate.metrics import declarations

CONTENT_TYPE = CONTENT_TYPE_LATEST


class PrometheusMetrics:
    """Keeps every declared counter in a registry of its own; an undeclared one raises KeyError."""

    def __init__(self) -> None:
        # When each was first counted is no metric that anybody declared.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._bound: dict[tuple[object, ...], Counter] = {}
        self._counters = {
            declared.name: Counter(
                declared.name, declared.doc, declared.labels, registry=self._registry
            )
            for declared in declarations().values()
            if declared.kind == "counter"
        }

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Adds to a counter, through a child bound once per set of labels."""
        key = (name, *labels.items())
        bound = self._bound.get(key)
        if bound is None:
            bound = self._bound[key] = self._bind(name, labels)
        bound.inc(amount)

    def page(self) -> bytes:
        """Writes all of them in Prometheus' text format."""
        return generate_latest(self._registry)

    def _bind(self, name: str, labels: dict[str, str]) -> Counter:
        counter = self._counters[name]
        if set(declarations()[name].labels) != labels.keys():
            raise KeyError(f"{name} is declared with labels {declarations()[name].labels}")
        return counter.labels(**labels) if labels else counter
