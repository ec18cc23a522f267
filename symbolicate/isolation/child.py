"""The child: reads tasks from standard input, one JSON line each, and answers likewise.

Started as `python -m symbolicate.isolation.child LIMITS`. A task names a function of
`symbolicate.formats` that takes two paths, reads the first and writes the second, and a question
whether to go on: work that can be left out ends when most of the time is spent. Its result is
answered as `{"result": …}`, a file that it refuses as `{"error": {…}}`; whatever kills the child
is seen by the parent as the end of the stream.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from symbolicate.errors import FormatError
from symbolicate.isolation.limits import ChildLimits

TASK_PREFIX = "symbolicate.formats."
SPARED = 0.7
"""The share of its time after which a task should come to an end by itself."""

Task = Callable[[Path, Path, Callable[[], bool]], Any]


def main() -> None:
    """Serves tasks until standard input ends."""
    limits = ChildLimits(**json.loads(sys.argv[1]))
    limits.apply()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, answers, limits.seconds * SPARED)


def serve(tasks: TextIO, answers: TextIO, seconds: float) -> None:
    """Answers each line of `tasks` with one line."""
    print(json.dumps({"ready": os.getpid()}), file=answers, flush=True)
    for line in tasks:
        answer = _answer(json.loads(line), time.monotonic() + seconds)
        print(json.dumps(answer), file=answers, flush=True)


def _answer(task: dict[str, str], deadline: float) -> dict[str, Any]:
    try:
        work = _work(task["task"])
        paths = Path(task["source"]), Path(task["target"])
        return {"result": work(*paths, lambda: time.monotonic() < deadline)}
    except FormatError as error:
        return {"error": _described(error)}
    except MemoryError:
        return {"error": {"kind": "MemoryError", "message": "out of memory"}}
    except Exception as error:
        return {"error": {"kind": "internal", "message": f"{type(error).__name__}: {error}"[:300]}}


def _work(name: str) -> Task:
    module, _, function = name.partition(":")
    if not module.startswith(TASK_PREFIX):
        raise ValueError(f"a task is a function below {TASK_PREFIX}, not {name!r}")
    work: Task = getattr(import_module(module), function)
    return work


def _described(error: FormatError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "message": str(error)[:300],
        "code": error.code,
        "limit": error.limit,
        "seen": error.seen,
        "allowed": error.allowed,
    }


if __name__ == "__main__":
    main()
