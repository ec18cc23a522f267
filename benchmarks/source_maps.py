"""Our source map engine beside `symbolic`, `sourcemap` and, where node is present, its peers.

`python benchmarks/source_maps.py [--data FOLDER] [--quick]` fetches and builds the maps once
(source_map_inputs.py says how; needs npm, node and the network), then measures in one process,
rivals taking turns, and prints medians. `--quick` leaves out the map of more than 100 MB.
Look-ups are 10,000 random positions, strings included; batches 1,000,000.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sourcemap
from rich.console import Console
from rich.table import Table
from source_map_inputs import Input, inputs
from symbolic.sourcemap import SourceMapView
from symbolic.sourcemapcache import SourceMapCache

from symbolicate import SourceMap

LOOKUPS, BATCH, COMPARED = 10_000, 1_000_000, 120_000
LARGE = 50 << 20
OPEN_CODE = """
import sys, time
for name in ("numpy", "msgspec", "tree_sitter", "zstandard"): sys.modules[name] = None
from symbolicate.formats.source_map import SourceMap
SourceMap.open(sys.argv[1]).lookup(0, 40000)
peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
since = time.perf_counter()
SourceMap.open(sys.argv[1]).lookup(0, 40000)
print((time.perf_counter() - since) * 1e3)
print(peak)
"""


@dataclass(slots=True)
class Result:
    """What was measured on one map: seconds, look-ups a second, counts."""

    name: str
    megabytes: float
    segments: int
    seconds: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    differences: dict[str, int] = field(default_factory=dict)
    opened_ms: float = 0.0
    opened_rss: float = 0.0

    def ratio(self, ours: str, theirs: str) -> str:
        """How many times as long ours takes."""
        return f"{self.seconds[ours] / self.seconds[theirs]:.2f}"

    def gain(self, ours: str, theirs: str) -> str:
        """How many times as fast ours is."""
        return f"{self.rates[ours] / self.rates[theirs]:.2f}"


def alternated(rounds: int, cases: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each case; the cases take turns."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            since = time.perf_counter()
            case()
            taken[name].append(time.perf_counter() - since)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def random_positions(source_map: SourceMap, count: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Positions spread evenly over the generated text, as pairs (line, column)."""
    ends: dict[int, int] = {}
    columns = source_map._positions.columns
    starts = columns.line_starts
    for line in range(len(starts) - 1):
        if starts[line] < starts[line + 1]:
            ends[line] = columns.generated[starts[line + 1] - 1] + 20
    seeded = random.Random(count)
    lines = seeded.choices(list(ends), weights=list(ends.values()), k=count)
    return np.array([(line, seeded.randrange(ends[line])) for line in lines], np.int32)


def looking(lookup: Callable[[int, int], object], positions: list[tuple[int, int]]) -> object:
    """Looks every position up, one call each."""
    for line, column in positions:
        lookup(line, column)
    return None


def measure(given: Input, folder: Path, console: Console) -> Result:
    """Measures one map against every peer at hand."""
    console.print(f"measuring {given.name} …")
    text = given.map.read_bytes()
    large = len(text) > LARGE
    rounds = 3 if large else 11
    ours = SourceMap.from_json(text)
    result = Result(given.name, len(text) / 1e6, len(ours._positions))
    compiled = folder / f"{given.name}.jsmc"
    result.seconds |= alternated(
        rounds,
        {
            "parse": lambda: SourceMap.from_json(text),
            "parse symbolic": lambda: SourceMapView.from_json_bytes(text),
        },
    )
    result.seconds |= alternated(
        1 if large else 3,
        {
            "compile": lambda: SourceMap.from_json(text).save(compiled),
            "compile symbolic": lambda: SourceMapCache.from_bytes(given.script.read_bytes(), text),
        },
    )
    opened = SourceMap.open(compiled)
    measure_lookups(result, text, ours, opened, large)
    measure_batch(result, ours, opened)
    measure_open(result, compiled)
    if shutil.which("node"):
        measure_node(result, given, ours, opened, folder)
    return result


def measure_lookups(
    result: Result, text: bytes, ours: SourceMap, opened: SourceMap, large: bool
) -> None:
    """Single look-ups; PyPI `sourcemap` also parses here, except the large map."""
    pairs = [(int(line), int(column)) for line, column in random_positions(ours, LOOKUPS)]
    lookups: dict[str, Callable[[int, int], object]] = {
        "parsed": ours.lookup,
        "opened": opened.lookup,
        "symbolic": SourceMapView.from_json_bytes(text).lookup,
    }
    for lookup in lookups.values():
        looking(lookup, pairs)
    if not large:
        since = time.perf_counter()
        index = sourcemap.loads(text.decode())
        result.seconds["parse sourcemap"] = time.perf_counter() - since

        def indexed(line: int, column: int) -> object:
            try:
                return index.lookup(line, column)
            except IndexError:
                return None

        lookups["sourcemap"] = indexed
    cases = {name: lambda look=look: looking(look, pairs) for name, look in lookups.items()}
    for name, seconds in alternated(7, cases).items():
        result.rates[name] = LOOKUPS / seconds


def measure_batch(result: Result, ours: SourceMap, opened: SourceMap) -> None:
    """Look-ups in one call each, answered in columns."""
    lines, columns = random_positions(ours, BATCH).T
    cases: dict[str, Callable[[], object]] = {
        "batch": lambda: ours.lookup_many(lines, columns),
        "batch opened": lambda: opened.lookup_many(lines, columns),
    }
    for case in cases.values():
        case()
    for name, seconds in alternated(3, cases).items():
        result.rates[name] = BATCH / seconds


def measure_open(result: Result, compiled: Path) -> None:
    """Open and first look-up in a fresh process that may import the standard library alone."""
    command = [sys.executable, "-c", OPEN_CODE, str(compiled)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    result.opened_ms, result.opened_rss = float(printed[0]), float(printed[1])


def measure_node(
    result: Result, given: Input, ours: SourceMap, opened: SourceMap, folder: Path
) -> None:
    """Node's libraries, and whether every answer equals that of trace-mapping."""
    positions = random_positions(ours, COMPARED)
    positions.tofile(folder / "positions.bin")
    script = Path(__file__).with_name("source_map_peers.mjs")
    command = ["node", "--max-old-space-size=8192", str(script), str(folder), str(given.map)]
    command += [str(folder / "positions.bin"), str(folder / "answers.bin")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name, measured in json.loads(printed).items():
        result.seconds[f"parse {name}"] = measured["parse"]
        result.rates[name] = measured["lookups"]
    answers = np.fromfile(folder / "answers.bin", np.int32).reshape(-1, 4)
    lines, columns = positions.T
    for name, found in (("parsed", ours), ("opened", opened)):
        batch = found.lookup_many(lines, columns)
        rows = np.stack([batch.source, batch.line, batch.column, batch.name], axis=1)
        single = [found.source_index(*pair) or (-1,) * 4 for pair in positions.tolist()]
        result.differences[f"{name} batch"] = int((rows != answers).any(axis=1).sum())
        result.differences[name] = int((np.array(single) != answers).any(axis=1).sum())


def print_tables(results: list[Result], console: Console) -> None:
    """Times and ratios, the bar of each in its heading."""
    names = [result.name for result in results]
    times = Table("median", *names, title="seconds to parse, look-ups a second")
    times.add_row("MB", *(f"{result.megabytes:.1f}" for result in results))
    times.add_row("segments", *(f"{result.segments:,}" for result in results))
    for key in dict.fromkeys(key for result in results for key in result.seconds):
        times.add_row(key, *(_shown(result.seconds.get(key), "{:.4f}") for result in results))
    for key in dict.fromkeys(key for result in results for key in result.rates):
        times.add_row(
            f"{key} /s", *(_shown(result.rates.get(key), "{:,.0f}") for result in results)
        )
    console.print(times)
    ratios = Table("ratio", *names, title="ours beside symbolic")
    ratios.add_row(
        "parse (≤ 1.5 at the median)", *(r.ratio("parse", "parse symbolic") for r in results)
    )
    ratios.add_row("compile (aim ≤ 2)", *(r.ratio("compile", "compile symbolic") for r in results))
    ratios.add_row(
        "look-up, parsed (≥ 2, median ≥ 2.7)", *(r.gain("parsed", "symbolic") for r in results)
    )
    ratios.add_row(
        "look-up, opened (≥ 1.1, median ≥ 2)", *(r.gain("opened", "symbolic") for r in results)
    )
    ratios.add_row("open + first look-up, ms (≤ 1)", *(f"{r.opened_ms:.3f}" for r in results))
    ratios.add_row("RSS of that process, MB (≤ 15)", *(f"{r.opened_rss:.1f}" for r in results))
    ratios.add_row(
        f"differences from trace-mapping in {COMPARED:,}",
        *(str(r.differences or "-").strip("{}").replace(", ", "\n") for r in results),
    )
    console.print(ratios)


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(tempfile.gettempdir()) / "symbolicate-source-maps",
        help="where the maps are kept from run to run",
    )
    parser.add_argument("--quick", action="store_true", help="without the map of over 100 MB")
    options = parser.parse_args()
    console = Console()
    chosen = [
        given for given in inputs(options.data) if not (options.quick and given.name == "big")
    ]
    print_tables([measure(given, options.data, console) for given in chosen], console)


if __name__ == "__main__":
    main()
