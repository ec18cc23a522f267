"""`symbolicate worker` as a process beside a real NATS server, from `ready` to its end in order."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import nats
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from symbolicate.broker.nats import CONSUMER
from symbolicate.config import from_env
from symbolicate.services.brokers import RAW
from symbolicate.symbolicator import Symbolicator

if TYPE_CHECKING:
    from tests.worker.conftest import Made, Start

COMMANDS = [["symbolicate", "worker"], ["symbolicate_worker"]]
SHORT_ACK_WAIT = {"SYMBOLICATE_ACK_WAIT_SECONDS": "2"}

Json = dict[str, Any]
T = TypeVar("T")


class Queues:
    """What tests put into the streams and find in them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def publish(self, *bodies: bytes) -> None:
        async def all_of_them(streams: JetStreamContext) -> None:
            for at in range(0, len(bodies), 200):
                some = bodies[at : at + 200]
                await asyncio.gather(*(streams.publish(RAW, body) for body in some))

        self._with(all_of_them)

    def waiting(self) -> int:
        """Counts the messages that no worker has answered for good."""
        return self._count("raw")

    def in_hand(self) -> int:
        """Counts the messages that a worker holds."""

        async def counted(streams: JetStreamContext) -> int:
            try:
                info = await streams.consumer_info("exceptions-raw", CONSUMER)
            except NotFoundError:
                return 0  # the worker has not pulled yet
            return info.num_ack_pending or 0

        return self._with(counted)

    def resolved(self) -> list[Json]:
        return self._read("resolved")

    def dead(self) -> list[Json]:
        return self._read("dead")

    def _count(self, name: str) -> int:
        async def counted(streams: JetStreamContext) -> int:
            return int((await streams.stream_info(f"exceptions-{name}")).state.messages)

        return self._with(counted)

    def _read(self, name: str) -> list[Json]:
        async def read(streams: JetStreamContext) -> list[Json]:
            state = (await streams.stream_info(f"exceptions-{name}")).state
            places = range(state.first_seq, state.last_seq + 1) if state.messages else ()
            got = [await streams.get_msg(f"exceptions-{name}", place) for place in places]
            return [json.loads(one.data or b"") for one in got]

        return self._with(read)

    def _with(self, doing: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        async def connected() -> T:
            client = await nats.connect(self.url)
            try:
                return await doing(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(connected())


@pytest.fixture
def queues(nats_server: str) -> Queues:
    return Queues(nats_server)


@pytest.fixture
def counted(data_dir: Path) -> Callable[[], int]:
    """Sums the events by which issues were counted up."""

    def count() -> int:
        settings = from_env({}, data_dir=str(data_dir))
        with Symbolicator(settings=settings) as opened, opened._database.read() as connection:
            found = connection.exec_driver_sql("SELECT sum(events) FROM issue_day")
            return int(found.scalar_one() or 0)

    return count


def bodies(make: type[Made], amount: int) -> list[bytes]:
    return [json.dumps(make.event(str(n))).encode() for n in range(amount)]


def uuids(make: type[Made], amount: int) -> Counter[str]:
    return Counter(make.uuid(str(n)) for n in range(amount))


def seen(messages: list[Json]) -> Counter[str]:
    return Counter(message["uuid"] for message in messages)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_it_says_ready_works_and_ends_in_order(
    command: list[str], start: Start, queues: Queues, make: type[Made]
) -> None:
    with start(command=command) as worker:
        queues.publish(*bodies(make, 3))
        worker.wait_until(lambda: queues.waiting() == 0)
        assert worker.end() < 10
        out = queues.resolved()
        assert seen(out) == uuids(make, 3)
        for message in out:
            assert (message["status"], message["team_id"]) == ("ok", 1)
            assert message["event"]["uuid"] == message["uuid"]
        assert {json.loads(line)["level"] for line in worker.log.splitlines()} <= {"info"}


def test_one_malformed_message_amid_99_good_ones_is_kept_apart(
    start: Start, queues: Queues, make: type[Made]
) -> None:
    with start() as worker:
        good = bodies(make, 99)
        queues.publish(*good[:40], b"{", *good[40:])
        worker.wait_until(lambda: queues.waiting() == 0)
        assert seen(queues.resolved()) == uuids(make, 99)
        assert queues.dead() == [{"raw": "ew==", "reason": "not_json", "attempts": 1}]


def test_the_same_event_under_two_message_ids_goes_out_once_and_counts_once(
    start: Start, queues: Queues, make: type[Made], counted: Callable[[], int]
) -> None:
    with start() as worker:
        queues.publish(*bodies(make, 2), *bodies(make, 2))
        worker.wait_until(lambda: queues.waiting() == 0)
        queues.publish(*bodies(make, 2))
        worker.wait_until(lambda: queues.waiting() == 0)
        assert seen(queues.resolved()) == uuids(make, 2)
        worker.end()
    assert counted() == 2


def test_events_of_two_teams_with_one_uuid_both_go_out_however_often_they_come(
    start: Start, queues: Queues, make: type[Made]
) -> None:
    events = [json.dumps(make.event("a", team_id=team_id)).encode() for team_id in (1, 2)]
    with start() as worker:
        for _ in range(2):
            queues.publish(*events)
            worker.wait_until(lambda: queues.waiting() == 0)
        worker.end()
    assert sorted(message["team_id"] for message in queues.resolved()) == [1, 2]


def test_a_worker_that_is_killed_loses_and_doubles_nothing(
    start: Start, queues: Queues, make: type[Made], counted: Callable[[], int]
) -> None:
    amount = 4000
    with start("--concurrency", "1", **SHORT_ACK_WAIT) as worker:
        queues.publish(*bodies(make, amount))
        worker.wait_until(lambda: queues.waiting() < amount)
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
    assert 0 < queues.waiting() < amount
    with start(**SHORT_ACK_WAIT) as worker:
        worker.wait_until(lambda: queues.waiting() == 0)
        worker.end()
    assert seen(queues.resolved()) == uuids(make, amount)
    assert queues.dead() == []
    assert counted() == amount


def test_a_worker_that_is_told_to_end_under_load_leaves_the_rest_to_the_next(
    start: Start, queues: Queues, make: type[Made], counted: Callable[[], int]
) -> None:
    amount = 4000
    with start() as worker:
        queues.publish(*bodies(make, amount))
        worker.wait_until(lambda: queues.waiting() < amount)
        assert worker.end() < 10
    assert 0 < queues.waiting() < amount
    began = time.monotonic()
    with start() as worker:
        worker.wait_until(lambda: queues.waiting() == 0)
        # What was in hand was handed back: nobody had to wait until its ack wait was over.
        assert time.monotonic() - began < 25
        worker.end()
    assert seen(queues.resolved()) == uuids(make, amount)
    assert counted() == amount


def test_events_that_wait_for_a_symbol_set_are_handed_back_at_once_and_finished_by_the_next(
    start: Start, queues: Queues, make: type[Made], data_dir: Path
) -> None:
    written = b'{"version":3,"sources":["src/app.ts"],"names":[],"mappings":"AAAA"}'
    with Symbolicator(settings=from_env({}, data_dir=str(data_dir))) as opened:
        opened.add_symbol_set(make.TEAM, "chunk", source=b"x()", map=written)
    objects = [path for path in (data_dir / "objects").rglob("*") if path.is_file()]
    kept = {path: path.read_bytes() for path in objects}
    for path in objects:
        path.unlink()
        path.symlink_to(path)  # nobody can read it, not even root
    with start() as worker:
        queues.publish(json.dumps(make.event("a", make.web("chunk"))).encode())
        worker.wait_until(lambda: queues.in_hand() == 1 and "out of reach" in worker.log)
        assert worker.end() < 5
    for path, data in kept.items():
        path.unlink()
        path.write_bytes(data)
    began = time.monotonic()
    with start() as worker:
        worker.wait_until(lambda: queues.waiting() == 0)
        assert time.monotonic() - began < 25
    (out,) = queues.resolved()
    (frame,) = out["event"]["properties"]["$exception_list"][0]["stacktrace"]["frames"]
    assert (frame["source"], frame["resolved"]) == ("src/app.ts", True)


def test_a_server_that_is_started_again_is_found_again(
    start: Start,
    queues: Queues,
    make: type[Made],
    stop_nats: Callable[[], None],
    start_nats_again: Callable[[], None],
) -> None:
    with start(**SHORT_ACK_WAIT) as worker:
        queues.publish(*bodies(make, 2))
        worker.wait_until(lambda: queues.waiting() == 0)
        stop_nats()
        start_nats_again()
        queues.publish(*bodies(make, 5))
        worker.wait_until(lambda: queues.waiting() == 0)
        assert seen(queues.resolved()) == uuids(make, 5)
        worker.end()
        assert "Traceback" not in worker.log


def test_the_health_port_tells_whether_everything_can_be_reached(
    start: Start, queues: Queues, make: type[Made], stop_nats: Callable[[], None]
) -> None:
    with start("--health-port", "0") as worker:
        found = re.search(r"health on port (\d+)", worker.log)
        assert found is not None
        base = f"http://127.0.0.1:{found[1]}"
        with httpx.Client(base_url=base, trust_env=False, timeout=20) as client:
            assert client.get("/health/ready").status_code == 200
            queues.publish(*bodies(make, 3), b"{")
            worker.wait_until(lambda: queues.waiting() == 0)
            page = client.get("/metrics").text
            assert 'symbolicate_messages_total{result="published"} 3.0' in page
            assert 'symbolicate_dead_letters_total{reason="not_json"} 1.0' in page
            assert 'symbolicate_events_total{outcome="ok"} 3.0' in page
            stop_nats()
            worker.wait_until(lambda: client.get("/health/ready").status_code == 503)
            assert client.get("/health/ready").json()["out_of_reach"] == "broker"
            assert client.get("/health/live").status_code == 200
            assert worker.end() < 10
