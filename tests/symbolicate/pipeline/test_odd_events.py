"""Events that no SDK means to send: each is answered, and harms no neighbour."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symbolicate.outcome import Outcome

PYTHON = {"platform": "python", "filename": "a.py", "function": "f", "lineno": 3}


def frames(outcome: Outcome) -> list[dict[str, Any]]:
    assert outcome.event is not None, outcome
    (exception,) = outcome.event["properties"]["$exception_list"]
    return list(exception["stacktrace"]["frames"])


def statuses(outcomes: list[Outcome]) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.reason) for outcome in outcomes]


@pytest.mark.parametrize(
    "odd",
    [
        ["\ud800", object()],
        ["\ud800", {None: 1}],
        ["\ud800", 10**5000],
        {"platform": "zzz", "extra": {1: 2}},
    ],
    ids=["object", "no name", "endless", "number as a name"],
)
def test_what_only_a_python_program_can_send_is_invalid_and_harms_no_neighbour(
    wired: Any, make: Any, odd: Any
) -> None:
    events = make.event(PYTHON), make.event(odd), make.event(PYTHON, note=odd), make.event(PYTHON)
    outcomes = wired.process(*events)
    assert [outcomes[0].status, outcomes[3].status] == ["ok", "ok"]
    assert {outcomes[1].status, outcomes[2].status} <= {"invalid", "ok"}
    assert ("invalid", "invalid_properties") in statuses(outcomes)


@pytest.mark.parametrize("team", [0, -1, 2**31, None, "1", [1]])
def test_a_team_that_cannot_be_makes_events_invalid(wired: Any, make: Any, team: Any) -> None:
    outcomes = wired.process(make.event(PYTHON), {"event": "x"}, team=team)
    assert statuses(outcomes) == [
        ("invalid", "invalid_properties"),
        ("invalid", "wrong_event_type"),
    ]


platforms = st.sampled_from(
    ["web:javascript", "javascript", "node:javascript", "python", "hermes", "go", "native", "apple"]
)
texts = st.text(st.characters(categories=["Cs", "Ll", "Cc"]), max_size=6)
values = st.none() | st.booleans() | st.integers(-2, 2**70) | texts | st.lists(texts, max_size=2)
FIELDS = (
    "function filename lineno colno chunk_id chunkId module in_app lang context_line pre_context "
    "code_variables instruction_addr image_addr"
)
fields = st.sampled_from(FIELDS.split())
raw_frames = st.builds(
    lambda platform, given: {"platform": platform, **given},
    platforms | values,
    st.dictionaries(fields, values),
)
images = st.lists(
    st.fixed_dictionaries({"debug_id": texts, "image_addr": st.sampled_from(["0x0", "0x1", "z"])})
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stack=st.lists(raw_frames | values, max_size=4), images=images | values)
def test_no_stack_raises_and_every_frame_is_answered(
    wired: Any, make: Any, stack: list[Any], images: Any
) -> None:
    (outcome,) = wired.process(make.event(*stack, **{"$debug_images": images}))
    if outcome.status != "dropped":
        assert len(frames(outcome)) == len(stack)
        assert "internal" not in {frame.get("failure_code") for frame in frames(outcome)}
