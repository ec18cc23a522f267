"""Frames of Hermes: a bytecode offset, a chunk id, and names from function maps alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from symbolicate.frame_context import Context
from symbolicate.languages.hermes import Hermes
from symbolicate.outcome import Failed, Failure, FrameOutcome, FramePart, NotNeeded, Resolved
from symbolicate.raw_frame import read_raw_frame

CHUNK = "0193A5C2-7F4E-7D20-9C31-5A7E00C0FFEE"
MISSING = Failure("no_symbol_set", "")
LANGUAGE = Hermes()
MAX_U32 = 4_294_967_295


def raw(**fields: Any) -> dict[str, Any]:
    frame = {"platform": "hermes", "function": "t", "filename": "app.hbc", "colno": 41}
    return {**frame, "chunk_id": CHUNK, **fields}


def resolve(symbols: Any, **fields: Any) -> FrameOutcome:
    (outcome,) = LANGUAGE.resolve([read_raw_frame(raw(**fields))], symbols)
    return outcome


def failed(symbols: Any, **fields: Any) -> Failed:
    outcome = resolve(symbols, **fields)
    assert isinstance(outcome, Failed)
    return outcome


def mapped(symbols: Any, **fields: Any) -> FramePart:
    outcome = resolve(symbols, **fields)
    assert isinstance(outcome, Resolved)
    (part,) = outcome.parts
    return part


@pytest.fixture
def composed(written_map: type[Any]) -> Any:
    return written_map(
        tokens={(0, 0): (0, 0, 0, -1), (0, 41): (0, 1, 4, -1), (0, 50): (1, 0, 0, -1)},
        functions={(0, 41): "Cart#total"},
        how="function_map",
        sources=["src/cart.ts", "node_modules/pad/index.js"],
        texts={0: "one\ntwo\nthree"},
    )


@pytest.mark.parametrize(
    ("fields", "ref"),
    [
        pytest.param({}, CHUNK.lower(), id="chunk id, normal form"),
        pytest.param({"chunk_id": None, "chunkId": "short"}, "short", id="alias"),
        pytest.param({"colno": None}, CHUNK.lower(), id="no column: the set is asked for first"),
        pytest.param({"chunk_id": None}, None, id="never by file name"),
        pytest.param({"chunk_id": ""}, None, id="an empty chunk id names nothing"),
        pytest.param({"chunk_id": "c" * 2049}, None, id="too long"),
    ],
)
def test_a_frame_is_named_by_its_chunk_id_alone(fields: dict[str, Any], ref: str | None) -> None:
    found = LANGUAGE.reference(read_raw_frame(raw(**fields)))
    assert found == (None if ref is None else (ref, "hermes"))


def test_a_mapped_frame_stands_at_its_offset_on_the_first_line(composed: Any) -> None:
    assert mapped(composed, synthetic=True, lineno=9) == FramePart(
        mangled_name="t",
        lang="javascript",
        in_app=True,
        resolved=True,
        line=2,
        column=5,
        source="src/cart.ts",
        resolved_name="Cart#total",
        synthetic=True,
        junk={
            "function": "t",
            "filename": "app.hbc",
            "colno": 41,
            "chunk_id": CHUNK,
            "synthetic": True,
            "lineno": 9,
        },
        context=msgspec.convert(
            {
                "before": [{"number": 1, "line": "one"}],
                "line": {"number": 2, "line": "two"},
                "after": [{"number": 3, "line": "three"}],
            },
            Context,
        ),
    )


def test_offset_zero_is_the_first_byte_and_not_column_one(composed: Any) -> None:
    assert mapped(composed, colno=0).line == 1


@pytest.mark.parametrize("how", ["scopes", "syntax_tree", "token"])
def test_a_map_without_function_maps_gives_no_names(composed: Any, how: str) -> None:
    composed.how = how
    assert mapped(composed).resolved_name is None


@pytest.mark.parametrize(
    ("fields", "in_app"),
    [({}, True), ({"in_app": False}, False), ({"colno": 50}, False)],
    ids=["as sent", "never promoted", "demoted by its source"],
)
def test_a_source_demotes_and_nothing_promotes(
    composed: Any, fields: dict[str, Any], in_app: bool
) -> None:
    assert mapped(composed, **fields).in_app is in_app


@pytest.mark.parametrize("filename", ["app.hbc", "<anonymous>"])
def test_a_frame_without_a_column_is_readable_once_its_set_is_there(
    composed: Any, filename: str
) -> None:
    outcome = resolve(composed, colno=None, filename=filename)
    assert isinstance(outcome, NotNeeded)
    assert outcome.part == FramePart(
        mangled_name="t",
        lang="javascript",
        in_app=filename == "app.hbc",
        resolved=True,
        source=filename,
        resolved_name="t",
        junk={"function": "t", "filename": filename, "colno": None, "chunk_id": CHUNK},
    )


def test_a_frame_without_a_column_fails_with_its_set() -> None:
    assert failed(MISSING, colno=None).failure.code == "no_symbol_set"


def test_a_failed_frame_shows_its_offset_as_a_column_of_line_one() -> None:
    part = failed(MISSING).part
    assert (part.line, part.column, part.source) == (1, 42, "app.hbc")
    assert (part.resolved, part.resolved_name, part.context) == (False, None, None)
    assert part.junk is not None


@pytest.mark.parametrize(("colno", "column"), [(0, 1), (MAX_U32, MAX_U32), (None, None)])
def test_a_failed_frames_column_fits_the_wire(colno: int | None, column: int | None) -> None:
    assert failed(MISSING, colno=colno).part.column == column


@pytest.mark.parametrize(
    ("symbols", "fields", "code", "sentence"),
    [
        pytest.param(
            None, {"chunk_id": None}, "no_reference", "No chunk id sent with frame", id="no id"
        ),
        pytest.param(
            MISSING,
            {},
            "no_symbol_set",
            f"No sourcemap uploaded for chunk id: {CHUNK}",
            id="nothing uploaded, spelled as sent",
        ),
        pytest.param(
            Failure("malformed", "Invalid map: cut"), {}, "malformed", "Invalid map: cut", id="map"
        ),
        pytest.param(
            None,
            {"chunk_id": "c" * 2049},
            "limit_exceeded",
            "A symbol set reference of 2049 exceeds the limit of 2048",
            id="chunk id too long",
        ),
    ],
)
def test_a_failure_is_worded_for_hermes(
    symbols: Any, fields: dict[str, Any], code: str, sentence: str
) -> None:
    assert failed(symbols, **fields).failure == (code, sentence)


def test_an_offset_outside_the_map_is_named_as_sent(composed: Any) -> None:
    assert failed(composed, colno=7).failure == (
        "symbol_not_found",
        f"No token for column 7 on chunk {CHUNK}",
    )


def test_frames_come_back_in_order(composed: Any) -> None:
    frames = [read_raw_frame(raw(colno=colno)) for colno in (50, 7, 41)]
    outcomes = LANGUAGE.resolve(frames, composed)
    assert [type(outcome) for outcome in outcomes] == [Resolved, Failed, Resolved]
    assert isinstance(outcomes[2], Resolved)
    assert outcomes[2].parts[0].source == "src/cart.ts"
