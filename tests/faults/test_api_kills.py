"""F2: the API is killed while a set is started, sent and finished, over and over."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from symbolicate.demo.server import DemoServer
    from tests.faults.conftest import Deployment
    from tests.faults.programs import Client

REF = "chunk"
PADDING = "x" * 300_000
"""Makes the body large enough that a kill may fall into its middle."""


@contextmanager
def killed_after(server: DemoServer, seconds: float) -> Iterator[None]:
    assert server.pid is not None
    timer = threading.Timer(seconds, os.kill, (server.pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.join()


def upload(client: Client, make: Any, name: str) -> None:
    """Makes all calls of an upload; raises `httpx.HTTPError` where the server is gone."""
    data = make.bundle(name, padding=PADDING)
    started = client.start(REF, name, len(data))
    if started is None:
        return
    client.send(started, data)
    for _twice in range(2):
        assert client.finish(started["symbol_set_id"], name) == (201, None)


def upload_until_killed(client: Client, make: Any, names: Iterator[str]) -> tuple[str | None, str]:
    """Gives the last set whose finish was confirmed, and the one that was in hand."""
    confirmed = None
    for name in names:
        try:
            upload(client, make, name)
        except httpx.HTTPError:
            return confirmed, name
        confirmed = name
    raise AssertionError("unreachable")


@pytest.mark.timeout(900)
def test_f2_a_set_is_old_or_new_and_the_same_calls_again_end_the_same(
    serve: Callable[[], AbstractContextManager[tuple[DemoServer, Client]]],
    served: Deployment,
    make: Any,
    seed: int,
    amount: Callable[[int, int], int],
) -> None:
    dice, columns = random.Random(seed), count(1)
    old, in_hand = "", ""
    for run in range(amount(8, 100) + 1):
        with serve() as (server, client):
            if not run:
                upload(client, make, "first")
                old = "first"
            else:
                assert client.seen(REF, next(columns)) in (make.source(old), make.source(in_hand))
                upload(client, make, in_hand)
                assert client.seen(REF, next(columns)) == make.source(in_hand)
                old = in_hand
            names = (f"run-{run}-{number}" for number in count())
            with killed_after(server, dice.uniform(0.005, 0.25)):
                confirmed, in_hand = upload_until_killed(client, make, names)
            old = confirmed or old
    assert served.orphans_after_a_day() == []
    assert not any((served.object_path(".incoming")).iterdir())
    assert len(served.rows("SELECT id FROM symbol_set")) == 1
