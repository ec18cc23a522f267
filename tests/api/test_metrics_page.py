"""The metrics page: every declared counter, and no other."""

from __future__ import annotations

import pytest

from symbolicate.metrics import declarations
from symbolicate.prometheus import PrometheusMetrics


def test_every_declared_counter_is_on_the_page_with_its_meaning() -> None:
    page = PrometheusMetrics().page().decode()
    for declared in declarations().values():
        assert f"# HELP {declared.name} {declared.doc}" in page
        assert f"# TYPE {declared.name} {declared.kind}" in page


def test_counters_add_up_by_their_labels() -> None:
    metrics = PrometheusMetrics()
    for amount, outcome in ((1, "ok"), (2, "ok"), (5, "retry")):
        metrics.count("symbolicate_events_total", amount, outcome=outcome)
    metrics.count("symbolicate_reconciled_frames_total", 7)
    page = metrics.page().decode()
    assert 'symbolicate_events_total{outcome="ok"} 3.0' in page
    assert 'symbolicate_events_total{outcome="retry"} 5.0' in page
    assert "symbolicate_reconciled_frames_total 7.0" in page
    shown = {line.partition(" ")[0].partition("{")[0] for line in page.splitlines()}
    assert shown - {"#"} <= declarations().keys()


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("symbolicate_nothing_total", {}),
        ("symbolicate_events_total", {}),
        ("symbolicate_events_total", {"reason": "x"}),
        ("symbolicate_reconciled_frames_total", {"outcome": "x"}),
    ],
)
def test_what_is_not_declared_raises(name: str, labels: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        PrometheusMetrics().count(name, 1, **labels)
