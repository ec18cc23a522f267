"""A question that may hang: asked once at a time, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

Question = Callable[[], str | None]


class Asking:
    """Asks what may take for ever; who wants the answer says how long to wait for it.

    Its threads keep no program alive.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._lock = threading.Lock()
        self._asked: Future[str | None] = Future()
        self._asked.set_result(None)

    def begin(self) -> Future[str | None]:
        """Gives the answer to come of the question that is being asked, or of one more."""
        with self._lock:
            if self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._ask, args=(self._asked,), daemon=True).start()
            return self._asked

    def _ask(self, asked: Future[str | None]) -> None:
        try:
            asked.set_result(self._question())
        except Exception as error:
            asked.set_exception(error)
