"""Answers kept fresh: what is asked again, what is written, and what stays as it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from symbolicate.answers import SAVE_ATTEMPTS
from symbolicate.frame_store import StoredAnswer
from symbolicate.languages.registry import RESOLVER_VERSION

TEAM = 1
PYTHON = {"platform": "python", "filename": "a.py", "function": "f", "lineno": 3}


@pytest.fixture
def wired(wired_on_each: Any) -> Any:
    return wired_on_each


def ask(wired: Any, make: Any, *frames: Any) -> tuple[list[StoredAnswer | None], set[bytes]]:
    wanted = make.submissions(*frames)
    answers, unreachable = wired.answers.for_submissions(TEAM, wanted)
    return [answers.get(submission.hash) for submission in wanted], unreachable


def one(wired: Any, make: Any, frame: Any) -> StoredAnswer:
    (answer,), unreachable = ask(wired, make, frame)
    assert answer is not None
    assert not unreachable
    return answer


def code(answer: StoredAnswer) -> str | None:
    return answer.parts[0].failure_code


def source(answer: StoredAnswer) -> str:
    return answer.parts[0].contents.decode().partition('"source":"')[2].partition('"')[0]


def written(wired: Any) -> Any:
    return wired.rows("SELECT raw_id, symbol_set_data_hash, created_at FROM stack_frame")


def test_a_fresh_answer_is_neither_made_nor_written_again(wired: Any, make: Any) -> None:
    wired.add("chunk")
    first = one(wired, make, make.web())
    writes = wired.database.writes
    wired.clock.turn(3600)
    assert one(wired, make, make.web()) == first
    wired.store.forget(TEAM, [make.submissions(make.web())[0].hash])
    assert one(wired, make, make.web()) == first
    assert wired.database.writes == writes
    assert len(wired.objects.gets) == 1


def test_a_replaced_set_answers_at_once(wired: Any, make: Any) -> None:
    wired.add("chunk")
    before = one(wired, make, make.web())
    wired.add("chunk", "newer")
    after = one(wired, make, make.web())
    assert (source(before), source(after)) == ("src/app.ts", "src/newer.ts")
    assert after.parts[0].id == before.parts[0].id


def test_a_set_that_arrives_late_answers_at_once(wired: Any, make: Any) -> None:
    assert code(one(wired, make, make.web())) == "no_symbol_set"
    wired.begin_upload("chunk")
    assert code(one(wired, make, make.web())) == "no_symbol_set"
    wired.add("chunk")
    assert code(one(wired, make, make.web())) is None


def test_an_answer_of_an_older_resolver_is_made_again(wired: Any, make: Any) -> None:
    wired.add("chunk")
    frames = [make.web(), PYTHON, make.web("unknown")]
    ask(wired, make, *frames)
    with wired.database.write() as connection:
        older = f"UPDATE stack_frame SET resolver_version = {RESOLVER_VERSION - 1}"
        connection.exec_driver_sql(older)
    wired.store.forget(TEAM, [s.hash for s in make.submissions(*frames)])
    answers, _ = ask(wired, make, *frames)
    versions = [answer and answer.resolver_version for answer in answers]
    # No set to ask: nothing a newer resolver could say of the last one differs.
    assert versions == [RESOLVER_VERSION, RESOLVER_VERSION, RESOLVER_VERSION - 1]


def test_an_unchanged_failure_is_not_written_again(wired: Any, make: Any) -> None:
    one(wired, make, make.web())
    before = written(wired)
    for _ in range(2):
        wired.clock.turn(301)
        one(wired, make, make.web())
    assert written(wired) == before


def test_ignorance_that_is_stored_is_not_written_again(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.objects.delete([wired.storage_key("chunk")])
    assert code(one(wired, make, make.web())) == "blob_missing"
    before = written(wired)
    wired.clock.turn(301)
    assert code(one(wired, make, make.web())) == "blob_missing"
    assert written(wired) == before
    wired.begin_upload("chunk")
    wired.objects.put(wired.storage_key("chunk"), make.script("other"))
    assert code(one(wired, make, make.web())) == "corrupt_object"
    assert written(wired) != before


def test_a_set_replaced_between_answering_and_writing_is_asked_anew(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.catalog.states(TEAM, ["chunk"])
    wired.database.before_write = lambda: wired.add_elsewhere("chunk", "newer")
    answer = one(wired, make, make.web())
    assert source(answer) == "src/newer.ts"
    ((data_hash,),) = wired.rows("SELECT symbol_set_data_hash FROM stack_frame")
    ((serving,),) = wired.rows("SELECT data_hash FROM symbol_set")
    assert bytes(data_hash) == bytes(serving) == answer.data_hash


def test_a_set_replaced_over_and_over_is_left_for_later(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.catalog.states(TEAM, ["chunk"])
    resolve, asked = wired.resolver.resolve, []

    def replaced(team: int, submissions: Any) -> Any:
        answers = resolve(team, submissions)
        asked.append(1)
        if len(asked) <= SAVE_ATTEMPTS:
            wired.add("chunk", f"newer{len(asked)}")
        return answers

    wired.resolver.resolve = replaced
    (answer, python), unreachable = ask(wired, make, make.web(), PYTHON)
    assert answer is None
    assert python is not None
    assert unreachable == {make.submissions(make.web())[0].hash}
    assert source(one(wired, make, make.web())) == f"src/newer{SAVE_ATTEMPTS}.ts"


def test_what_could_not_be_found_out_is_not_written(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.objects.away = True
    (web, python), unreachable = ask(wired, make, make.web(), PYTHON)
    assert web is None
    assert python is not None
    assert unreachable == {make.submissions(make.web())[0].hash}
    assert len(written(wired)) == 1


def test_a_bug_is_written_with_a_time_to_try_again(
    wired: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from symbolicate.languages.python import Python

    with monkeypatch.context() as patch:
        patch.setattr(Python, "resolve", lambda self, members, symbols: 1 / 0)
        broken = one(wired, make, PYTHON)
        assert code(broken) == "internal"
        assert broken.retry_at == wired.clock.now + timedelta(seconds=60)
    wired.clock.turn(59)
    assert code(one(wired, make, PYTHON)) == "internal"
    wired.clock.turn(1)
    healed = one(wired, make, PYTHON)
    assert (code(healed), healed.retry_at) == (None, None)
    assert healed.parts[0].id == broken.parts[0].id


def lose(wired: Any, make: Any, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the set by one whose bytes cannot be used."""
    wired.add("chunk", "newer")
    key = wired.storage_key("chunk")
    if how == "blob_missing":
        wired.objects.delete([key])
    elif how == "corrupt_object":
        wired.objects.put(key, make.script("other"))
    elif how == "transient":
        wired.objects.away = True
    elif how == "internal":
        monkeypatch.setattr(wired.pool, "run", lambda *given: 1 / 0)
    else:
        deletion = "UPDATE symbol_set SET storage_key = NULL, data_hash = NULL"
        pending = ", upload_key = '1/uploads/x'" if how == "upload_pending" else ""
        with wired.database.write() as connection:
            connection.exec_driver_sql(deletion + pending)
        wired.catalog.forget(TEAM, ["chunk"])


@pytest.mark.parametrize(
    "how",
    [
        "no_symbol_set",
        "upload_pending",
        "blob_missing",
        "corrupt_object",
        "transient",
        "internal",
    ],
)
def test_an_answer_is_never_replaced_by_ignorance(
    wired: Any, make: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired.add("chunk")
    known = one(wired, make, make.web())
    before = written(wired)
    lose(wired, make, how, monkeypatch)
    wired.clock.turn(60)
    (answer,), _ = ask(wired, make, make.web())
    assert answer == known
    (raw_id,) = (submission.hash for submission in make.submissions(make.web()))
    assert wired.answers.refreshed(TEAM, [raw_id]) == {raw_id: known}
    assert wired.new_store().get(TEAM, [raw_id]) == {raw_id: known}
    assert written(wired) == before


def test_a_new_generation_may_know_less(wired: Any, make: Any) -> None:
    wired.add("chunk")
    one(wired, make, make.web())
    wired.add_bytes("chunk", make.container(b"not JSON"))
    assert code(one(wired, make, make.web())) == "malformed"


def test_a_stored_frame_is_refreshed_from_what_is_kept_beside_it(wired: Any, make: Any) -> None:
    node = {
        **make.web(platform="node:javascript", filename="dist/app.js"),
        "context_line": "minified",
        "code_variables": {"x": 1},
    }
    cobol = {"platform": "cobol", "code_variables": {"x": 1}, "number": 2**70, "text": "é\ufffd"}
    frames = [make.web(), node, PYTHON, cobol]
    raw_ids = [submission.hash for submission in make.submissions(*frames)]
    before, _ = wired.answers.for_submissions(TEAM, make.submissions(*frames))
    wired.add("chunk")
    after = wired.answers.refreshed(TEAM, raw_ids)
    assert after.keys() == before.keys() == set(raw_ids)
    assert [code(after[raw_id]) for raw_id in raw_ids] == [None, None, None, "unsupported"]
    for raw_id in raw_ids:
        assert [p.id for p in after[raw_id].parts] == [p.id for p in before[raw_id].parts]
    assert len(written(wired)) == len(frames)


def test_only_what_is_stored_can_be_refreshed(wired: Any) -> None:
    assert wired.answers.refreshed(TEAM, [b"\0" * 32]) == {}


def test_staleness_is_told_by_one_query_at_most(wired: Any, make: Any) -> None:
    wired.add("one")
    frames = [make.web("one"), make.web("two"), PYTHON]
    ask(wired, make, *frames)
    raw_ids = [submission.hash for submission in make.submissions(*frames)]
    stored = wired.store.get(TEAM, raw_ids)
    wired.clock.turn(2)
    reads = wired.database.reads
    assert wired.answers.stale(TEAM, stored) == set()
    assert wired.answers.stale(TEAM, stored) == set()
    assert wired.database.reads == reads + 1


def test_a_stored_answer_counts_as_a_use_of_its_set(wired: Any, make: Any) -> None:
    wired.add("chunk")
    wired.process(make.event(make.web()))
    wired.clock.turn(13 * 3600)
    gets = len(wired.objects.gets)
    wired.process(make.event(make.web()))
    assert len(wired.objects.gets) == gets
    assert wired.new_catalog().states(1, ["chunk"])["chunk"].last_used == wired.clock.now


def test_an_object_that_a_replacement_took_away_meanwhile_is_asked_for_anew(
    wired: Any, make: Any
) -> None:
    wired.add("chunk")

    def replace() -> None:
        wired.objects.before_get = None
        wired.add_elsewhere("chunk", "newer")

    wired.objects.before_get = replace
    wired.process(make.event(make.web()))
    (contents,) = (row[0] for row in wired.rows("SELECT contents FROM stack_frame"))
    assert "src/newer.ts" in contents
