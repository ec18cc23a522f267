"""A process of its own that does what the lines on its standard input ask, one answer a line.

`resolving_process.py SETTINGS`, with settings as a JSON object; lines are JSON objects too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import event

from symbolicate.config import from_env
from symbolicate.symbolicator import Symbolicator

TEAM = 1
WAIT_SECONDS = 60


def resolve(symbolicator: Symbolicator, ask: dict[str, Any]) -> dict[str, Any]:
    """Resolves the frames in each of `threads` threads, all beginning at the same moment."""
    threads: int = ask["threads"]
    start = threading.Barrier(threads)

    def work(_: int) -> tuple[list[str], float]:
        start.wait(WAIT_SECONDS)
        began = time.monotonic()
        found = symbolicator.resolve(TEAM, ask["frames"])
        seen = [
            str(one.contents["source"] if one.resolved else one.failure_code) for (one,) in found
        ]
        return seen, time.monotonic() - began

    with ThreadPoolExecutor(threads) as pool:
        done = list(pool.map(work, range(threads)))
    counted = Counter(json.dumps(seen) for seen, _ in done)
    return {"answers": counted, "longest": max(seconds for _, seconds in done)}


def reconcile(symbolicator: Symbolicator, ask: dict[str, Any]) -> dict[str, Any]:
    """Makes one pass of the reconciler and dies by `kill -9` at its statement number `die_at`."""
    statements = 0

    def count(*_: Any) -> None:
        nonlocal statements
        statements += 1
        if statements == ask["die_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(symbolicator._database.engine, "after_cursor_execute", count)
    symbolicator.reconciler.run()
    return {"statements": statements}


TASKS: dict[str, Callable[[Symbolicator, dict[str, Any]], dict[str, Any]]] = {
    "resolve": resolve,
    "reconcile": reconcile,
}


def main() -> None:
    """Says `ready`, then serves until its input ends."""
    with Symbolicator(settings=from_env({}, **json.loads(sys.argv[1]))) as symbolicator:
        say("ready")
        for line in sys.stdin:
            ask = json.loads(line)
            say(TASKS[ask["task"]](symbolicator, ask))


def say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
