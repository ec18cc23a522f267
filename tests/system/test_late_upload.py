"""A map that arrives after its crash repairs the stored frames within seconds, unasked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from symbolicate import Symbolicator
from symbolicate.config import from_env
from symbolicate.database import frames
from symbolicate.raw_frame import read_raw_frame

Json = dict[str, Any]

TEAM = 1
PATIENCE_SECONDS = 15
BUNDLE = Path(__file__).resolve().parents[2] / "fixtures/js-esbuild/out/chunk-id/app.js"
PLATFORMS = ["web:javascript", "node:javascript"]


@pytest.fixture
def symbolicator(database_url: str, tmp_path: Path) -> Iterator[Symbolicator]:
    """Runs the jobs as `serve` does."""
    settings = from_env(
        {}, data_dir=str(tmp_path), database_url=database_url, reconcile_seconds=0.2
    )
    with Symbolicator(settings=settings) as opened:
        opened.jobs.start()
        yield opened


def crash() -> list[Json]:
    crashed: list[Json] = json.loads((BUNDLE.parent / "crash.json").read_text("utf-8"))[0]["frames"]
    return [frame for frame in crashed if frame["file"] == "app.js"]


def chunk_id() -> str:
    return str(json.loads(Path(f"{BUNDLE}.map").read_text("utf-8"))["chunk_id"])


def raw_frames(platform: str) -> list[Json]:
    return [
        {
            "platform": platform,
            "filename": "https://shop.test/app.js",
            "function": frame["function"] or "?",
            "lineno": frame["line"],
            "colno": frame["column"],
            "chunk_id": chunk_id(),
        }
        for frame in crash()
    ]


def stored(symbolicator: Symbolicator, raw: list[Json]) -> dict[bytes, frames.FrameRow]:
    """Reads the rows themselves: asking for frames would repair them."""
    with symbolicator._database.read() as connection:
        rows = frames.load(connection, TEAM, [read_raw_frame(frame).hash for frame in raw])
    return {row.raw_id: row for row in rows}


def upload(symbolicator: Symbolicator) -> None:
    symbolicator.add_symbol_set(
        TEAM,
        chunk_id(),
        source=BUNDLE.read_bytes(),
        map=Path(f"{BUNDLE}.map").read_bytes(),
    )


def wait_until_resolved(
    symbolicator: Symbolicator, raw: list[Json]
) -> dict[bytes, frames.FrameRow]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = stored(symbolicator, raw)
        if all(row.resolved for row in rows.values()):
            return rows
        assert time.monotonic() < deadline, "the frames were not repaired in time"
        time.sleep(0.02)


def test_frames_stored_before_their_map_are_repaired_in_the_store(
    symbolicator: Symbolicator,
) -> None:
    raw = [frame for platform in PLATFORMS for frame in raw_frames(platform)]
    exception = {"type": "TypeError", "stacktrace": {"type": "raw", "frames": raw}}
    event = {"event": "$exception", "properties": {"$exception_list": [exception]}}
    (outcome,) = symbolicator.process(TEAM, [event])
    assert outcome.status == "ok"
    before = stored(symbolicator, raw)
    assert len(before) == len(raw)
    assert {row.failure_code for row in before.values()} == {"no_symbol_set"}
    assert not any(row.resolved for row in before.values())

    upload(symbolicator)

    after = wait_until_resolved(symbolicator, raw)
    assert after.keys() == before.keys()
    for raw_id, row in after.items():
        assert (row.id, row.part) == (before[raw_id].id, before[raw_id].part)
        assert row.failure_code is None
        assert json.loads(row.contents)["raw_id"] == f"{raw_id.hex()}/0"
    expected = [frame["expected"] for frame in crash()] * len(PLATFORMS)
    for frame, answer in zip(raw, expected, strict=True):
        contents = json.loads(after[read_raw_frame(frame).hash].contents)
        assert [contents[key] for key in ("source", "line", "column")] == [
            answer[key] for key in ("source", "line", "column")
        ]


def test_a_replaced_map_answers_stored_frames_anew(symbolicator: Symbolicator) -> None:
    raw = raw_frames(PLATFORMS[0])[:1]
    wrong = json.dumps({"version": 3, "sources": ["wrong.ts"], "names": [], "mappings": ";;AAAA"})
    symbolicator.add_symbol_set(TEAM, chunk_id(), source="", map=wrong)
    exception = {"type": "TypeError", "stacktrace": {"type": "raw", "frames": raw}}
    event = {"event": "$exception", "properties": {"$exception_list": [exception]}}
    symbolicator.process(TEAM, [event])
    (before,) = stored(symbolicator, raw).values()
    assert json.loads(before.contents)["source"] == "wrong.ts"

    upload(symbolicator)

    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        (row,) = stored(symbolicator, raw).values()
        source = json.loads(row.contents)["source"]
        if source != "wrong.ts":
            break
        assert time.monotonic() < deadline, "the frame was not repaired in time"
        time.sleep(0.02)
    assert (row.id, source) == (before.id, crash()[0]["expected"]["source"])


def test_a_set_leaves_the_work_list_once_nothing_is_stale(
    symbolicator: Symbolicator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    monkeypatch.setattr("symbolicate.services.reconcile.SETTLED_AFTER", timedelta(seconds=0.5))
    upload(symbolicator)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with symbolicator._database.read() as connection:
            query = "SELECT count(*) FROM symbol_set WHERE reconciled_as IS NULL"
            if connection.exec_driver_sql(query).scalar_one() == 0:
                break
        assert time.monotonic() < deadline, "the set stayed on the work list"
        time.sleep(0.02)
