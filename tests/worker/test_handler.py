"""The handler's rules, by a `Symbolicator` whose answers are scripted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.metrics import NullMetrics
from symbolicate.services.brokers import Message
from symbolicate_worker.handler import DEAD_FROM, LONGEST_PAUSE, Handler, Patience, Reply

if TYPE_CHECKING:
    from tests.worker.conftest import Counted, Made, Scripted, TurnedClock

AWAY = "dependency_unavailable"
HALF_AN_HOUR = 1800.0

MakeHandler = Callable[..., Handler]


@pytest.fixture
def make_handler(scripted: Scripted, metrics: Counted, turned_clock: TurnedClock) -> MakeHandler:
    """Gives a function that makes a handler whose pauses take no time."""

    def made(**given: Any) -> Handler:
        given = {"max_payload": 1_048_576, "sleep": turned_clock.sleep, **given}
        return Handler(scripted, metrics, monotonic=turned_clock, **given)

    return made


@pytest.fixture
def handler(make_handler: MakeHandler) -> Handler:
    return make_handler()


def again_after(replies: list[Reply]) -> list[float | None]:
    assert all(reply == Reply(again_after=reply.again_after) for reply in replies)
    return [reply.again_after for reply in replies]


def dead(reply: Reply) -> str:
    """Gives the reason of a reply that is a dead letter and nothing else."""
    assert reply.dead is not None
    assert reply == Reply(dead=reply.dead)
    return str(json.loads(reply.dead)["reason"])


def test_a_dead_letter_is_named_by_the_place_of_its_message(handler: Handler) -> None:
    replies: list[Reply] = []
    handler.handle([Message(b"{", place="7-1.5")], lambda _place, reply: replies.append(reply))
    assert [(reply.message_id, reply.team_id) for reply in replies] == [("7-1.5", None)]


def test_an_outcome_is_published_under_the_uuid_of_the_body(
    make: type[Made], handler: Handler
) -> None:
    event = make.scripted("the-body's")
    (reply,) = make.handle(handler, make.message(event))
    assert (reply.message_id, reply.dead, reply.again_after) == ("the-body's", None, None)
    out = make.read(reply.resolved)
    assert out == {"status": "ok", "event": event, "uuid": "the-body's", "team_id": 1}


def test_new_events_of_a_team_are_processed_together_in_their_order(
    make: type[Made], handler: Handler, scripted: Scripted
) -> None:
    teams = [("a", 1), ("b", 2), ("c", 1), ("d", 2)]
    messages = [make.message(make.scripted(name, team_id=team)) for name, team in teams]
    replies = make.handle(handler, *messages)
    assert scripted.calls == [(1, ["a", "c"], False), (2, ["b", "d"], False)]
    assert [(reply.message_id, reply.team_id) for reply in replies] == teams


def test_events_that_came_before_are_processed_one_by_one(
    make: type[Made], handler: Handler, scripted: Scripted, metrics: Counted
) -> None:
    attempts = {"a": 2, "b": 1, "c": 39, "d": 1}
    messages = [make.message(make.scripted(name), at) for name, at in attempts.items()]
    make.handle(handler, *messages)
    assert [uuids for _, uuids, _ in scripted.calls] == [["b", "d"], ["a"], ["c"]]
    assert metrics.counts["redeliveries_total",] == 2


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b'{"uuid":"u"}'], ids=repr)
def test_a_message_that_is_no_event_becomes_a_letter_and_harms_no_neighbour(
    data: bytes, make: type[Made], handler: Handler, scripted: Scripted, metrics: Counted
) -> None:
    good = [make.message(make.scripted(str(n))) for n in range(99)]
    replies = make.handle(handler, *good[:50], Message(data), *good[50:])
    assert dead(replies.pop(50)).startswith(("not_", "no_usable_"))
    assert [reply.message_id for reply in replies] == [str(n) for n in range(99)]
    assert len(scripted.calls) == 1
    for result, count in {"dead": 1, "published": 99}.items():
        assert metrics.counts["messages_total", result] == count


@pytest.mark.parametrize(
    ("attempt", "age", "letter"),
    [
        pytest.param(DEAD_FROM - 1, 60.0, False, id="one delivery before"),
        pytest.param(DEAD_FROM, 60.0, True, id="workers died within a minute"),
        pytest.param(DEAD_FROM, 40 * 30.0, True, id="workers died, each after an ack wait"),
        pytest.param(200, 200 * 30.0, True, id="workers went on dying"),
        pytest.param(DEAD_FROM, 110 + 35 * 120.0, False, id="handed back all the time"),
        pytest.param(200, 110 + 195 * 135.0, False, id="handed back for hours"),
    ],
)
def test_only_a_message_that_workers_died_of_40_times_is_given_up_unread(
    attempt: int, age: float, letter: bool, make: type[Made], handler: Handler, scripted: Scripted
) -> None:
    (reply,) = make.handle(handler, make.message(make.scripted("a"), attempt, age))
    if letter:
        assert dead(reply) == "worker_died"
        assert make.read(reply.dead)["attempts"] == attempt
    assert len(scripted.calls) == (0 if letter else 1)


def test_an_event_that_must_wait_is_tried_again_in_place_and_alone_of_its_batch(
    make: type[Made], handler: Handler, scripted: Scripted, turned_clock: TurnedClock
) -> None:
    slow = make.scripted("slow", AWAY, AWAY, AWAY)
    replies = make.handle(handler, make.message(make.scripted("quick")), make.message(slow))
    assert [reply.message_id for reply in replies] == ["quick", "slow"]
    assert [uuids for _, uuids, _ in scripted.calls] == [["quick", "slow"], *[["slow"]] * 3]
    assert len(turned_clock.sleeps) == 3


def test_an_event_is_answered_before_its_neighbours_have_waited(
    make: type[Made], handler: Handler, turned_clock: TurnedClock
) -> None:
    at: dict[int, float] = {}
    slow = make.message(make.scripted("slow", AWAY, "for ever"))
    messages = [slow, make.message(make.scripted("quick"))]
    handler.handle(messages, lambda place, _reply: at.update({place: turned_clock()}))
    assert at[1] == 1000.0
    assert at[0] > 1010.0


def test_pauses_between_tries_have_full_jitter_and_end_before_the_time_limit(
    make: type[Made], make_handler: MakeHandler, turned_clock: TurnedClock
) -> None:
    handler = make_handler(patience=Patience(in_place=15.0))
    (reply,) = make.handle(handler, make.message(make.scripted("a", AWAY, "for ever")))
    assert again_after([reply]) == [5.0]
    sleeps = turned_clock.sleeps
    limits = [min(0.1 * 2**n, LONGEST_PAUSE) for n in range(len(sleeps))]
    assert all(0 <= slept <= limit for slept, limit in zip(sleeps, limits, strict=True))
    assert len({slept / limit for slept, limit in zip(sleeps, limits, strict=True)}) > 1
    assert 15.0 - LONGEST_PAUSE <= sum(sleeps) < 15.0


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 120), (39, 120)]
)
def test_what_is_handed_back_waits_longer_from_time_to_time(
    attempt: int, seconds: float, make: type[Made], handler: Handler
) -> None:
    event = make.scripted("a", AWAY, "for ever")
    assert again_after(make.handle(handler, make.message(event, attempt))) == [seconds]


@pytest.mark.parametrize(("age", "last"), [(HALF_AN_HOUR - 1, False), (HALF_AN_HOUR, True)])
def test_an_event_that_waited_half_an_hour_goes_out_with_what_is_known(
    age: float, last: bool, make: type[Made], handler: Handler, scripted: Scripted
) -> None:
    event = make.scripted("a", AWAY, "for ever")
    (reply,) = make.handle(handler, make.message(event, 18, age))
    assert scripted.calls[-1] == (1, ["a"], last)
    assert sum(call[2] for call in scripted.calls) == last
    assert (reply.message_id, reply.again_after) == (("a", None) if last else (None, 120.0))


def test_an_event_that_cannot_even_go_out_is_handed_back_however_old_it_is(
    make: type[Made], handler: Handler, scripted: Scripted
) -> None:
    scripted.passes_last = False
    event = make.scripted("a", AWAY, "for ever")
    replies = make.handle(handler, make.message(event, 900, 100 * HALF_AN_HOUR))
    assert again_after(replies) == [120.0]


def test_an_event_that_fails_alone_three_times_is_given_up_while_its_neighbours_pass(
    make: type[Made], handler: Handler, scripted: Scripted, metrics: Counted
) -> None:
    poison = make.message(make.scripted("poison", "internal", "for ever"), attempt=1)
    good = [make.message(make.scripted(str(n))) for n in range(99)]
    replies = make.handle(handler, *good[:40], poison, *good[40:])
    letter = replies.pop(40)
    assert dead(letter) == "internal"
    assert make.read(letter.dead)["event"]["uuid"] == "poison"
    assert scripted.tries["poison"] == 3
    assert [reply.message_id for reply in replies] == [str(n) for n in range(99)]
    assert metrics.counts["dead_letters_total", "internal"] == 1


@pytest.mark.parametrize("script", [["internal"], ["internal"] * 2], ids=["once", "twice"])
def test_a_bug_that_passes_costs_nothing(
    script: list[str], make: type[Made], handler: Handler
) -> None:
    (reply,) = make.handle(handler, make.message(make.scripted("a", *script)))
    assert reply.message_id == "a"


def test_an_event_that_meets_a_bug_and_then_an_outage_is_handed_back(
    make: type[Made], handler: Handler
) -> None:
    event = make.scripted("a", "internal", AWAY, "for ever")
    assert again_after(make.handle(handler, make.message(event, 2))) == [15.0]


def test_an_outcome_that_the_broker_would_not_take_becomes_a_letter(
    make: type[Made], make_handler: MakeHandler
) -> None:
    handler = make_handler(max_payload=8192)
    sizes = {"small": 1000, "large": 7500}
    messages = [make.message(make.scripted(name, x="y" * size)) for name, size in sizes.items()]
    small, large = make.handle(handler, *messages)
    assert small.message_id == "small"
    assert dead(large) == "outcome_too_large"
    assert len(large.dead or b"") <= 8192


def test_once_the_worker_stops_waiting_ends_at_once_and_everything_is_handed_back(
    make: type[Made], make_handler: MakeHandler, scripted: Scripted, turned_clock: TurnedClock
) -> None:
    stopping = threading.Event()

    def stopped_meanwhile(seconds: float) -> None:
        turned_clock.sleep(seconds)
        stopping.set()

    handler = make_handler(stopping=stopping, sleep=stopped_meanwhile)
    messages = [
        make.message(make.scripted("quick")),
        make.message(make.scripted("waits", AWAY, "for ever"), age=2 * HALF_AN_HOUR),
        make.message(make.scripted("not-begun"), attempt=2),
        make.message(make.scripted("other-team", team_id=2)),
    ]
    quick, *rest = make.handle(handler, *messages)
    assert quick.message_id == "quick"
    assert again_after(rest) == [0.0, 0.0, 0.0]
    assert [uuids for _, uuids, _ in scripted.calls] == [["quick", "waits"]]


def test_a_pause_ends_when_the_worker_stops(
    make: type[Made], scripted: Scripted, metrics: Counted
) -> None:
    stopping = threading.Event()
    patience = Patience(in_place=3600.0)
    handler = Handler(scripted, metrics, max_payload=10**6, patience=patience, stopping=stopping)
    tried = threading.Event()
    scripted.before = tried.set
    replies: list[Reply] = []
    messages = [make.message(make.scripted("a", AWAY, "for ever"))]
    thread = threading.Thread(
        target=handler.handle, args=(messages, lambda _, r: replies.append(r))
    )
    thread.start()
    assert tried.wait(10)
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()
    assert again_after(replies) == [0.0]


SCRIPTS: list[list[str]] = [
    [],
    [AWAY],
    ["internal"],
    ["internal", "for ever"],
    [AWAY, "for ever"],
    ["internal", AWAY, "for ever"],
]


@given(
    kinds=st.lists(
        st.tuples(
            st.sampled_from([*SCRIPTS, None]),
            st.integers(1, 2),
            st.integers(1, 50),
            st.floats(0, 10**5),
        ),
        max_size=12,
    )
)
def test_every_message_gets_one_reply_that_says_one_thing(
    kinds: list[Any], make: type[Made], request: pytest.FixtureRequest
) -> None:
    scripted = type(request.getfixturevalue("scripted"))()
    clock = type(request.getfixturevalue("turned_clock"))()
    handler = Handler(
        scripted, NullMetrics(), max_payload=10**6, monotonic=clock, sleep=clock.sleep
    )
    messages = [
        Message(b"?", attempt, age)
        if script is None
        else make.message(make.scripted(str(n), *script, team_id=team), attempt, age)
        for n, (script, team, attempt, age) in enumerate(kinds)
    ]
    for reply in make.handle(handler, *messages):
        said = [reply.resolved is not None, reply.dead is not None, reply.again_after is not None]
        assert said.count(True) == 1
        assert (reply.message_id is None) == (reply.resolved is None)
