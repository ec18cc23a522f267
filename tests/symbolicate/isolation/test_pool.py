"""The pool of compiling children: what they answer, and what their death costs."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from symbolicate.errors import FormatError
from symbolicate.isolation.pool import ChildFailed, CompilerPool


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"bytes of a symbol set")
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def task(name: str) -> str:
    return f"symbolicate.formats.misbehaving:{name}"


def test_a_task_reads_one_path_and_writes_the_other(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    assert pool.run(task("copy"), source, target)["bytes"] == len(source.read_bytes())
    assert target.read_bytes() == source.read_bytes()


def test_a_child_stays_warm_between_tasks(pool: CompilerPool, source: Path, target: Path) -> None:
    pids = {pool.run(task("copy"), source, target)["pid"] for _ in range(5)}
    assert len(pids) == 1


def test_a_refused_file_comes_back_as_its_own_error(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    with pytest.raises(FormatError, match="mappings are not a string") as caught:
        pool.run(task("refuse"), source, target)
    assert caught.value.code == "malformed"


def test_a_passed_limit_keeps_what_was_seen_and_allowed(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    with pytest.raises(FormatError) as caught:
        pool.run(task("exceed"), source, target)
    error = caught.value
    assert (error.code, error.limit, error.seen, error.allowed) == (
        "limit_exceeded",
        "segments",
        70,
        64,
    )


@pytest.mark.parametrize("name", ["eat", "hang", "die"])
def test_a_greedy_child_costs_its_own_task_and_no_other(
    pool: CompilerPool, source: Path, target: Path, name: str
) -> None:
    with pytest.raises(FormatError) as caught:
        pool.run(task(name), source, target)
    assert caught.value.code == "limit_exceeded"
    assert pool.run(task("copy"), source, target)["bytes"] > 0


def test_a_task_whose_children_are_killed_twice_is_done_by_the_third(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    assert pool.run(task("recover"), source, target) == "recovered"


def test_a_third_death_says_how_many_there_were_and_how_the_last_came(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    with pytest.raises(FormatError, match=r"compiler_deaths of 3 .* status -9") as caught:
        pool.run(task("die"), source, target)
    error = caught.value
    assert (error.code, error.limit, error.seen, error.allowed) == (
        "limit_exceeded",
        "compiler_deaths",
        3,
        2,
    )


def test_a_child_that_passes_its_time_is_ended_near_the_limit(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    began = time.monotonic()
    with pytest.raises(FormatError, match="compile_seconds"):
        pool.run(task("hang"), source, target)
    assert time.monotonic() - began < 20


def test_a_task_is_told_to_come_to_an_end_before_its_time_is_up(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    assert 1.0 < pool.run(task("spare"), source, target) < 2.0


def test_a_file_beyond_the_limit_is_not_written(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    with pytest.raises((FormatError, ChildFailed)):
        pool.run(task("fill"), source, target)
    assert target.stat().st_size <= 32 << 20


def test_a_bug_in_the_child_is_told_apart_from_a_bad_file(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    with pytest.raises(ChildFailed, match="KeyError"):
        pool.run(task("fail"), source, target)
    assert pool.run(task("copy"), source, target)["bytes"] > 0


def test_what_a_task_prints_does_not_disturb_its_answer(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    assert pool.run(task("chatter"), source, target) == "heard"


def test_a_child_holds_no_credentials(pool: CompilerPool, source: Path, target: Path) -> None:
    assert pool.run(task("secrets"), source, target) == []


def test_only_functions_of_the_formats_are_tasks(
    pool: CompilerPool, source: Path, target: Path
) -> None:
    with pytest.raises(ChildFailed, match="a task is a function below"):
        pool.run("os:system", source, target)


def test_no_more_children_than_slots_work_at_once(
    pool: CompilerPool, source: Path, tmp_path: Path
) -> None:
    pids: list[Any] = []

    def work(number: int) -> None:
        pids.append(pool.run(task("copy"), source, tmp_path / f"target{number}")["pid"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 8
    assert len(set(pids)) == 1


def test_closing_ends_the_idle_children(pool: CompilerPool, source: Path, target: Path) -> None:
    pid = pool.run(task("copy"), source, target)["pid"]
    pool.close()
    assert not Path(f"/proc/{pid}").exists()
