"""F12: many upload the same ref at once, equal bytes or different ones."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from symbolicate.errors import Refused

if TYPE_CHECKING:
    from tests.faults.conftest import Deployment

T = TypeVar("T")

WAIT_SECONDS = 60
CONFLICT = "content_hash_mismatch"


def at_once(calls: Sequence[Callable[[], T]]) -> list[T | str]:
    """Makes all calls at the same moment; gives what each returned, or the code of a refusal."""
    start = threading.Barrier(len(calls))

    def make_call(call: Callable[[], T]) -> T | str:
        start.wait(WAIT_SECONDS)
        try:
            return call()
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make_call, calls))


def hash_of(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).digest()


def serving(where: Deployment) -> bytes:
    """Gives the hash of what serves, after a check that the stored bytes have it."""
    ((key, data_hash),) = where.rows("SELECT storage_key, data_hash FROM symbol_set")
    assert hash_of(where.objects().get(key, limit=1 << 20)) == data_hash
    return bytes(data_hash)


def names_of(threads: int, different: bool) -> list[str]:
    return [f"app-{at if different else 0}" for at in range(threads)]


@pytest.fixture
def threads(amount: Callable[[int, int], int]) -> int:
    return amount(16, 50)


@pytest.mark.parametrize("different", [False, True], ids=["equal", "different"])
def test_f12_of_single_uploads_one_wins_and_others_are_equal_or_refused(
    anywhere: Deployment, make: Any, threads: int, different: bool
) -> None:
    processes = [anywhere.open() for _ in range(2)]
    names = names_of(threads, different)

    def put(at: int) -> str:
        data = BytesIO(make.bundle(names[at]))
        processes[at % 2].single_uploads.put(make.TEAM, "chunk", None, data)
        return names[at]

    answers = at_once([lambda at=at: put(at) for at in range(threads)])  # type: ignore[misc]
    won = {answer for answer in answers if answer != CONFLICT}
    assert len(won) == 1
    assert Counter(answers)[CONFLICT] == (threads - 1 if different else 0)
    (winner,) = won
    assert serving(anywhere) == hash_of(make.bundle(winner))
    assert [make.seen(one, "chunk") for one in processes] == [make.source(winner)] * 2
    assert anywhere.orphans_after_a_day() == []


@pytest.mark.parametrize("different", [False, True], ids=["equal", "different"])
def test_f12_of_uploads_in_three_steps_one_wins_and_no_orphan_stays(
    anywhere: Deployment, make: Any, threads: int, different: bool
) -> None:
    processes = [anywhere.open() for _ in range(2)]
    names = names_of(threads, different)
    objects = anywhere.objects()

    def upload(at: int) -> str:
        uploads, name = processes[at % 2].uploads, names[at]
        item = {"chunk_id": "chunk", "content_hash": name}
        started = uploads.start(make.TEAM, {"symbol_sets": [item]}).get("chunk")
        if started is None:
            return "skipped"
        objects.put(started.upload_key, make.bundle(name))
        uploads.finish(make.TEAM, {str(started.symbol_set_id): name})
        return "finished"

    answers = at_once([lambda at=at: upload(at) for at in range(threads)])  # type: ignore[misc]
    assert set(answers) <= {"finished", "skipped", "file_not_found", CONFLICT}
    assert "finished" in answers
    assert different or CONFLICT not in answers
    assert serving(anywhere) in {hash_of(make.bundle(name)) for name in names}
    assert anywhere.rows("SELECT upload_key FROM symbol_set") == [(None,)]
    ((token,),) = anywhere.rows("SELECT content_hash FROM symbol_set")
    assert serving(anywhere) == hash_of(make.bundle(token))
    assert anywhere.orphans_after_a_day() == []


def test_f12_forced_replacements_end_with_one_of_them_whole(
    anywhere: Deployment, make: Any, threads: int
) -> None:
    processes = [anywhere.open() for _ in range(2)]
    names = names_of(threads, different=True)

    def put(at: int) -> None:
        processes[at % 2].add_symbol_set(make.TEAM, "chunk", make.bundle(names[at]))

    answers = at_once([lambda at=at: put(at) for at in range(threads)])  # type: ignore[misc]
    assert answers == [None] * threads
    last = serving(anywhere)
    assert last in {hash_of(make.bundle(name)) for name in names}
    fresh = make.seen(anywhere.open(), "chunk")
    assert fresh in {make.source(name) for name in names if hash_of(make.bundle(name)) == last}
    assert anywhere.orphans_after_a_day() == []
