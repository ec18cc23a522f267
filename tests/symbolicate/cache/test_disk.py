"""Files kept under a byte budget."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from symbolicate.cache.disk import DiskCache


def put(cache: DiskCache, name: str, data: bytes) -> Path | None:
    scratch = cache.scratch()
    scratch.write_bytes(data)
    return cache.keep(name, scratch)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_kept_file_is_found_with_its_bytes(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 100)
    put(cache, "a", b"12345")
    found = cache.find("a")
    assert found is not None
    assert found.read_bytes() == b"12345"
    assert cache.bytes == 5


def test_an_unknown_name_is_not_found(tmp_path: Path) -> None:
    assert DiskCache(tmp_path, 100).find("a") is None


def test_the_least_recently_used_file_goes_first(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10)
    put(cache, "a", b"1234")
    put(cache, "b", b"1234")
    cache.find("a")
    put(cache, "c", b"1234")
    assert cache.find("b") is None
    assert cache.find("a") is not None
    assert cache.bytes == 8


def test_a_file_larger_than_the_budget_is_not_kept(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 3)
    assert put(cache, "a", b"1234") is None
    assert files(tmp_path) == []


def test_replacing_a_file_counts_its_new_size(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 100)
    put(cache, "a", b"1" * 50)
    put(cache, "a", b"22")
    assert cache.bytes == 2


def test_a_new_process_adopts_what_is_there_in_order_of_use(tmp_path: Path) -> None:
    first = DiskCache(tmp_path, 100)
    for age, name in enumerate(("new", "old")):
        path = put(first, name, b"1234")
        assert path is not None
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    second = DiskCache(tmp_path, 7)
    assert second.find("new") is not None
    assert second.find("old") is None


def test_abandoned_scratch_files_are_swept_and_recent_ones_kept(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 100)
    abandoned, recent = cache.scratch(), cache.scratch()
    os.utime(abandoned, (1, 1))
    DiskCache(tmp_path, 100)
    assert files(tmp_path) == [recent.name]


def test_what_somebody_else_put_there_stays_however_old_it_is(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("my own words")
    os.utime(thesis, (1, 1))
    DiskCache(tmp_path, 5).discard("thesis")
    assert files(tmp_path) == ["thesis.txt"]


def test_a_file_removed_from_outside_is_a_miss_and_frees_its_budget(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 100)
    path = put(cache, "a", b"1234")
    assert path is not None
    path.unlink()
    assert cache.find("a") is None
    assert cache.bytes == 0


def test_a_file_that_another_process_kept_is_found(tmp_path: Path) -> None:
    mine, other = DiskCache(tmp_path, 100), DiskCache(tmp_path, 100)
    put(other, "a", b"1234")
    assert mine.find("a") is not None


def test_an_evicted_file_stays_readable_to_whoever_opened_it(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 5)
    path = put(cache, "a", b"1234")
    assert path is not None
    with path.open("rb") as opened:
        put(cache, "b", b"5678")
        assert not path.exists()
        assert opened.read() == b"1234"


def test_discarding_removes_the_file_and_is_harmless_twice(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 100)
    put(cache, "a", b"1234")
    cache.discard("a")
    cache.discard("a")
    assert files(tmp_path) == []
    assert cache.bytes == 0


@pytest.mark.parametrize("workers", [8])
def test_many_threads_never_pass_the_budget(tmp_path: Path, workers: int) -> None:
    cache = DiskCache(tmp_path, 1000)

    def work(number: int) -> None:
        for turn in range(30):
            put(cache, f"{number}-{turn}", b"x" * 100)
            found = cache.find(f"{number}-{turn}")
            assert found is None or found.suffix == ".kept"

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.bytes <= 1000
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == cache.bytes
