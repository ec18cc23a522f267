"""Jobs on a clock: what runs beside the requests, inside `serve` or the worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from symbolicate.errors import Unavailable
from symbolicate.leases import Leases

ASKED_AGAIN_SECONDS = 60.0
"""How often a process asks whether it is its turn at a job that another may have done."""

_log = logging.getLogger("symbolicate.jobs")


class Job(NamedTuple):
    """Something to do over and over; `run` takes the question whether to stop.

    Without `every` it is part of each pass and finds out for itself whether there is anything to
    do; with it, one process of all does it once in so long.
    """

    name: str
    run: Callable[[Callable[[], bool]], object]
    every: timedelta | None = None


class Jobs:
    """One thread that makes a pass over the jobs when woken, and every `seconds` in any case.

    A job that fails is logged, harms no other and is tried again at its next turn.
    A turn or a lease says who should work; that two at once do no harm is for each job to see to:
    what it writes is conditional, in the same transaction, on what it was judged by.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        seconds: float,
        leases: Leases,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._seconds = seconds
        self._leases = leases
        self._monotonic = monotonic
        self._ask_at: dict[str, float] = {}
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
        while not self._stop.is_set():
            self._wake.clear()
            for job in self._jobs:
                if not self._stop.is_set():
                    self._do(job)
            self._wake.wait(self._seconds)

    def _do(self, job: Job) -> None:
        try:
            if job.every is None or self._is_our_turn(job.name, job.every):
                job.run(self._stop.is_set)
        except Unavailable as error:
            _log.warning("job %s: %s out of reach: %s", job.name, error.dependency, error)
        except Exception:
            _log.exception("job %s failed; it runs again at its next turn", job.name)

    def _is_our_turn(self, name: str, every: timedelta) -> bool:
        now = self._monotonic()
        if now < self._ask_at.get(name, now):
            return False
        self._ask_at[name] = now + min(every.total_seconds(), ASKED_AGAIN_SECONDS)
        return self._leases.take_turn(f"turn:{name}", every)
