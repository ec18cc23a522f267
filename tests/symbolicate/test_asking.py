"""A question that may hang: one at a time, and every answer is a new one."""

from __future__ import annotations

import threading

import pytest

from symbolicate.asking import Asking

PATIENCE = 20.0


def test_who_asks_while_it_is_asked_waits_for_the_same_answer() -> None:
    asked, goes_on = [0], threading.Event()

    def question() -> str:
        asked[0] += 1
        goes_on.wait(PATIENCE)
        return "database"

    asking = Asking(question)
    answers = [asking.begin() for _ in range(3)]
    with pytest.raises(TimeoutError):
        answers[0].result(0.01)
    goes_on.set()
    assert [answer.result(PATIENCE) for answer in answers] == ["database"] * 3
    assert asked == [1]


def test_an_answer_that_was_given_is_asked_for_again() -> None:
    answers = iter(["object store", None])
    asking = Asking(lambda: next(answers))
    assert [asking.begin().result(PATIENCE) for _ in range(2)] == ["object store", None]


def test_what_the_question_raises_is_raised_to_who_waits() -> None:
    def question() -> str:
        raise ZeroDivisionError

    asking = Asking(question)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            asking.begin().result(PATIENCE)


def test_its_threads_keep_no_program_alive() -> None:
    kept: list[bool] = []

    def question() -> None:
        kept.append(threading.current_thread().daemon)

    Asking(question).begin().result(PATIENCE)
    assert kept == [True]
