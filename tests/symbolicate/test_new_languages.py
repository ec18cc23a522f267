"""A language that a release adds explains the frames that older releases stored without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from symbolicate import answers, resolver
from symbolicate.languages import registry
from symbolicate.languages.registry import RESOLVER_VERSION
from symbolicate.services import reconcile, stored_frames
from symbolicate.symbolicator import Symbolicator

TEAM = 1
PHP = {"platform": "php", "filename": "Cart.php", "function": "total", "lineno": 3}
LINES = {"context_line": "return $a / $b;", "pre_context": ["{"], "code_variables": {"a": 1}}
COBOL = {"platform": "cobol", "function": "MAIN"}


def before_php(patch: pytest.MonkeyPatch) -> None:
    """Makes this the release before the one that knows PHP."""
    patch.delitem(registry._LANGUAGES, "php")
    for module in (answers, resolver, reconcile, stored_frames):
        patch.setattr(module, "RESOLVER_VERSION", RESOLVER_VERSION - 1)


def test_a_frame_that_was_unsupported_becomes_readable_at_its_next_event(
    wired_on_each: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired, submissions = wired_on_each, make.submissions({**PHP, **LINES}, COBOL)
    raw_ids = [submission.hash for submission in submissions]
    with monkeypatch.context() as patch:
        before_php(patch)
        older, _ = wired.answers.for_submissions(TEAM, submissions)
    assert [older[raw_id].parts[0].failure_code for raw_id in raw_ids] == ["unsupported"] * 2
    wired.store.forget(TEAM, raw_ids)
    newer, _ = wired.answers.for_submissions(TEAM, submissions)
    assert [newer[raw_id].parts[0].failure_code for raw_id in raw_ids] == [None, "unsupported"]
    assert [newer[raw_id].resolver_version for raw_id in raw_ids] == [RESOLVER_VERSION] * 2
    for raw_id in raw_ids:
        assert newer[raw_id].parts[0].id == older[raw_id].parts[0].id


def test_a_frame_that_was_unsupported_becomes_readable_when_it_is_read(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (submission,) = make.submissions({**PHP, **LINES})
    raw_id = f"{submission.hash.hex()}/0"
    with monkeypatch.context() as patch:
        before_php(patch)
        with Symbolicator.open(tmp_path) as older:
            older.process(TEAM, [make.event({**PHP, **LINES})])
            (stored,) = older.batch_get(TEAM, [raw_id])
    assert (stored.failure_code, stored.context) == ("unsupported", None)
    with Symbolicator.open(tmp_path) as newer:
        (read,) = newer.batch_get(TEAM, [raw_id])
    assert (read.id, read.raw_id, read.resolved) == (stored.id, raw_id, True)
    assert read.contents["resolved_name"] == "total"
    assert read.context == {
        "before": [{"number": 2, "line": "{"}],
        "line": {"number": 3, "line": "return $a / $b;"},
        "after": [],
    }
