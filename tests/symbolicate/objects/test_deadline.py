"""A hard deadline: whoever waits is free in time, whatever the call does."""

from __future__ import annotations

import threading

import pytest

from symbolicate.objects.deadline import call_within


def test_the_result_is_given() -> None:
    assert call_within(10, lambda: 42) == 42


def test_the_exception_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        call_within(10, lambda: 1 // 0)


def test_a_late_call_is_given_up() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        call_within(0.01, lambda: release.wait(10))
    release.set()
