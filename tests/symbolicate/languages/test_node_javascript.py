"""Frames of Node.js: passed through, mapped, or failed with what the client sent kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from symbolicate.frame_context import Context
from symbolicate.languages.node_javascript import NodeJavaScript
from symbolicate.outcome import Failed, Failure, FrameOutcome, FramePart, NotNeeded, Resolved
from symbolicate.raw_frame import read_raw_frame

MISSING = Failure("no_symbol_set", "")
LANGUAGE = NodeJavaScript()
CONTEXT = msgspec.convert(
    {
        "before": [{"number": 6, "line": "before"}],
        "line": {"number": 7, "line": "here"},
        "after": [{"number": 8, "line": "after"}],
    },
    Context,
)


def raw(**fields: Any) -> dict[str, Any]:
    return {
        "platform": "node:javascript",
        "function": "t",
        "filename": "dist/app.js",
        "module": "app",
        "lineno": 7,
        "colno": 10,
        "chunk_id": "c",
        "pre_context": ["before"],
        "context_line": "here",
        "post_context": ["after"],
        **fields,
    }


def resolve(symbols: Any, **fields: Any) -> FrameOutcome:
    (outcome,) = LANGUAGE.resolve([read_raw_frame(raw(**fields))], symbols)
    return outcome


def mapped(symbols: Any, **fields: Any) -> FramePart:
    outcome = resolve(symbols, **fields)
    assert isinstance(outcome, Resolved)
    (part,) = outcome.parts
    return part


def passed(**fields: Any) -> FramePart:
    outcome = resolve(None, **fields)
    assert isinstance(outcome, NotNeeded)
    return outcome.part


@pytest.fixture
def cart(written_map: type[Any]) -> Any:
    return written_map(
        tokens={(6, 9): (0, 1, 4, -1), (6, 19): (1, 0, 0, -1)},
        functions={(6, 9): "Cart.total"},
        sources=["src/cart.ts", "node:internal/x"],
        texts={0: "one\ntwo"},
    )


@pytest.mark.parametrize(
    ("fields", "ref"),
    [
        pytest.param({}, "c", id="chunk id"),
        pytest.param({"chunk_id": "AB" * 16}, "ab" * 16, id="normal form"),
        pytest.param({"chunk_id": None}, None, id="no chunk id, never by url"),
        pytest.param({"chunk_id": None, "filename": "https://x.test/a.js"}, None, id="nor by http"),
        pytest.param({"chunk_id": ""}, None, id="empty chunk id"),
        pytest.param({"lineno": None}, None, id="no line"),
        pytest.param({"colno": None}, None, id="no column"),
        pytest.param({"chunk_id": "c" * 2049}, None, id="too long"),
    ],
)
def test_only_a_chunk_id_and_a_location_make_a_ref(fields: dict[str, Any], ref: str | None) -> None:
    found = LANGUAGE.reference(read_raw_frame(raw(**fields)))
    assert found == (None if ref is None else (ref, "javascript"))


def test_a_mapped_frame_has_the_sets_context_and_keeps_its_module(cart: Any) -> None:
    sent = raw()
    del sent["platform"]
    assert mapped(cart) == FramePart(
        mangled_name="t",
        lang="javascript",
        in_app=True,
        resolved=True,
        line=2,
        column=5,
        source="src/cart.ts",
        module="app",
        resolved_name="Cart.total",
        junk=sent,
        context=msgspec.convert(
            {
                "before": [{"number": 1, "line": "one"}],
                "line": {"number": 2, "line": "two"},
                "after": [],
            },
            Context,
        ),
    )


def test_a_mapped_frame_without_source_text_keeps_no_client_context(cart: Any) -> None:
    cart.texts = {}
    part = mapped(cart)
    assert part.context is None
    assert part.junk is not None
    assert part.junk.keys().isdisjoint({"context_line", "pre_context", "post_context"})


@pytest.mark.parametrize(
    ("fields", "in_app"),
    [
        pytest.param({}, True, id="own code"),
        pytest.param({"in_app": False}, False, id="never promoted"),
        pytest.param({"colno": 20}, False, id="by source"),
        pytest.param({"filename": "/srv/node_modules/a.js"}, False, id="by filename"),
    ],
)
def test_filename_and_source_demote_a_mapped_frame(
    cart: Any, fields: dict[str, Any], in_app: bool
) -> None:
    assert mapped(cart, **fields).in_app is in_app


@pytest.mark.parametrize(
    ("absent", "line", "column"),
    [("chunk_id", 7, 10), ("lineno", None, 10), ("colno", 7, None)],
)
def test_what_cannot_be_looked_up_passes_through(
    absent: str, line: int | None, column: int | None
) -> None:
    assert passed(**{absent: None}) == FramePart(
        mangled_name="t",
        lang="javascript",
        in_app=True,
        resolved=True,
        line=line,
        column=column,
        source="dist/app.js",
        module="app",
        resolved_name="t",
        context=None if line is None else CONTEXT,
    )


@pytest.mark.parametrize("filename", ["node:fs", "/srv/node_modules/a.js"])
def test_a_passed_frame_is_demoted_by_its_filename(filename: str) -> None:
    assert not passed(chunk_id=None, filename=filename).in_app


def test_a_failed_frame_keeps_what_the_client_sent() -> None:
    outcome = resolve(MISSING, synthetic=True)
    sent = raw(synthetic=True)
    del sent["platform"]
    assert outcome == Failed(
        FramePart(
            mangled_name="t",
            lang="javascript",
            in_app=True,
            resolved=False,
            line=7,
            column=10,
            source="dist/app.js",
            module="app",
            synthetic=True,
            junk=sent,
            context=CONTEXT,
        ),
        Failure("no_symbol_set", "No sourcemap uploaded for chunk id: c"),
    )


@pytest.mark.parametrize("filename", ["node:fs", "/srv/node_modules/a.js"])
def test_a_failed_frame_is_demoted_by_its_filename(filename: str) -> None:
    outcome = resolve(MISSING, filename=filename)
    assert isinstance(outcome, Failed)
    assert not outcome.part.in_app


@pytest.mark.parametrize("number", [0, 1])
def test_a_raw_line_and_column_of_0_act_as_1(number: int) -> None:
    outcome = resolve(MISSING, lineno=number, colno=number)
    assert isinstance(outcome, Failed)
    assert (outcome.part.line, outcome.part.column) == (1, 1)
    assert outcome.part.context is not None
    assert outcome.part.context.to_wire()["line"]["number"] == 1


@pytest.mark.parametrize(
    ("symbols", "fields", "failure"),
    [
        pytest.param(
            None,
            {"chunk_id": "c" * 2049},
            ("limit_exceeded", "A symbol set reference of 2049 exceeds the limit of 2048"),
            id="chunk id too long",
        ),
        pytest.param(
            MISSING,
            {"chunkId": "AB" * 16, "chunk_id": None},
            ("no_symbol_set", f"No sourcemap uploaded for chunk id: {'AB' * 16}"),
            id="unknown chunk id, spelled as sent",
        ),
        pytest.param(
            Failure("blob_missing", "gone"), {}, ("blob_missing", "gone"), id="others as they are"
        ),
    ],
)
def test_failures_have_their_sentences(
    symbols: Any, fields: dict[str, Any], failure: tuple[str, str]
) -> None:
    outcome = resolve(symbols, **fields)
    assert isinstance(outcome, Failed)
    assert outcome.failure == failure
    assert not outcome.part.resolved


def test_no_token_is_symbol_not_found(cart: Any) -> None:
    outcome = resolve(cart, colno=11)
    assert isinstance(outcome, Failed)
    assert outcome.failure == ("symbol_not_found", "Token not found for frame: t:7:11")
    assert outcome.part.context == CONTEXT
