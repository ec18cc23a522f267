"""Frames per second of `process`, in process CPU time, warm and cold.

Warm: every frame is answered from memory (256 MiB for frames, so that all fit). Cold: 100 compiled
symbol sets of 200 distinct frames each, opened for the first time by this library. The frame store
is its memory alone: frames are neither read from nor written to the database. The garbage
collector is settled as it is in `serve`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from generated_bundle import Bundle, events_of, frames_of, make_bundle

from symbolicate import Symbolicator, garbage
from symbolicate.config import from_env
from symbolicate.database.frames import FrameRow, NewFrame
from symbolicate.frame_store import Answer, FrameStore, Saved, rows_of

SETS = 100
FRAMES_PER_SET = 200
FRAMES_PER_EVENT = 20
EVENTS_PER_CALL = 50
ROUNDS = 5
FRAME_CACHE_BYTES = 256 << 20


def measure() -> dict[str, float]:
    """Gives frames per CPU second by case, the median of five fresh libraries."""
    bundles = [make_bundle(number, FRAMES_PER_SET) for number in range(SETS)]
    frames = [frame for bundle in bundles for frame in frames_of(bundle)]
    events = events_of(frames, FRAMES_PER_EVENT)
    rates: dict[str, list[float]] = {"cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as folder:
        _add(folder, bundles)
        settings = from_env({}, data_dir=folder, frame_cache_bytes=FRAME_CACHE_BYTES)
        for _ in range(ROUNDS):
            memory = patch.multiple(FrameStore, get=FrameStore.get_known, save=_save_in_memory)
            with memory, Symbolicator(settings=settings) as symbolicator:
                rates["cold"].append(_rate(symbolicator, events, len(frames)))
                rates["warm"].append(_rate(symbolicator, events, len(frames)))
    return {name: statistics.median(values) for name, values in rates.items()}


def _add(folder: str, bundles: Sequence[Bundle]) -> None:
    """Uploads and compiles the sets."""
    with Symbolicator.open(folder) as symbolicator:
        for bundle in bundles:
            symbolicator.add_symbol_set(1, bundle.chunk_id, source=bundle.script, map=bundle.map)
            symbolicator.resolve(1, frames_of(bundle)[:1])


def _rate(symbolicator: Symbolicator, events: list[dict[str, Any]], frames: int) -> float:
    garbage.settle()
    began = time.process_time()
    for start in range(0, len(events), EVENTS_PER_CALL):
        outcomes = symbolicator.process(1, events[start : start + EVENTS_PER_CALL])
    seconds = time.process_time() - began
    last = outcomes[-1].event
    assert last is not None
    stack = last["properties"]["$exception_list"][0]["stacktrace"]
    assert all(frame["resolved"] for frame in stack["frames"])
    return frames / seconds


def _save_in_memory(store: FrameStore, team_id: int, answers: Sequence[Answer]) -> Saved:
    now = datetime.now(UTC)
    rows = [_stored(new, now) for answer in answers for new in rows_of(answer)]
    return Saved(store.keep(team_id, rows), [])


def _stored(new: NewFrame, now: datetime) -> FrameRow:
    return FrameRow(
        new.raw_id,
        new.part,
        new.id,
        now,
        new.contents,
        new.context,
        new.resolved,
        new.failure_code,
        new.symbol_set_ref,
        new.symbol_set_data_hash,
        new.resolver_version,
        new.retry_at,
    )


def main() -> None:
    """Prints the table."""
    total = SETS * FRAMES_PER_SET
    print(f"process: {total:,} distinct frames of {SETS} sets, {FRAMES_PER_EVENT} an event")
    print("| case | frames per CPU second |\n|---|---|")
    for name, rate in measure().items():
        print(f"| {name} | {rate:,.0f} |")


if __name__ == "__main__":
    main()
