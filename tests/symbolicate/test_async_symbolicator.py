"""The awaitable façade: the same methods, and none of them blocks the loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from symbolicate import AsyncSymbolicator, Refused, Symbolicator

TEAM = 1
METHODS = ["resolve", "process", "batch_get", "create_release", "add_symbol_set", "check", "close"]


def run(folder: Path, use: Callable[[AsyncSymbolicator], Awaitable[None]]) -> None:
    async def main() -> None:
        async with AsyncSymbolicator.open(folder) as symbolicator:
            await use(symbolicator)

    asyncio.run(main())


@pytest.mark.parametrize("name", METHODS)
def test_each_method_has_the_same_arguments_and_is_awaitable(name: str) -> None:
    method = getattr(AsyncSymbolicator, name)
    assert inspect.iscoroutinefunction(method)
    plain = inspect.signature(getattr(Symbolicator, name))
    assert inspect.signature(method).parameters == plain.parameters
    assert inspect.signature(method).return_annotation == plain.return_annotation


def test_every_method_gives_what_the_plain_one_gives(tmp_path: Path, make: Any) -> None:
    async def use(symbolicator: AsyncSymbolicator) -> None:
        await symbolicator.check()
        release = await symbolicator.create_release(TEAM, version="1", project="shop")
        data = make.script("app")
        await symbolicator.add_symbol_set(TEAM, "chunk", data, release_id=release.id)
        ((frame,),) = await symbolicator.resolve(TEAM, [make.web()])
        assert frame.contents["source"] == "src/app.ts"
        ok, invalid = await symbolicator.process(TEAM, [make.event(make.web()), "bad"])
        assert (ok.status, invalid.status) == ("ok", "invalid")
        (stored,) = await symbolicator.batch_get(TEAM, [frame.raw_id])
        assert (stored.contents, stored.release) == (frame.contents, release)
        with pytest.raises(Refused):
            await symbolicator.add_symbol_set(TEAM, "chunk", b"bad")

    run(tmp_path, use)
    with Symbolicator.open(tmp_path) as plain:
        raw_id = make.submissions(make.web())[0].hash.hex()
        assert len(plain.batch_get(TEAM, [raw_id])) == 1


def test_the_loop_goes_on_while_a_call_is_at_work(tmp_path: Path, make: Any) -> None:
    release = threading.Event()

    async def use(symbolicator: AsyncSymbolicator) -> None:
        def held(*args: Any, **kwargs: Any) -> list[Any]:
            assert release.wait(30)
            return []

        symbolicator._symbolicator.process = held  # type: ignore[method-assign]
        calls = [asyncio.ensure_future(symbolicator.process(TEAM, [])) for _ in range(3)]
        await symbolicator.resolve(TEAM, [make.web()])
        assert not any(call.done() for call in calls)
        release.set()
        assert await asyncio.gather(*calls) == [[], [], []]

    run(tmp_path, use)


def test_closing_waits_for_the_calls_in_hand(tmp_path: Path, make: Any) -> None:
    async def main() -> None:
        symbolicator = AsyncSymbolicator.open(tmp_path, metrics=None)
        events = [make.event(make.web(colno=n)) for n in range(1, 50)]
        calls = [asyncio.ensure_future(symbolicator.process(TEAM, [e])) for e in events]
        await asyncio.sleep(0)
        await symbolicator.close()
        outcomes = await asyncio.gather(*calls)
        assert {outcome.status for (outcome,) in outcomes} == {"ok"}

    asyncio.run(main())


def test_it_takes_what_the_plain_one_takes_or_one_that_is_open(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        objects = (tmp_path / "objects").as_uri()
        async with AsyncSymbolicator(database=sqlite_url, objects=objects) as symbolicator:
            assert await symbolicator.batch_get(TEAM, []) == []
        plain = Symbolicator(database=sqlite_url, objects=objects)
        async with AsyncSymbolicator(symbolicator=plain, threads=1) as symbolicator:
            assert await symbolicator.process(TEAM, []) == []

    asyncio.run(main())
