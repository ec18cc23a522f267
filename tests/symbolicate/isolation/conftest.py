"""A module of misbehaving tasks, present in the children alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from symbolicate.isolation.limits import ChildLimits
from symbolicate.isolation.pool import CompilerPool

MISBEHAVING = """
import os, sys, time, types
from symbolicate.errors import SourceMapError, MapTooComplex

tasks = types.ModuleType("symbolicate.formats.misbehaving")

def copy(source, target, keep_going):
    target.write_bytes(source.read_bytes())
    return {"bytes": target.stat().st_size, "pid": os.getpid()}

def refuse(source, target, keep_going):
    raise SourceMapError("mappings are not a string")

def exceed(source, target, keep_going):
    raise MapTooComplex("segments", 70, 64)

def eat(source, target, keep_going):
    return len(bytearray(4 << 30))

def hang(source, target, keep_going):
    time.sleep(600)

def die(source, target, keep_going):
    os.kill(os.getpid(), 9)

def recover(source, target, keep_going):
    # Every death leaves a byte.
    with target.open("ab") as deaths:
        deaths.write(b"x")
    if target.stat().st_size < 3:
        die(source, target, keep_going)
    return "recovered"

def fail(source, target, keep_going):
    return {}["missing"]

def chatter(source, target, keep_going):
    print("noise on standard output")
    return "heard"

def fill(source, target, keep_going):
    target.write_bytes(b"x" * (64 << 20))

def spare(source, target, keep_going):
    began = time.monotonic()
    while keep_going():
        time.sleep(0.01)
    return time.monotonic() - began

def secrets(source, target, keep_going):
    return sorted(name for name in os.environ if "SECRET" in name or "AWS" in name)

for task in (copy, refuse, exceed, eat, hang, die, recover, fail, chatter, fill, spare, secrets):
    setattr(tasks, task.__name__, task)
sys.modules[tasks.__name__] = tasks
"""


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CompilerPool]:
    """Gives a pool of one child that knows the misbehaving tasks, under small limits."""
    (tmp_path / "sitecustomize.py").write_text(MISBEHAVING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for children")
    limits = ChildLimits(memory_bytes=1 << 30, seconds=2.0, file_bytes=32 << 20)
    made = CompilerPool(1, limits)
    yield made
    made.close()
