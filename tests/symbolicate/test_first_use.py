"""The first use of a process: threads that begin together must not find anything half made."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading
from symbolicate.images import read_debug_images
from symbolicate.pipeline.normalise import normalise
from symbolicate.raw_frame import PLATFORMS, read_raw_frame

sys.setswitchinterval(1e-6)
IMAGES = [{"debug_id": "a", "image_addr": "0x1000"}]
LISTED = [{"type": "E", "stacktrace": {"type": "raw", "frames": []}, "mechanism": {}}]
EVENT = {"event": "$exception", "properties": {"$exception_list": LISTED}}
TASKS = [lambda: normalise(EVENT), lambda: read_debug_images(IMAGES)]
TASKS += [lambda tag=tag: read_raw_frame({"platform": tag, "lineno": 1}) for tag in PLATFORMS]

def work(start, task):
    start.wait()
    task()

for task in TASKS:
    start = threading.Barrier(30)
    threads = [threading.Thread(target=work, args=(start, task)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@pytest.mark.parametrize("attempt", range(5))
def test_threads_that_read_the_first_frames_together_do_not_crash_the_process(attempt: int) -> None:
    """When structs were learnt at their first use, 15 attempts of 15 crashed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, timeout=60)
    assert done.returncode == 0, (attempt, done.stderr[-2000:])
