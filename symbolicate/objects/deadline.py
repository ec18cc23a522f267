"""A hard deadline around calls whose own time limits only count from byte to byte."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def call_within(seconds: float, call: Callable[[], T]) -> T:
    """Gives the call's result or raises its exception; TimeoutError once `seconds` are over.

    A call that is late is left to end by itself on its own daemon thread, its result unseen.
    """
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(future, call), daemon=True).start()
    return future.result(timeout=seconds)


def _run(future: Future[T], call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
