"""What is done with a batch of messages, whichever broker they came from.

Every message gets exactly one reply: its outcome or a dead letter is published and it is done, or
it is handed back. Nothing here is remembered, so a process may die at any point.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from symbolicate.metrics import Metrics
from symbolicate.outcome import Outcome
from symbolicate.services.brokers import HEADER_BYTES, Message

from .messages import Event, Unusable, dead_letter, outcome_bytes, read_event

HANDED_BACK_SECONDS = (5.0, 15.0, 30.0, 60.0, 120.0)
"""How long an event waits after each delivery that could not finish it; the last one repeats."""
ALONE_FROM = 2
"""From this delivery on an event is handled by itself: an earlier one may have died of it."""
DEAD_FROM = 40
POISON_TRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0

_log = logging.getLogger("symbolicate.worker")


class Reply(NamedTuple):
    """What becomes of a message: published and done, or handed back for so many seconds.

    `message_id` names what is published, an outcome with its team.
    """

    resolved: bytes | None = None
    message_id: str | None = None
    team_id: int | None = None
    dead: bytes | None = None
    again_after: float | None = None


class Processes(Protocol):
    """The part of a `Symbolicator` that handles events."""

    def process(
        self, team_id: int, events: Sequence[object], *, last: bool = False
    ) -> list[Outcome]:
        """Gives one outcome per event, in order; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an event may take: in place, and in all until it goes out with what is known."""

    in_place: float = 15.0
    in_all: float = 1800.0


class _Task(NamedTuple):
    place: int
    message: Message
    event: Event


Answer = Callable[[int, Reply], None]


class Handler:
    """Handles batches; thread-safe.

    Once `stopping` is set, nothing new is tried: what has no reply yet is handed back at once.
    """

    def __init__(
        self,
        symbolicator: Processes,
        metrics: Metrics,
        *,
        max_payload: int,
        patience: Patience = Patience(),
        stopping: threading.Event | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._symbolicator = symbolicator
        self._metrics = metrics
        self._max_payload = max_payload
        self._patience = patience
        self._stopping = stopping or threading.Event()
        self._monotonic = monotonic
        self._sleep = sleep or self._stopping.wait

    def handle(self, messages: Sequence[Message], answer: Answer) -> None:
        """Answers every message once, by its place, as soon as its reply is known."""
        deadline = self._monotonic() + self._patience.in_place
        together: dict[int, list[_Task]] = defaultdict(list)
        alone: list[_Task] = []
        for place, message in enumerate(messages):
            try:
                task = _Task(place, message, read_event(message.data))
            except Unusable as why:
                answer(place, self._dead(message, str(why)))
                continue
            if _outlived_workers(message):
                answer(place, self._dead(message, "worker_died"))
            elif message.attempt >= ALONE_FROM:
                alone.append(task)
            else:
                together[task.event.team_id].append(task)
        for tasks in together.values():
            self._finish(tasks, deadline, answer)
        for task in alone:
            self._metrics.count("symbolicate_redeliveries_total")
            self._finish([task], deadline, answer)

    def _finish(self, tasks: list[_Task], deadline: float, answer: Answer) -> None:
        """Works on events of one team until each has a reply, at most until the deadline."""
        longest = FIRST_PAUSE
        while tasks:
            if self._stopping.is_set():
                for task in tasks:
                    answer(task.place, self._handed_back(0.0))
                return
            waiting = self._try(tasks, answer)
            pause = random.uniform(0, longest)
            if waiting and self._monotonic() + pause >= deadline:
                for task in waiting:
                    answer(task.place, self._given_up(task))
                return
            if waiting:
                self._sleep(pause)
            longest = min(2 * longest, LONGEST_PAUSE)
            tasks = waiting

    def _try(self, tasks: list[_Task], answer: Answer) -> list[_Task]:
        """Processes events once; gives those that wait for a dependency."""
        team_id = tasks[0].event.team_id
        outcomes = self._symbolicator.process(team_id, [task.event.body for task in tasks])
        waiting = []
        for task, outcome in zip(tasks, outcomes, strict=True):
            if outcome.status != "retry":
                answer(task.place, self._published(task, outcome))
            elif outcome.reason == "internal":
                answer(task.place, self._poison(task))
            else:
                waiting.append(task)
        return waiting

    def _poison(self, task: _Task) -> Reply:
        """Tries an event that failed by itself again; one that always does is given up."""
        outcome = Outcome("retry", "internal")
        for _ in range(POISON_TRIES - 1):
            (outcome,) = self._symbolicator.process(task.event.team_id, [task.event.body])
            if outcome.status != "retry":
                return self._published(task, outcome)
        if outcome.reason == "internal":
            return self._dead(task.message, "internal")
        return self._given_up(task)

    def _given_up(self, task: _Task) -> Reply:
        """Hands an event back, or lets it go with what is known when it has waited long enough."""
        if task.message.age >= self._patience.in_all:
            event = task.event
            (outcome,) = self._symbolicator.process(event.team_id, [event.body], last=True)
            if outcome.status != "retry":
                return self._published(task, outcome)
        return self._handed_back(handed_back_seconds(task.message.attempt))

    def _published(self, task: _Task, outcome: Outcome) -> Reply:
        made = outcome_bytes(task.event, outcome)
        if len(made) + HEADER_BYTES > self._max_payload:
            return self._dead(task.message, "outcome_too_large")
        self._metrics.count("symbolicate_messages_total", result="published")
        return Reply(resolved=made, message_id=task.event.uuid, team_id=task.event.team_id)

    def _dead(self, message: Message, reason: str) -> Reply:
        self._metrics.count("symbolicate_messages_total", result="dead")
        self._metrics.count("symbolicate_dead_letters_total", reason=reason)
        _log.warning("dead letter: %s, at delivery %d", reason, message.attempt)
        letter = dead_letter(message.data, reason, message.attempt, self._max_payload)
        return Reply(dead=letter, message_id=message.place or None)

    def _handed_back(self, seconds: float) -> Reply:
        self._metrics.count("symbolicate_messages_total", result="handed_back")
        return Reply(again_after=seconds)


def handed_back_seconds(attempt: int) -> float:
    """Tells how long a message waits that this delivery could not finish."""
    return HANDED_BACK_SECONDS[min(attempt, len(HANDED_BACK_SECONDS)) - 1]


def _outlived_workers(message: Message) -> bool:
    """Tells whether a message came so often that workers must have died of it.

    One that was only ever handed back, as in a long outage, is older than its waits together.
    """
    if message.attempt < DEAD_FROM:
        return False
    return message.age < sum(map(handed_back_seconds, range(1, message.attempt)))
