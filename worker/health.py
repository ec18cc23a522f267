"""The worker's health and metrics, on a port of their own."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from symbolicate.asking import Asking, Question
from symbolicate.prometheus import CONTENT_TYPE, PrometheusMetrics

PATIENCE_SECONDS = 3.0
IDLE_SECONDS = 10.0
"""How long a connection may say nothing before its thread is let go."""


class Health:
    """Serves `/health/live`, `/health/ready` and `/metrics` from threads until it is closed.

    `trouble` names the dependency that is out of reach, or gives None; while it hangs, the answer
    is that dependencies are.
    """

    def __init__(self, port: int, trouble: Question, metrics: PrometheusMetrics) -> None:
        asking = Asking(trouble)

        class Handler(BaseHTTPRequestHandler):
            timeout = IDLE_SECONDS

            def do_GET(self) -> None:
                status, kind, body = _answer(self.path.partition("?")[0], asking, metrics)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_given: Any) -> None:
                """Leaves probes out of the log."""

        self._server = ThreadingHTTPServer(("0.0.0.0", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="symbolicate-health", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer(path: str, asking: Asking, metrics: PrometheusMetrics) -> tuple[int, str, bytes]:
    kind = "application/json"
    if path == "/health/live":
        return 200, kind, b'{"status":"ok"}'
    if path == "/metrics":
        return 200, CONTENT_TYPE, metrics.page()
    if path == "/health/ready":
        out_of_reach = _out_of_reach(asking)
        if out_of_reach is None:
            return 200, kind, b'{"status":"ok"}'
        body = {"status": "unavailable", "out_of_reach": out_of_reach}
        return 503, kind, json.dumps(body).encode()
    return 404, kind, b'{"status":"not found"}'


def _out_of_reach(asking: Asking) -> str | None:
    try:
        return asking.begin().result(PATIENCE_SECONDS)
    except TimeoutError:
        return "dependencies"
