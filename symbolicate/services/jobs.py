"""Jobs on a clock: what runs beside the requests, inside `serve` or the worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from symbolicate.errors import Unavailable
from symbolicate.services.reconcile import Reconciler

Job = Callable[[Callable[[], bool]], object]
"""Takes the question whether to stop."""

_log = logging.getLogger("symbolicate.jobs")


class Jobs:
    """One thread that reconciles when it is woken, and every `seconds` in any case.

    What is to run `beside` follows each pass, and is asked to end when the jobs stop.
    """

    def __init__(
        self, reconciler: Reconciler, seconds: float, *, beside: Sequence[Job] = ()
    ) -> None:
        self._reconciler = reconciler
        self._beside = beside
        self._seconds = seconds
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._run, name="symbolicate-jobs", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Asks for a pass now; costs nothing if no thread runs."""
        self._wake.set()

    def stop(self) -> None:
        """Ends the thread after the page in hand."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        adopted = False
        while not self._stop.is_set():
            self._wake.clear()
            try:
                if not adopted:
                    self._reconciler.adopt_older()
                    adopted = True
                self._reconciler.run(self._stop.is_set)
                for job in self._beside:
                    job(self._stop.is_set)
            except Unavailable as error:
                _log.warning("%s out of reach: %s", error.dependency, error)
            except Exception:
                _log.exception("a job failed; it runs again in %s seconds", self._seconds)
            self._wake.wait(self._seconds)
