"""Reads `$exception` events, one JSON object a line, and prints what became of each.

python plain_loop.py DATA_DIR TEAM_ID < events.jsonl
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from symbolicate import Outcome, Symbolicator

BATCH = 100
WAITS_SECONDS = (1.0, 5.0, 15.0, 30.0)


def main(data_dir: str, team_id: int) -> None:
    left = 0
    with Symbolicator.open(data_dir) as symbolicator:
        symbolicator.jobs.start()  # frames whose symbols come late are mended meanwhile
        for events in batches(sys.stdin):
            for outcome in settled(symbolicator, team_id, events):
                print(json.dumps(outcome.tagged()), flush=True)
                left += outcome.status == "retry"
    if left:
        sys.exit(f"{left} events are still to be processed: send them again")


def batches(lines: Iterable[str]) -> Iterator[list[Any]]:
    """Gives the events of the lines, up to `BATCH` at once."""
    rest = iter(lines)
    while batch := [decoded(line) for line in islice(rest, BATCH)]:
        yield batch


def decoded(line: str) -> Any:
    """Gives what a line holds; one that is no JSON stays a string, which is an invalid event."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def settled(symbolicator: Symbolicator, team_id: int, events: list[Any]) -> list[Outcome]:
    """Processes events, and again those that ended in `retry`, a few times over a minute."""
    outcomes = symbolicator.process(team_id, events)
    for seconds in WAITS_SECONDS:
        if again := [place for place, one in enumerate(outcomes) if one.status == "retry"]:
            time.sleep(random.uniform(0, seconds))
            made = symbolicator.process(team_id, [events[place] for place in again])
            for place, outcome in zip(again, made, strict=True):
                outcomes[place] = outcome
    return outcomes


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        sys.exit("usage: python plain_loop.py DATA_DIR TEAM_ID < events.jsonl")
    main(sys.argv[1], int(sys.argv[2]))
