"""F5 and F7: one read of an object while the service errs, cuts, stalls or trickles.

A read gives the whole object or says that the store is out of reach, within its deadline and its
three tries; it fails only when every try was spoiled.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from symbolicate.errors import ObjectStoreUnavailable
from symbolicate.objects.s3 import S3Location, S3Store, S3Times

if TYPE_CHECKING:
    from tests.faults.conftest import Deployment
    from tests.faults.fault_proxy import FaultProxy

BUCKET = "symbolicate-tests"
KEY = "1/symbolsets/a"
DATA = bytes(range(256)) * 400
SHORT = S3Times(connect=0.5, read=0.5, total=2.0, tries=3)
PATIENT = S3Times(connect=0.5, read=1.5, total=1.0, tries=3)
"""Its deadline comes before any limit between two bytes, so that it is the deadline that ends."""
SLACK = 0.5
"""What a busy machine may take to notice that a time is over, in seconds."""


@pytest.fixture(scope="module")
def prefix(s3_server: str) -> str:
    """Names where the object lies, put there past any proxy."""
    name = f"reads-{uuid.uuid4().hex}"
    direct = S3Store(S3Location(BUCKET, name, s3_server))
    direct.put(KEY, DATA)
    direct.close()
    return name


@pytest.fixture
def store(proxy: FaultProxy, prefix: str, request: pytest.FixtureRequest) -> Iterator[S3Store]:
    """Reads the object through the proxy."""
    times = getattr(request, "param", SHORT)
    through = S3Store(S3Location(BUCKET, prefix, proxy.url), times)
    yield through
    through.close()


def read(store: S3Store) -> tuple[bytes | None, float]:
    """Reads the object; gives None if the store was out of reach, and how long it took."""
    began = time.monotonic()
    try:
        data = store.get(KEY, limit=len(DATA))
    except ObjectStoreUnavailable:
        data = None
    return data, time.monotonic() - began


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"errors": 0.3}, id="30 % errors"),
        pytest.param({"cuts": 0.3}, id="30 % cuts"),
        pytest.param({"errors": 0.3, "cuts": 0.3}, id="both"),
        pytest.param({"errors": 0.3, "statuses": (429, 500, 502, 503)}, id="throttled"),
    ],
)
def test_f5_a_read_fails_only_when_all_its_tries_were_spoiled(
    proxy: FaultProxy, store: S3Store, faults: dict[str, Any], amount: Callable[[int, int], int]
) -> None:
    for _ in range(amount(12, 200)):
        proxy.change(**faults)
        data, seconds = read(store)
        spoiled = proxy.done.total()
        assert proxy.count("GET") == min(spoiled + 1, 3)
        assert data == (None if spoiled == 3 else DATA)
        assert seconds <= SHORT.total * 1.1 + SLACK


@pytest.mark.parametrize("store", [PATIENT], indirect=True)
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"rate": 20.0}, id="trickle"),
        pytest.param({"stalls": 1.0}, id="stall"),
        pytest.param({"latency": 30.0}, id="no answer"),
    ],
)
def test_f5_the_deadline_of_a_read_holds(
    proxy: FaultProxy, store: S3Store, faults: dict[str, Any], amount: Callable[[int, int], int]
) -> None:
    for _ in range(amount(1, 10)):
        proxy.change(**faults)
        data, seconds = read(store)
        assert data is None
        assert PATIENT.total * 0.9 <= seconds <= PATIENT.total * 1.1 + SLACK
        assert proxy.count("GET") <= PATIENT.tries


def test_f5_a_stall_costs_one_try(proxy: FaultProxy, store: S3Store) -> None:
    proxy.change(stalls=1.0, at_most=1)
    data, seconds = read(store)
    assert data == DATA
    assert SHORT.read <= seconds <= SHORT.total + SLACK
    assert proxy.count("GET") == 2


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize(("cuts", "whole"), [(1, True), (2, True), (3, False)])
def test_f7_a_cut_body_is_read_again_whole_and_never_returned_short(
    proxy: FaultProxy, store: S3Store, share: float, cuts: int, whole: bool
) -> None:
    proxy.change(cuts=1.0, cut_at=share, at_most=cuts)
    data, _ = read(store)
    assert proxy.done == {"cut": cuts}
    assert proxy.count("GET") == min(cuts + 1, 3)
    assert data == (DATA if whole else None)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_f7_a_set_whose_bytes_are_cut_off_is_neither_kept_nor_condemned(
    proxied: Deployment, proxy: FaultProxy, make: Any, share: float
) -> None:
    writer, reader = proxied.open(), proxied.open()
    writer.add_symbol_set(make.TEAM, "chunk", make.bundle("app"))
    cut: dict[str, Any] = {"cuts": 1.0, "cut_at": share, "methods": frozenset({"GET"})}
    proxy.change(**cut, at_most=3)
    assert make.seen(reader, "chunk") == "transient"
    assert proxied.rows("SELECT failure_code FROM symbol_set") == [(None,)]
    proxy.change(**cut, at_most=2)
    assert make.seen(reader, "chunk") == make.source("app")
    # The compiled form that now lies in the store meets the same at another process.
    proxy.change(**cut, at_most=2)
    assert make.seen(proxied.open(), "chunk") == make.source("app")
    assert proxy.count("GET", "/compiled/") == 3
