"""F4: the object store is away while events come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.errors import ObjectStoreUnavailable

if TYPE_CHECKING:
    from tests.faults.conftest import Deployment
    from tests.faults.fault_proxy import FaultProxy

BACK_SECONDS = 5.0
RETRY = ("retry", "dependency_unavailable")


def outcome(symbolicator: Any, event: Any) -> tuple[str, str | None]:
    (one,) = symbolicator.process(1, [event])
    return one.status, one.reason


def test_f4_events_are_handed_back_and_nothing_is_stored_as_a_fact(
    proxied: Deployment, proxy: FaultProxy, make: Any, amount: Callable[[float, float], float]
) -> None:
    writer, reader = proxied.open(), proxied.open()
    writer.add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    before = proxied.rows("SELECT * FROM symbol_set")
    proxy.change(away=True)
    until, number = time.monotonic() + amount(1.0, 60.0), 0
    while time.monotonic() < until or number < 3:
        number += 1
        event = make.event([make.web("chunk", number)], uuid=f"event-{number}")
        assert outcome(reader, event) == RETRY
    with pytest.raises(ObjectStoreUnavailable):
        reader.check()
    assert proxied.rows("SELECT * FROM stack_frame") == []
    assert proxied.rows("SELECT * FROM processed_event") == []
    assert proxied.rows("SELECT * FROM symbol_set") == before
    proxy.change()
    returned = time.monotonic()
    assert outcome(reader, make.event([make.web("chunk", 1)], uuid="event-1")) == ("ok", None)
    assert time.monotonic() - returned <= BACK_SECONDS
    assert proxied.rows("SELECT resolved, failure_code FROM stack_frame") == [(1, None)]
    reader.check()


def test_f4_what_needs_no_bytes_goes_on(proxied: Deployment, proxy: FaultProxy, make: Any) -> None:
    writer, reader = proxied.open(), proxied.open()
    writer.add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    known = make.event([make.web("chunk", 7)], uuid="known")
    assert outcome(writer, known) == ("ok", None)
    proxy.change(away=True)
    # Answered before by another process, and a set that nobody uploaded.
    assert outcome(reader, known) == ("ok", None)
    assert outcome(reader, make.event([make.web("absent")])) == ("ok", None)
    statuses = reader.process(
        1, [known, make.event([make.web("chunk", 8)]), make.event([make.web("absent", 2)])]
    )
    assert [one.status for one in statuses] == ["ok", "retry", "ok"]
    assert proxy.count("GET") > 0


def test_f4_an_answer_is_not_replaced_by_ignorance(
    proxied: Deployment, proxy: FaultProxy, make: Any
) -> None:
    writer, reader = proxied.open(), proxied.open()
    writer.add_symbol_set(make.TEAM, "chunk", make.bundle("old"))
    (one,) = writer.process(1, [make.event([make.web("chunk")])])
    assert one.event is not None
    exception = one.event["properties"]["$exception_list"][0]
    raw_id = exception["stacktrace"]["frames"][0]["raw_id"]
    writer.add_symbol_set(make.TEAM, "chunk", make.bundle("new"))
    proxy.change(away=True)
    (stored,) = reader.batch_get(1, [raw_id])
    assert stored.contents["source"] == make.source("old")
    proxy.change()
    (stored,) = reader.batch_get(1, [raw_id])
    assert stored.contents["source"] == make.source("new")


def test_f4_an_upload_that_could_not_be_finished_is_finished_later(
    proxied: Deployment, proxy: FaultProxy, make: Any
) -> None:
    symbolicator = proxied.open()
    symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("old"))
    proxy.change(away=True)
    with pytest.raises(ObjectStoreUnavailable):
        symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("new"))
    proxy.change()
    assert make.seen(symbolicator, "chunk") == make.source("old")
    symbolicator.add_symbol_set(make.TEAM, "chunk", make.bundle("new"))
    assert make.seen(symbolicator, "chunk", 2) == make.source("new")
