"""Events that workers finish, by the second and by the CPU second of their own processes.

Real PostgreSQL, NATS and S3 servers run on the same machine, so only what is counted per CPU
second is a worker's own. Each pass publishes its events while the queue gives nothing out, opens
it, and ends when the last outcome is published. Linux only: CPU time comes from /proc.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

import nats
from generated_bundle import events_of, frames_of, make_bundle
from nats.js import JetStreamContext
from real_servers import nats_server, object_store, postgresql

from symbolicate import Symbolicator

WARM_EVENTS, COLD_EVENTS = 3000, 1000
FRAMES_PER_EVENT, FRAMES_PER_SET = 10, 200
WARM_SETS, COLD_SETS = 10, COLD_EVENTS * FRAMES_PER_EVENT // FRAMES_PER_SET
WARM_UPS, WARM_ROUNDS, COLD_ROUNDS = 2, 5, 3
PATIENCE_SECONDS = 120
RAW, RESOLVED = "exceptions.raw", "exceptions-resolved"
QUEUE = ("exceptions-raw", "symbolicate")
WORKER = [sys.executable, "-m", "symbolicate", "worker"]
STUBBED = [sys.executable, str(Path(__file__).with_name("measured_worker.py")), "worker"]
TICKS = os.sysconf("SC_CLK_TCK")


class Stores(NamedTuple):
    database: str
    objects: str


class Pass(NamedTuple):
    """What finishing events took, by the clock and of all workers together."""

    events: int
    seconds: float
    cpu_seconds: float


@dataclass(slots=True)
class Case:
    """Workers on a broker of their own."""

    name: str
    url: str
    workers: list[subprocess.Popen[str]]
    passes: list[Pass] = field(default_factory=list)

    def cpu_seconds(self) -> float:
        """Gives the CPU time that the workers took so far."""
        return sum(cpu_seconds(worker.pid) for worker in self.workers)

    @property
    def cpu_ms(self) -> float:
        return statistics.median(one.cpu_seconds * 1000 / one.events for one in self.passes)

    @property
    def events_a_second(self) -> float:
        return statistics.median(one.events / one.seconds for one in self.passes)

    @property
    def memory_mb(self) -> float:
        return max(resident_mb(worker.pid) for worker in self.workers)


def measure(stack: ExitStack, folder: Path) -> tuple[list[Case], float]:
    """Runs every case; the warm ones take turns. Gives them, cold first, and the memory of one."""
    stores = Stores(
        stack.enter_context(postgresql(folder / "postgresql")),
        stack.enter_context(object_store(folder / "s3")),
    )
    fill(stores, range(WARM_SETS + COLD_ROUNDS * COLD_SETS))
    cold = Case("cold", "", [])
    for turn in range(COLD_ROUNDS):
        with ExitStack() as own:
            case = started(own, folder / f"cold-{turn}", stores, WORKER)
            first = WARM_SETS + turn * COLD_SETS
            unseen = events(range(first, first + COLD_SETS), COLD_EVENTS)
            cold.passes.append(asyncio.run(one_pass(case, unseen)))
    wanted = {"warm": [WORKER], "resolution stubbed out": [STUBBED], "two workers": [WORKER] * 2}
    warm = [
        started(stack, folder / name.replace(" ", "-"), stores, *commands, name=name)
        for name, commands in wanted.items()
    ]
    for turn in range(WARM_UPS + WARM_ROUNDS):
        for case in warm:
            done = asyncio.run(one_pass(case, events(range(WARM_SETS), WARM_EVENTS)))
            case.passes += [done] if turn >= WARM_UPS else []
    return [cold, *warm], warm[0].memory_mb


def fill(stores: Stores, numbers: Sequence[int]) -> None:
    """Uploads bundles and has them compiled, so that no compile falls into a pass."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SYMBOLICATE_DATA_DIR"] = folder
        with Symbolicator(stores.database, stores.objects) as symbolicator:
            for number in numbers:
                bundle = make_bundle(number, FRAMES_PER_SET)
                symbolicator.add_symbol_set(
                    1, bundle.chunk_id, source=bundle.script, map=bundle.map
                )
                ((frame,),) = symbolicator.resolve(1, frames_of(bundle)[:1])
                if not frame.resolved:
                    raise RuntimeError(f"bundle {number} was not compiled")


def events(sets: Sequence[int], wanted: int) -> list[bytes]:
    """Makes so many new events over the frames of bundles, as often as that takes."""
    frames = [frame for number in sets for frame in frames_of(make_bundle(number, FRAMES_PER_SET))]
    made = events_of(frames, FRAMES_PER_EVENT)
    return [
        json.dumps(made[place % len(made)] | {"uuid": str(uuid.uuid4())}).encode()
        for place in range(wanted)
    ]


def started(
    stack: ExitStack, folder: Path, stores: Stores, *commands: list[str], name: str = ""
) -> Case:
    """Starts a broker and workers on it, each with an empty data folder."""
    url = stack.enter_context(nats_server(folder))
    numbers = count(1)
    workers = [
        stack.enter_context(_worker(command, stores, url, Path(f"{folder}-{next(numbers)}")))
        for command in commands
    ]
    return Case(name, url, workers)


@contextmanager
def _worker(
    command: list[str], stores: Stores, broker: str, data_dir: Path
) -> Iterator[subprocess.Popen[str]]:
    options = ["--database", stores.database, "--objects", stores.objects, "--broker", broker]
    process = subprocess.Popen(
        [*command, *options, "--data-dir", str(data_dir), "--log-level", "warning"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SYMBOLICATE_NEW_ISSUE_BUDGET": "0"},
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("a worker did not start")
        yield process
    finally:
        process.kill()
        process.communicate()


async def one_pass(case: Case, messages: list[bytes]) -> Pass:
    """Publishes to a closed queue, opens it, and waits for the last outcome."""
    async with await nats.connect(case.url) as client:
        streams = client.jetstream()
        wanted = await published(streams) + len(messages)
        later = datetime.now(UTC) + timedelta(seconds=PATIENCE_SECONDS)
        await streams.pause_consumer(*QUEUE, later.isoformat())
        for start in range(0, len(messages), 250):
            some = messages[start : start + 250]
            await asyncio.gather(*(streams.publish(RAW, message) for message in some))
        cpu, began = case.cpu_seconds(), time.monotonic()
        await streams.resume_consumer(*QUEUE)
        while await published(streams) < wanted:
            if time.monotonic() > began + PATIENCE_SECONDS:
                raise RuntimeError(f"{case.name}: outcomes are missing")
            await asyncio.sleep(0.02)
        done = Pass(len(messages), time.monotonic() - began, case.cpu_seconds() - cpu)
        await check(streams, wanted)
        return done


async def published(streams: JetStreamContext) -> int:
    """Counts the outcomes so far."""
    return (await streams.stream_info(RESOLVED)).state.messages


async def check(streams: JetStreamContext, place: int) -> None:
    """Raises unless an outcome is what it should be."""
    outcome = json.loads((await streams.get_msg(RESOLVED, place)).data or b"null")
    (exception,) = outcome["event"]["properties"]["$exception_list"]
    frames = exception["stacktrace"]["frames"]
    if len(frames) != FRAMES_PER_EVENT or not all(frame["resolved"] for frame in frames):
        raise RuntimeError(f"a frame was not resolved: {outcome}")


def cpu_seconds(pid: int) -> float:
    """Gives the CPU time of a process, without that of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Gives the memory that a process holds now."""
    (line,) = (
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    )
    return int(line.split()[1]) / 1024


def main() -> None:
    """Prints the table."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        cases, memory = measure(stack, folder)
    cold, warm, stubbed, two = cases
    print(
        f"events of {FRAMES_PER_EVENT} frames; median of {WARM_ROUNDS} passes, cold {COLD_ROUNDS}"
    )
    print("| case | events a second | events per CPU second | CPU ms an event |\n|---|---|---|---|")
    for case in cases:
        rates = f"{case.events_a_second:,.0f} | {1000 / case.cpu_ms:,.0f}"
        print(f"| {case.name} | {rates} | {case.cpu_ms:.2f} |")
    print("\n| ratio | | aim |\n|---|---|---|")
    print(f"| CPU an event, cold ÷ stubbed out | {cold.cpu_ms / stubbed.cpu_ms:.2f} | |")
    print(f"| CPU an event, warm ÷ stubbed out | {warm.cpu_ms / stubbed.cpu_ms:.2f} | |")
    print(f"| CPU an event, two workers ÷ one | {two.cpu_ms / warm.cpu_ms:.2f} | ≤ 1.10 |")
    gain = two.events_a_second / warm.events_a_second
    print(f"| events a second, two workers ÷ one | {gain:.2f} | ≥ 1.7 where cores are free |")
    print(f"\nA warm worker holds {memory:.0f} MB.")


if __name__ == "__main__":
    main()
