"""Removal at a pace: a thousand in a call, a pause after it, and failures that stop nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from symbolicate.errors import ObjectStoreUnavailable
from symbolicate.metrics import NullMetrics
from symbolicate.objects.memory import MemoryStore
from symbolicate.services.paced_removal import PacedRemoval
from symbolicate.services.retention_report import Tally


class Recorded(MemoryStore):
    """A store that notes how many objects each call removes; one call may fail."""

    def __init__(self, failing: int = -1) -> None:
        super().__init__(b"secret")
        self.calls: list[int] = []
        self._failing = failing

    def delete(self, keys: Iterable[str]) -> None:
        some = list(keys)
        self.calls.append(len(some))
        if len(self.calls) - 1 == self._failing:
            raise ObjectStoreUnavailable("down")
        super().delete(some)


@pytest.mark.parametrize(
    ("count", "calls", "pauses"),
    [
        pytest.param(0, [], 0, id="none"),
        pytest.param(1, [1], 0, id="one"),
        pytest.param(1000, [1000], 1, id="just full"),
        pytest.param(2500, [1000, 1000, 500], 2, id="several"),
    ],
)
def test_objects_go_a_thousand_at_a_time(count: int, calls: list[int], pauses: int) -> None:
    waited: list[float] = []
    store, tally = Recorded(), Tally(NullMetrics())
    PacedRemoval(store, waited.append).remove((f"1/a/{n}" for n in range(count)), tally)
    assert store.calls == calls
    assert waited == [0.1] * pauses
    assert tally.report().objects == count


def test_a_call_that_fails_is_counted_and_the_next_goes_on() -> None:
    store, tally = Recorded(failing=0), Tally(NullMetrics())
    for number in range(1500):
        store.put(f"1/a/{number}", b"x")
    PacedRemoval(store, lambda _seconds: None).remove([f"1/a/{n}" for n in range(1500)], tally)
    report = tally.report()
    assert (report.objects, report.failed_objects) == (500, 1000)
    assert len(list(store.list(""))) == 1000
