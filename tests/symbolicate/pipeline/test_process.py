"""Events in, one outcome each: what is answered, what is dropped, and what is left for later."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from symbolicate.outcome import Outcome

Json = dict[str, Any]

PYTHON = {"platform": "python", "filename": "a.py", "function": "f", "lineno": 3}


def frames(outcome: Outcome, exception: int = 0) -> list[Json]:
    assert outcome.status == "ok", outcome
    assert outcome.event is not None
    found: list[Json] = outcome.event["properties"]["$exception_list"][exception]["stacktrace"][
        "frames"
    ]
    return found


def properties(outcome: Outcome) -> Json:
    assert outcome.event is not None
    written: Json = outcome.event["properties"]
    return written


def statuses(outcomes: list[Outcome]) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.reason) for outcome in outcomes]


def test_no_events_have_no_outcomes(wired: Any) -> None:
    assert wired.process() == []


def test_each_event_has_its_outcome_in_order_and_bad_ones_harm_no_neighbour(
    wired: Any, make: Any
) -> None:
    wired.add("chunk")
    good = make.event(make.web())
    outcomes = wired.process(
        good,
        "not an event",
        {**good, "event": "$pageview"},
        good,
        make.event(**{"$exception_list": []}),
        make.event(note="x" * 1_048_576),
        make.event(make.web(filename="webkit-masked-url://hidden/")),
        good,
    )
    assert statuses(outcomes) == [
        ("ok", None),
        ("invalid", "invalid_properties"),
        ("invalid", "wrong_event_type"),
        ("ok", None),
        ("invalid", "empty_exception_list"),
        ("invalid", "event_too_large"),
        ("dropped", "masked_extension"),
        ("ok", None),
    ]
    for outcome in (outcomes[0], outcomes[3], outcomes[7]):
        assert frames(outcome)[0]["source"] == "src/app.ts"


def test_the_event_out_is_the_event_in_with_its_stack_resolved(wired: Any, make: Any) -> None:
    wired.add("chunk")
    sent = make.event(make.web(), own={"kept": [1, None]}, **{"$debug_images": []})
    before = copy.deepcopy(sent)
    (outcome,) = wired.process(sent)
    assert sent == before
    assert outcome.event is not None
    assert {k: v for k, v in outcome.event.items() if k != "properties"} == {
        k: v for k, v in sent.items() if k != "properties"
    }
    assert properties(outcome)["own"] == {"kept": [1, None]}
    assert properties(outcome)["$debug_images"] == []
    (exception,) = properties(outcome)["$exception_list"]
    assert exception["stacktrace"]["type"] == "resolved"
    (frame,) = exception["stacktrace"]["frames"]
    assert frame == {
        "raw_id": frame["raw_id"],
        "mangled_name": "t",
        "line": 3,
        "column": 14,
        "source": "src/app.ts",
        "in_app": True,
        "resolved_name": "Cart.total",
        "lang": "javascript",
        "resolved": True,
        "synthetic": False,
        "suspicious": False,
        "junk_drawer": {
            "raw_frame": {k: v for k, v in make.web().items() if k != "platform"},
        },
    }
    assert frame["raw_id"] == make.submissions(make.web())[0].hash.hex() + "/0"


def test_frames_that_cannot_be_read_harm_no_neighbour(wired: Any, make: Any) -> None:
    wired.add("chunk")
    (outcome,) = wired.process(
        make.event(
            make.web(),
            {"platform": "cobol", "function": "MAIN", "lineno": 10},
            make.web(lineno="one"),
            "no frame at all",
            {"function": "f"},
            make.web(colno=6),
        )
    )
    assert [f.get("failure_code") for f in frames(outcome)] == [
        None,
        "unsupported",
        "malformed",
        "malformed",
        "malformed",
        None,
    ]
    unsupported = frames(outcome)[1]
    assert (unsupported["mangled_name"], unsupported["lang"]) == ("MAIN", "cobol")
    assert (unsupported["line"], unsupported["resolved"]) == (10, False)


@pytest.mark.parametrize(
    ("files", "dropped"),
    [
        pytest.param(["webkit-masked-url://hidden/"], True, id="the only frame"),
        pytest.param(["webkit-masked-url://hidden/", None, ""], True, id="others have no file"),
        pytest.param(
            ["webkit-masked-url://hidden/", "https://shop.test/a.js"], False, id="one of ours"
        ),
        pytest.param([None], False, id="no frame has a file"),
        pytest.param(["https://x.test/webkit-masked-url://"], False, id="elsewhere in a URL"),
        pytest.param(["safari-web-extension://a/b.js"], False, id="another scheme"),
        pytest.param([], False, id="no frames"),
    ],
)
def test_a_masked_extensions_own_crash_is_dropped(
    wired: Any, make: Any, files: list[str | None], dropped: bool
) -> None:
    sent = make.event(*(make.web(filename=file) for file in files))
    (outcome,) = wired.process(sent)
    expected = ("dropped", "masked_extension") if dropped else ("ok", None)
    assert statuses([outcome]) == [expected]
    if dropped:
        assert wired.rows("SELECT count(*) FROM stack_frame") == [(0,)]


def test_a_resolved_stack_passes_without_repo_path(wired: Any, make: Any) -> None:
    sent = make.event()
    resolved = [{"function": "f", "repo_path": "/secret", "deep": {"repo_path": 1}}, "odd"]
    stack = {"type": "resolved", "frames": resolved, "own": 1}
    sent["properties"]["$exception_list"][0]["stacktrace"] = stack
    (outcome,) = wired.process(sent)
    (exception,) = properties(outcome)["$exception_list"]
    assert exception["stacktrace"] == {
        "type": "resolved",
        "frames": [{"function": "f", "deep": {"repo_path": 1}}, "odd"],
        "own": 1,
    }
    assert resolved[0]["repo_path"] == "/secret"  # type: ignore[index]


def test_code_variables_are_in_the_event_out_and_stored_nowhere(wired: Any, make: Any) -> None:
    one, other = ({**PYTHON, "code_variables": {"x": address}} for address in ("0x1", "0x2"))
    outcomes = wired.process(make.event(one), make.event(other))
    assert [frames(o)[0]["code_variables"] for o in outcomes] == [{"x": "0x1"}, {"x": "0x2"}]
    assert frames(outcomes[0])[0]["raw_id"] == frames(outcomes[1])[0]["raw_id"]
    assert wired.rows("SELECT count(*) FROM stack_frame") == [(1,)]
    for column in ("contents", "raw_frame"):
        assert wired.rows(f"SELECT {column} FROM stack_frame WHERE {column} LIKE '%0x%'") == []


def test_code_variables_of_another_platform_do_not_pass(wired: Any, make: Any) -> None:
    (outcome,) = wired.process(make.event(make.web(None, code_variables={"x": 1})))
    assert "code_variables" not in frames(outcome)[0]


def test_context_is_stored_and_not_in_the_event(wired: Any, make: Any) -> None:
    wired.add("chunk")
    (outcome,) = wired.process(make.event(make.web()))
    assert "context" not in frames(outcome)[0]
    ((context,),) = wired.rows("SELECT context FROM stack_frame")
    assert "total() { return 1 }" in context


def test_what_queries_need_is_written(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.add("vendor", "vendor")
    sent = make.event(
        make.web(),
        make.web(),
        make.web("vendor", in_app=False),
        make.web("unknown", colno=9000, filename="https://shop.test/lost.js"),
        {**PYTHON, "function": "main"},
    )
    cause = {"type": "CartError", "value": "no price", "mechanism": {"handled": True}}
    sent["properties"]["$exception_list"].append(cause)
    (outcome,) = wired.process(sent)
    written = properties(outcome)
    assert written["$exception_types"] == ["TypeError", "CartError"]
    assert written["$exception_values"] == ["boom", "no price"]
    assert written["$exception_sources"] == ["src/app.ts", "/lost.js", "a.py"]
    assert written["$exception_functions"] == ["Cart.total", "main"]
    assert written["$exception_handled"] is False
    assert "$exception_release" not in written


@pytest.mark.parametrize(
    ("mechanism", "handled"),
    [
        (None, False),
        ({}, False),
        ({"handled": None}, False),
        ({"handled": False}, False),
        ({"handled": True}, True),
    ],
)
def test_the_outermost_exception_says_whether_it_was_handled(
    wired: Any, make: Any, mechanism: Json | None, handled: bool
) -> None:
    sent = make.event()
    sent["properties"]["$exception_list"][0]["mechanism"] = mechanism
    sent["properties"]["$exception_list"].append({"type": "E", "mechanism": {"handled": True}})
    (outcome,) = wired.process(sent)
    assert properties(outcome)["$exception_handled"] is handled


def test_what_only_processing_writes_cannot_be_forged(wired: Any, make: Any) -> None:
    forged = [
        "$exception_release",
        "$exception_issue_id",
        "$exception_fingerprint_record",
        "$exception_fingerprint_version",
        "$exception_proposed_fingerprint",
    ]
    sent = make.event(PYTHON, **dict.fromkeys(forged, "forged"), **{"$exception_types": ["X"]})
    sent["properties"]["$exception_fingerprint"] = "the client's own"
    (outcome,) = wired.process(sent)
    assert "$exception_release" not in properties(outcome)
    assert "forged" not in properties(outcome).values()
    assert properties(outcome)["$exception_types"] == ["TypeError"]
    assert properties(outcome)["$exception_fingerprint"] == "the client's own"


def test_a_release_is_named_by_the_first_that_hits(wired: Any, make: Any) -> None:
    make_release = wired.releases.create
    named = make_release(1, version="1", project="named")
    app_hash = (
        "5a7f7b504d81759fa4e15f8b3bbc77c694a9dc222cfcd06c801fae9619076e97"
        "909edf651087106af331aea76463449f015ccc41ccacbf19148329b1c2c35aa7"
    )
    mobile = make_release(1, version="1.0+42", project="com.example.app", hash_id=app_hash)
    old = make_release(1, version="1", project="old set")
    wired.clock.turn(60)
    new = make_release(1, version="2", project="new set")
    wired.add("old", release_id=old.id)
    wired.add("new", release_id=new.id)
    app = {"$app_namespace": "com.example.app", "$app_version": "1.0", "$app_build": 42}
    stack = (make.web("new"), make.web("old"), make.web("none"))
    cases = [
        (make.event(*stack, **app, **{"$release_id": str(named.id)}), named),
        (make.event(*stack, **app), mobile),
        (make.event(*stack, **{"$release_id": "\ud800", "$app_namespace": "\ud800"}), new),
        (make.event(make.web("old")), old),
        (make.event(make.web("none")), None),
    ]
    outcomes = wired.process(*(sent for sent, _ in cases))
    for outcome, (_, release) in zip(outcomes, cases, strict=True):
        expected = None if release is None else release.to_wire()
        assert properties(outcome).get("$exception_release") == expected


def test_a_team_is_made_on_first_sight_of_a_good_event(wired: Any, make: Any) -> None:
    wired.process({"event": "x"}, team=9)
    assert not wired.teams.exists(9)
    wired.process(make.event(PYTHON), team=9)
    assert wired.teams.exists(9)


def test_a_frame_twice_in_a_batch_is_answered_once(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.process(*[make.event(make.web(), make.web()) for _ in range(5)])
    assert wired.rows("SELECT count(*) FROM stack_frame") == [(1,)]
    assert len(wired.objects.gets) == 1


def test_warm_frames_need_no_database_but_the_accounts(wired: Any, make: Any) -> None:
    wired.add("chunk")
    sent = make.event(make.web(), PYTHON)
    (cold,) = wired.process(sent)
    reads, writes = wired.database.reads, wired.database.writes
    (warm,) = wired.process(sent)
    assert warm == cold
    assert (wired.database.reads, wired.database.writes) == (reads, writes + 1)
