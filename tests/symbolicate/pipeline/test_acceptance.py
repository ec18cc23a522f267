"""The acceptance list of frames and symbol sets, one test a rule."""

from __future__ import annotations

import io
import json
import resource
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from symbolicate import Outcome, Refused, Symbolicator
from symbolicate.errors import FormatError
from symbolicate.formats.container import MAGIC

Json = dict[str, Any]

TEAM = 1
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
MIB = 1024 * 1024
BOMB_BYTES = 513 * MIB
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Symbolicator]:
    with Symbolicator.open(tmp_path) as symbolicator:
        yield symbolicator


def contents(outcome: Outcome) -> list[Json]:
    assert outcome.event is not None, outcome
    (exception,) = outcome.event["properties"]["$exception_list"]
    frames: list[Json] = exception["stacktrace"]["frames"]
    return frames


def raw_id(make: Any, frame: Json) -> str:
    hashed: str = make.submissions(frame)[0].hash.hex()
    return hashed


def test_1_a_frame_at_1_1_looks_up_0_0_and_its_line_is_its_contexts_line(
    opened: Symbolicator, make: Any
) -> None:
    opened.add_symbol_set(TEAM, "chunk", make.script("app"))
    ((frame,),) = opened.resolve(TEAM, [make.web(lineno=1, colno=1)])
    assert (frame.contents["line"], frame.contents["column"]) == (3, 14)
    assert frame.context is not None
    assert frame.context["line"] == {"number": 3, "line": "  total() { return 1 }"}


@pytest.mark.parametrize("platform", ["web:javascript", "node:javascript"])
def test_2_a_line_and_column_of_0_act_as_1(opened: Symbolicator, make: Any, platform: str) -> None:
    opened.add_symbol_set(TEAM, "chunk", make.script("app"))
    frames = [make.web(platform=platform, lineno=n, colno=m) for n in (0, 1) for m in (0, 1)]
    places = [
        (f.contents["source"], f.contents["line"], f.contents["column"])
        for (f,) in opened.resolve(TEAM, frames)
    ]
    assert places == [("src/app.ts", 3, 14)] * 4
    unmapped = [make.web("none", platform=platform, lineno=0, colno=0)]
    ((failed,),) = opened.resolve(TEAM, unmapped)
    assert (failed.contents["line"], failed.contents["column"]) == (1, 1)


def test_3_one_position_with_two_chunk_ids_has_two_raw_ids_and_two_answers(
    opened: Symbolicator, make: Any
) -> None:
    for ref in ("one", "two"):
        opened.add_symbol_set(TEAM, ref, make.script(ref))
    ((one,), (two,)) = opened.resolve(TEAM, [make.web("one"), make.web("two")])
    assert one.raw_id != two.raw_id
    assert [f.contents["source"] for f in (one, two)] == ["src/one.ts", "src/two.ts"]


@pytest.mark.parametrize("platform", ["web:javascript", "node:javascript"])
def test_4_a_frame_whose_set_was_finished_is_resolved_at_the_next_batch_get(
    opened: Symbolicator, make: Any, platform: str
) -> None:
    frame = make.web(platform=platform)
    opened.process(TEAM, [make.event(frame)])
    wanted = [raw_id(make, frame)]
    (before,) = opened.batch_get(TEAM, wanted)
    assert (before.resolved, before.failure_code) == (False, "no_symbol_set")
    opened.add_symbol_set(TEAM, "chunk", make.script("app"))
    (after,) = opened.batch_get(TEAM, wanted)
    assert (after.resolved, after.failure_code) == (True, None)
    assert (after.id, after.raw_id) == (before.id, before.raw_id)
    assert after.contents["source"] == "src/app.ts"


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_5_a_damaged_replacement_is_refused_and_the_old_answers_keep_coming(
    opened: Symbolicator, make: Any, cut: int
) -> None:
    opened.add_symbol_set(TEAM, "chunk", make.script("app"))
    opened.process(TEAM, [make.event(make.web())])
    before = opened.batch_get(TEAM, [raw_id(make, make.web())])
    with pytest.raises(Refused) as refused:
        opened.add_symbol_set(TEAM, "chunk", make.script("newer")[:-cut])
    assert refused.value.code == "invalid_symbol_set"
    assert opened.batch_get(TEAM, [raw_id(make, make.web())]) == before
    ((fresh,),) = opened.resolve(TEAM, [make.web(colno=9)])
    assert fresh.contents["source"] == "src/app.ts"


def test_6_a_store_that_times_out_is_transient_and_tried_again(
    wired_on_each: Any, make: Any
) -> None:
    wired = wired_on_each
    wired.add("chunk")
    before = wired.rows("SELECT * FROM symbol_set")
    wired.objects.away = True
    (answer,) = wired.resolver.resolve(TEAM, make.submissions(make.web()))
    assert answer.failure_code == "transient"
    sentence = answer.frames[0].contents["resolve_failure"]
    assert sentence == "Temporarily unavailable, will be retried"
    (outcome,) = wired.process(make.event(make.web()))
    assert (outcome.status, outcome.reason) == ("retry", "dependency_unavailable")
    assert wired.rows("SELECT * FROM symbol_set") == before
    wired.objects.away = False
    (outcome,) = wired.process(make.event(make.web()))
    assert contents(outcome)[0]["source"] == "src/app.ts"


def zstd_bomb(declared: bool) -> bytes:
    compressor = zstandard.ZstdCompressor()
    if declared:
        stream = compressor.compressobj(size=BOMB_BYTES)
    else:
        stream = compressor.compressobj()
    pieces = [stream.compress(bytes(MIB)) for _ in range(BOMB_BYTES // MIB)] + [stream.flush()]
    return struct.pack("<22sIIB", MAGIC, 2, 2, 1) + b"".join(pieces)


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("dwarf", "w", force_zip64=True) as member,
    ):
        for _ in range(BOMB_BYTES // MIB):
            member.write(bytes(MIB))
    return struct.pack("<22sII", MAGIC, 1, 5) + file.getvalue()


@pytest.mark.parametrize("bomb", ["zstd", "zstd without a size", "zip"])
def test_7_a_bomb_is_limit_exceeded_in_bounded_memory(opened: Symbolicator, bomb: str) -> None:
    data = zip_bomb() if bomb == "zip" else zstd_bomb(declared=bomb == "zstd")
    assert len(data) < 2 * MIB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refused) as refused:
        opened.add_symbol_set(TEAM, "chunk", data)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert refused.value.code == "invalid_symbol_set"
    assert "exceeds the limit of" in refused.value.detail
    assert isinstance(refused.value.__cause__, FormatError)
    assert refused.value.__cause__.code == "limit_exceeded"
    assert grown * MAXRSS_UNIT < 256 * MIB


def test_8_a_batch_with_a_wrong_event_and_a_malformed_frame_gives_two_usable_outcomes(
    opened: Symbolicator, make: Any
) -> None:
    opened.add_symbol_set(TEAM, "chunk", make.script("app"))
    outcomes = opened.process(
        TEAM,
        [
            make.event(make.web()),
            {**make.event(make.web()), "event": "$pageview"},
            make.event({"platform": "web:javascript"}, make.web()),
        ],
    )
    assert [(o.status, o.reason) for o in outcomes] == [
        ("ok", None),
        ("invalid", "wrong_event_type"),
        ("ok", None),
    ]
    malformed, mapped = contents(outcomes[2])
    assert malformed["failure_code"] == "malformed"
    assert mapped["source"] == "src/app.ts"


def test_10_teams_with_one_ref_and_one_raw_id_never_see_each_others_data(
    wired_on_each: Any, make: Any
) -> None:
    wired = wired_on_each
    frame, unknown = make.web(), make.web("only")
    for team in (1, 2):
        wired.add("chunk", f"team{team}", team=team)
    wired.add("only", "first", team=1)
    for _ in range(3):
        for team in (1, 2):
            (outcome,) = wired.process(make.event(frame, unknown), team=team)
            mapped, other = contents(outcome)
            assert mapped["source"] == f"src/team{team}.ts"
            assert other["source"] == ("src/first.ts" if team == 1 else "/app.js")
    stored = wired.rows("SELECT team_id, contents FROM stack_frame")
    assert len(stored) == 4
    for team, text in stored:
        source = json.loads(text)["source"]
        assert source in (f"src/team{team}.ts", "src/first.ts" if team == 1 else "/app.js")
