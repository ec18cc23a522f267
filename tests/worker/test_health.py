"""The worker's health port: live is not ready, and what is counted can be read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from symbolicate.prometheus import PrometheusMetrics
from symbolicate_worker.health import Health

PATIENCE = 20.0

Get = Callable[[str], httpx.Response]


@pytest.fixture
def trouble() -> list[str]:
    """Names what is out of reach."""
    return []


@pytest.fixture
def metrics_page() -> PrometheusMetrics:
    return PrometheusMetrics()


@pytest.fixture
def get(trouble: list[str], metrics_page: PrometheusMetrics) -> Iterator[Get]:
    def named() -> str | None:
        return trouble[0] if trouble else None

    with closing(Health(0, named, metrics_page)) as health:
        base = f"http://127.0.0.1:{health.port}"
        with httpx.Client(base_url=base, trust_env=False) as client:
            yield client.get


def test_it_is_live_and_ready(get: Get) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert answer.headers["Content-Type"] == "application/json"


def test_without_a_dependency_it_is_live_and_not_ready(get: Get, trouble: list[str]) -> None:
    trouble.append("object store")
    assert get("/health/live").status_code == 200
    answer = get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "out_of_reach": "object store"}
    trouble.clear()
    assert get("/health/ready").status_code == 200


def test_while_a_dependency_hangs_it_says_so_soon_and_is_ready_again_afterwards(
    metrics_page: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate_worker.health.PATIENCE_SECONDS", 0.05)
    asked, goes_on = [0], threading.Event()

    def hangs() -> None:
        asked[0] += 1
        goes_on.wait(PATIENCE)

    with closing(Health(0, hangs, metrics_page)) as health:
        url = f"http://127.0.0.1:{health.port}/health/ready"
        for _ in range(3):
            answer = httpx.get(url, trust_env=False)
            assert answer.status_code == 503
            assert answer.json() == {"status": "unavailable", "out_of_reach": "dependencies"}
        assert asked == [1]
        goes_on.set()
        give_up = time.monotonic() + PATIENCE
        while httpx.get(url, trust_env=False).status_code != 200:
            assert time.monotonic() < give_up


def test_what_was_counted_is_on_the_metrics_page(get: Get, metrics_page: PrometheusMetrics) -> None:
    metrics_page.count("symbolicate_messages_total", 3, result="published")
    answer = get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'symbolicate_messages_total{result="published"} 3.0' in answer.text


@pytest.mark.parametrize("path", ["/", "/health", "/metrics/x"])
def test_there_is_nothing_else(path: str, get: Get) -> None:
    assert get(path).status_code == 404


def test_a_query_changes_nothing(get: Get) -> None:
    assert get("/health/live?probe=1").status_code == 200


def test_a_connection_that_says_nothing_is_closed(
    metrics_page: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate_worker.health.IDLE_SECONDS", 0.05)
    with (
        closing(Health(0, lambda: None, metrics_page)) as health,
        socket.create_connection(("127.0.0.1", health.port), timeout=10) as idle,
    ):
        assert idle.recv(1) == b""


def test_closed_it_answers_no_more(metrics_page: PrometheusMetrics) -> None:
    health = Health(0, lambda: None, metrics_page)
    health.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{health.port}/health/live", trust_env=False)
