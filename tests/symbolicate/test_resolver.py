"""The resolver: every raw frame gets one answer, and each set is opened once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from symbolicate import resolver as resolver_module
from symbolicate.images import read_debug_images
from symbolicate.languages.registry import RESOLVER_VERSION
from symbolicate.outcome import Failed, FrameOutcome, FramePart, NotNeeded, Resolved
from symbolicate.raw_frame import Submission, read_raw_frame
from symbolicate.release import SymbolSetRef

TEAM = 1
PYTHON = {"platform": "python", "filename": "a.py", "function": "f", "lineno": 3}


class OddLanguage:
    """A language with a bug of one kind: it shows with functions named `bad`."""

    version = 1

    def __init__(self, bug: str) -> None:
        self.bug = bug

    def reference(self, submission: Submission) -> SymbolSetRef | None:
        return None

    def resolve(self, submissions: Sequence[Submission], symbols: Any) -> list[FrameOutcome]:
        outcomes: list[FrameOutcome] = []
        for submission in submissions:
            name = submission.raw["function"]
            bad = name == "bad"
            if bad and self.bug == "raises":
                raise ZeroDivisionError
            if bad and self.bug == "no outcome":
                continue
            part = FramePart(name, "odd", True, True)
            no_parts = bad and self.bug == "no parts"
            outcomes.append(Resolved(() if no_parts else (part,)))
        return outcomes


def test_nothing_is_answered_with_nothing(wired: Any) -> None:
    assert wired.resolver.resolve(TEAM, []) == []
    assert (wired.database.reads, wired.objects.gets) == (0, [])


def test_answers_come_in_the_order_of_the_frames(wired: Any, make: Any) -> None:
    for label in ("one", "two"):
        wired.add(label, label)
    frames = [make.web("two"), PYTHON, make.web("one"), make.web("none"), make.web("two", colno=9)]
    answers = wired.resolver.resolve(TEAM, make.submissions(*frames))
    assert [a.raw_id for a in answers] == [s.hash for s in make.submissions(*frames)]
    sources = [a.frames[0].contents.get("source") for a in answers]
    assert sources == ["src/two.ts", "a.py", "src/one.ts", "/app.js", "src/two.ts"]


def test_each_set_is_opened_once_for_a_batch(wired: Any, make: Any) -> None:
    for label in ("one", "two"):
        wired.add(label, label)
    wired.objects.gets.clear()
    reads = wired.database.reads
    frames = [make.web(ref, colno=n) for n in range(1, 50) for ref in ("one", "two", "none")]
    wired.resolver.resolve(TEAM, make.submissions(*frames))
    assert len(wired.objects.gets) == 2
    assert wired.database.reads == reads + 1 + 2  # all states, and each set's before its compile


def test_an_answer_says_what_it_was_made_from(wired: Any, make: Any) -> None:
    wired.add("chunk")
    serving = wired.catalog.states(TEAM, ["chunk"])["chunk"].data_hash
    frames = [make.web(), make.web(lineno=9), make.web("none"), PYTHON]
    mapped, off, unknown, python = wired.resolver.resolve(TEAM, make.submissions(*frames))
    assert (mapped.ref, mapped.data_hash, mapped.failure_code) == ("chunk", serving, None)
    assert (off.ref, off.data_hash, off.failure_code) == ("chunk", serving, "symbol_not_found")
    assert (unknown.ref, unknown.data_hash) == ("none", None)
    assert unknown.failure_code == "no_symbol_set"
    assert (python.ref, python.data_hash, python.failure_code) == (None, None, None)
    for answer, frame in zip((mapped, off, unknown, python), frames, strict=True):
        assert answer.raw_frame == frame
        assert (answer.resolver_version, answer.retry_at) == (RESOLVER_VERSION, None)
        assert answer.frames[0].symbol_set_ref == answer.ref


def test_a_malformed_set_is_a_fact_of_its_bytes(wired: Any, make: Any) -> None:
    wired.add_bytes("chunk", make.container(b"not JSON"))
    (answer,) = wired.resolver.resolve(TEAM, make.submissions(make.web()))
    assert answer.failure_code == "malformed"
    assert answer.data_hash == wired.catalog.states(TEAM, ["chunk"])["chunk"].data_hash
    assert answer.retry_at is None


def test_what_could_not_be_found_out_is_tried_again(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.objects.away = True
    (answer,) = wired.resolver.resolve(TEAM, make.submissions(make.web()))
    assert (answer.failure_code, answer.data_hash) == ("transient", None)
    assert answer.retry_at == wired.clock.now + timedelta(seconds=60)
    assert answer.frames[0].contents["retry_at"] == "2026-01-01T00:01:00Z"


@pytest.mark.parametrize("lost", ["missing", "damaged"])
def test_a_lost_or_damaged_object_explains_nothing(wired: Any, make: Any, lost: str) -> None:
    wired.add("chunk")
    key = wired.storage_key("chunk")
    if lost == "missing":
        wired.objects.delete([key])
    else:
        wired.objects.put(key, make.script("other"))
    (answer,) = wired.resolver.resolve(TEAM, make.submissions(make.web()))
    code = "blob_missing" if lost == "missing" else "corrupt_object"
    assert (answer.failure_code, answer.data_hash) == (code, None)
    assert not answer.frames[0].resolved


@pytest.mark.parametrize("bug", ["raises", "no outcome", "no parts"])
def test_a_bug_in_a_language_costs_one_frame(
    wired: Any,
    make: Any,
    bug: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = OddLanguage(bug)
    monkeypatch.setattr(resolver_module, "language_of", lambda submission: odd)
    names = ["good", "bad", "fine"]
    frames = [{**PYTHON, "function": name} for name in names]
    answers = wired.resolver.resolve(TEAM, make.submissions(*frames))
    assert [a.failure_code for a in answers] == [None, "internal", None]
    assert [a.frames[0].contents["mangled_name"] for a in answers] == names
    (internal,) = answers[1].frames
    assert internal.contents["resolve_failure"] == "Internal error"
    assert (internal.raw_id, internal.resolved) == (answers[1].raw_id.hex() + "/0", False)
    assert answers[1].retry_at == wired.clock.now + timedelta(seconds=60)
    assert "explaining a frame failed" in caplog.text


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        pytest.param({**PYTHON, "code_variables": 1}, PYTHON, id="code variables go"),
        pytest.param(
            {"platform": "cobol", "code_variables": 1},
            {"platform": "cobol", "code_variables": 1},
            id="what names an unknown frame stays",
        ),
        pytest.param("no object", {"value": "no object"}, id="what is no object"),
    ],
)
def test_the_raw_frame_is_kept_so_that_it_names_the_same_row_again(
    wired: Any, raw: Any, kept: Any
) -> None:
    (answer,) = wired.resolver.resolve(TEAM, [read_raw_frame(raw)])
    assert answer.raw_frame == kept
    assert isinstance(raw, str) or read_raw_frame(answer.raw_frame).hash == answer.raw_id


def test_the_image_that_an_address_lies_in_is_kept(wired: Any) -> None:
    images = read_debug_images([{"debug_id": "AB", "image_addr": "0x10", "image_size": 16}])
    raw = {"platform": "native", "instruction_addr": "0x18"}
    inside, outside = (read_raw_frame(raw, given) for given in (images, []))
    answers = wired.resolver.resolve(TEAM, [inside, outside])
    assert [a.debug_image for a in answers] == [{"debug_id": "ab", "relative": 8}, None]


def test_outcomes_that_need_no_set_count_as_answers(
    wired: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = FramePart("f", "odd", True, True)
    odd = OddLanguage("none")
    monkeypatch.setattr(odd, "resolve", lambda members, symbols: [NotNeeded(part)] * len(members))
    monkeypatch.setattr(resolver_module, "language_of", lambda submission: odd)
    (answer,) = wired.resolver.resolve(TEAM, make.submissions(PYTHON))
    assert (answer.failure_code, answer.frames[0].resolved) == (None, True)
    assert not isinstance(answer.frames[0], Failed)
