"""F19: a set is replaced under frames that it answered, while they are read all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Deployment

ELSEWHERE_SECONDS = 1.0
WAIT_SECONDS = 30


def sent(symbolicator: Any, make: Any, columns: Iterator[int], frames: int = 1) -> list[Any]:
    """Sends an event of frames that nobody saw before, and gives what became of them."""
    raw = [make.web("chunk", next(columns)) for _ in range(frames)]
    (one,) = symbolicator.process(make.TEAM, [make.event(raw)])
    assert one.status == "ok"
    made = one.event["properties"]["$exception_list"][0]["stacktrace"]["frames"]
    assert all(frame["resolved"] for frame in made), made
    return list(made)


class Read(NamedTuple):
    """When a read began, and which generations its frames showed."""

    began: float
    seen: frozenset[str]


class Reader:
    """Reads the same stored frames over and over; from column `first` on it sends new ones too."""

    def __init__(
        self, symbolicator: Any, make: Any, raw_ids: list[str], first: int | None = None
    ) -> None:
        self._symbolicator = symbolicator
        self._make = make
        self._raw_ids = raw_ids
        self._columns = None if first is None else count(first)
        self.reads: list[Read] = []
        self.failed: list[BaseException] = []

    def run(self, over: threading.Event) -> None:
        try:
            while not over.is_set():
                self._read()
        except BaseException as error:
            self.failed.append(error)

    def _read(self) -> None:
        began = time.monotonic()
        stored = self._symbolicator.batch_get(self._make.TEAM, self._raw_ids)
        seen = {frame.contents["source"] for frame in stored}
        if self._columns is not None:
            seen |= {
                frame["source"] for frame in sent(self._symbolicator, self._make, self._columns)
            }
        self.reads.append(Read(began, frozenset(seen)))

    def first_after(self, moment: float) -> Read:
        """Waits for the first read that began after a moment, and gives it."""
        give_up = time.monotonic() + WAIT_SECONDS
        while not (found := [read for read in list(self.reads) if read.began > moment]):
            assert not self.failed, self.failed
            assert time.monotonic() < give_up
            time.sleep(0.002)
        return found[0]


@contextmanager
def reading(readers: list[Reader]) -> Iterator[None]:
    over = threading.Event()
    threads = [threading.Thread(target=reader.run, args=(over,)) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(WAIT_SECONDS)
    assert [reader.failed for reader in readers] == [[]] * len(readers)


@pytest.mark.timeout(900)
def test_f19_no_stale_read_after_a_replacement_here_at_once_and_elsewhere_within_a_second(
    anywhere: Deployment, make: Any, amount: Callable[[int, int], int]
) -> None:
    here, elsewhere = anywhere.open(), anywhere.open()
    here.add_symbol_set(make.TEAM, "chunk", make.bundle("gen-0"))
    raw_ids = [frame["raw_id"] for frame in sent(here, make, count(1), 20)]
    near = Reader(here, make, raw_ids, 10_000)
    # Sending would tell it of the change; a reader has only time to rely on.
    far = Reader(elsewhere, make, raw_ids)
    sender = Reader(anywhere.open(), make, raw_ids, 500_000)
    with reading([near, far, sender]):
        finished = time.monotonic()
        for number in range(1, amount(2, 50) + 1):
            name = f"gen-{number}"
            here.add_symbol_set(make.TEAM, "chunk", make.bundle(name))
            finished = time.monotonic()
            new = frozenset({make.source(name)})
            assert near.first_after(finished).seen == new
            assert far.first_after(finished + ELSEWHERE_SECONDS).seen == new
    assert sender.reads
    last = frozenset({make.source(name)})
    assert {read.seen for read in near.reads if read.began > finished} == {last}
    late = finished + ELSEWHERE_SECONDS
    assert {read.seen for read in far.reads if read.began > late} == {last}
    # What nobody read since is repaired as well.
    elsewhere.reconciler.run()
    hashes = anywhere.rows("SELECT DISTINCT symbol_set_data_hash FROM stack_frame")
    assert hashes == anywhere.rows("SELECT data_hash FROM symbol_set")
