"""A pool of warm children: a file goes in by path, a compiled file comes out by path."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from symbolicate.errors import (
    ContainerError,
    FormatError,
    NativeSymbolsError,
    SourceMapError,
    SymbolicateError,
    limit_sentence,
)
from symbolicate.isolation.limits import ChildLimits

TASKS_PER_CHILD = 200
START_SECONDS = 30.0
PAUSES = (0.0, 1.0, 0.0)
"""Seconds after each death over one task: a machine may have been out of memory for a moment."""


_REFUSALS: dict[str, type[FormatError]] = {
    "ContainerError": ContainerError,
    "MapTooComplex": SourceMapError,
    "NativeSymbolsError": NativeSymbolsError,
    "SourceMapError": SourceMapError,
}


class ChildFailed(SymbolicateError):
    """The child answered that its own code failed: a bug, not the file's fault."""


class ChildDied(FormatError):
    """The child ended with the task in its hands: killed, or out of memory."""


class CompilerPool:
    """Runs tasks in at most `size` children at once; thread-safe.

    A child that passes its time, or dies three times over one task, costs that task alone: it
    raises a `FormatError` with code `limit_exceeded`, and the next task gets a new child.
    """

    def __init__(self, size: int = 2, limits: ChildLimits | None = None) -> None:
        self._limits = limits or ChildLimits()
        self._idle: list[_Child] = []
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._closed = False

    def run(self, task: str, source: Path, target: Path) -> Any:
        """Has a child run `task` (`module:function`) from `source` to `target`.

        Raises `FormatError` for a file that is refused or passes a limit, `ChildFailed` for a bug.
        """
        with self._slots:
            for pause in PAUSES:
                try:
                    return _result(self._ask(task, source, target))
                except ChildDied as error:
                    died = error
                time.sleep(pause)
            raise died

    def _ask(self, task: str, source: Path, target: Path) -> dict[str, Any]:
        child = self._take()
        try:
            answer = child.ask({"task": task, "source": str(source), "target": str(target)})
        except BaseException:
            child.kill()
            raise
        self._put_back(child)
        return answer

    def close(self) -> None:
        """Ends idle children; one that works ends when its task does."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.kill()

    def _take(self) -> _Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    return child
                child.kill()
        return _Child(self._limits)

    def _put_back(self, child: _Child) -> None:
        with self._lock:
            if not self._closed and child.tasks < TASKS_PER_CHILD:
                self._idle.append(child)
                return
        child.kill()


class _Child:
    """One child process and the pipes to it."""

    def __init__(self, limits: ChildLimits) -> None:
        self._limits = limits
        self.tasks = 0
        command = [sys.executable, "-m", "symbolicate.isolation.child"]
        self._process = subprocess.Popen(
            [*command, json.dumps(limits.to_json())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            close_fds=True,
        )
        assert self._process.stdout is not None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._read(START_SECONDS)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, task: dict[str, str]) -> dict[str, Any]:
        """Hands over a task and waits for its answer; raises `FormatError` if none comes."""
        assert self._process.stdin is not None
        self.tasks += 1
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        answer: dict[str, Any] = json.loads(self._read(self._limits.seconds))
        return answer

    def kill(self) -> None:
        """Ends the child at once and waits for it."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _close(pipe)

    def _read(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n"):
            if not self._selector.select(max(deadline - time.monotonic(), 0)):
                sentence = limit_sentence("compile_seconds", int(seconds) + 1, int(seconds))
                raise FormatError(sentence).passed(
                    "compile_seconds", int(seconds) + 1, int(seconds)
                )
            piece = os.read(self._process.stdout.fileno(), 65536)
            if not piece:
                raise self._died()
            line += piece
        return line

    def _died(self) -> ChildDied:
        seen = len(PAUSES)
        sentence = limit_sentence("compiler_deaths", seen, seen - 1)
        died = ChildDied(f"{sentence}: the last ended with status {self._process.wait()}")
        died.passed("compiler_deaths", seen, seen - 1)
        return died


def _result(answer: dict[str, Any]) -> Any:
    error = answer.get("error")
    if error is None:
        return answer["result"]
    if error["kind"] == "internal":
        raise ChildFailed(error["message"])
    if error["kind"] == "MemoryError":
        raise FormatError(error["message"], "limit_exceeded")
    raise _refusal(error)


def _refusal(error: dict[str, Any]) -> FormatError:
    kind = _REFUSALS.get(error["kind"], FormatError)
    made = kind(error["message"], error["code"])
    made.limit, made.seen, made.allowed = error["limit"], error["seen"], error["allowed"]
    return made


def _environment() -> dict[str, str]:
    """Gives the child what an interpreter needs and no credentials."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TMPDIR")
    chosen = {name: os.environ[name] for name in kept if name in os.environ}
    return {**chosen, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return
