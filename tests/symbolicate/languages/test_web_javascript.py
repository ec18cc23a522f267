"""Frames of browsers: refs, mapped frames, and honest failures."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from symbolicate.frame_context import Context
from symbolicate.languages.web_javascript import WebJavaScript
from symbolicate.outcome import Failed, Failure, FrameOutcome, FramePart, NotNeeded, Resolved
from symbolicate.raw_frame import read_raw_frame

URL = "https://x.test/static/main.js"
CHUNK = "0189AB00-0000-7000-8000-00000000ABCD"
MISSING = Failure("no_symbol_set", "")
LANGUAGE = WebJavaScript()


def raw(**fields: Any) -> dict[str, Any]:
    frame = {"platform": "web:javascript", "function": "t", "filename": URL}
    return {**frame, "lineno": 1, "colno": 10, **fields}


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
def cart(written_map: type[Any]) -> Any:
    return written_map(
        tokens={(0, 9): (0, 1, 4, -1), (0, 19): (1, 0, 0, -1)},
        functions={(0, 9): "Cart.total"},
        sources=["src/cart.ts", "../node_modules/posthog-js@1/x.js"],
        texts={0: "one\ntwo\nthree"},
    )


@pytest.mark.parametrize(
    ("fields", "ref"),
    [
        pytest.param({"chunk_id": CHUNK}, CHUNK.lower(), id="chunk id, normal form"),
        pytest.param({"chunkId": "short"}, "short", id="alias"),
        pytest.param({}, URL, id="url"),
        pytest.param({"filename": f"{URL}:1:2"}, URL, id="cleaned url"),
        pytest.param({"chunk_id": ""}, URL, id="an empty chunk id names nothing"),
        pytest.param({"filename": "app:///a.js", "chunk_id": "c"}, "c", id="chunk id, any url"),
        pytest.param({"filename": "app:///a.js"}, None, id="bad url"),
        pytest.param({"filename": None}, None, id="nothing"),
        pytest.param({"lineno": None, "chunk_id": "c"}, None, id="no line"),
        pytest.param({"colno": None, "chunk_id": "c"}, None, id="no column"),
        pytest.param({"chunk_id": "c" * 2049}, None, id="too long: never the url instead"),
    ],
)
def test_a_frame_has_one_ref(fields: dict[str, Any], ref: str | None) -> None:
    found = LANGUAGE.reference(read_raw_frame(raw(**fields)))
    assert found == (None if ref is None else (ref, "javascript"))


def test_a_mapped_frame(cart: Any) -> None:
    assert mapped(cart, chunk_id="c", synthetic=True, extra=1) == FramePart(
        mangled_name="t",
        lang="javascript",
        in_app=True,
        resolved=True,
        line=2,
        column=5,
        source="src/cart.ts",
        resolved_name="Cart.total",
        synthetic=True,
        suspicious=False,
        junk={
            "function": "t",
            "filename": URL,
            "lineno": 1,
            "colno": 10,
            "chunk_id": "c",
            "synthetic": True,
            "extra": 1,
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


@pytest.mark.parametrize(
    ("colno", "sent", "in_app"), [(10, True, True), (10, False, False), (20, True, False)]
)
def test_a_source_demotes_and_nothing_promotes(
    cart: Any, colno: int, sent: bool, in_app: bool
) -> None:
    assert mapped(cart, colno=colno, in_app=sent).in_app is in_app


def test_the_url_of_a_mapped_frame_does_not_demote(cart: Any) -> None:
    assert mapped(cart, filename="https://x.test/node_modules/a.js").in_app


def test_our_own_sdk_is_suspicious(cart: Any) -> None:
    assert mapped(cart, colno=20).suspicious
    assert not mapped(cart).suspicious


def test_frames_come_back_in_order_each_with_its_own_answer(cart: Any) -> None:
    frames = [read_raw_frame(raw(colno=colno)) for colno in (20, 10, 11)]
    first, second, third = LANGUAGE.resolve(frames, cart)
    assert isinstance(first, Resolved)
    assert isinstance(second, Resolved)
    assert isinstance(third, Failed)
    assert (first.parts[0].line, second.parts[0].line) == (1, 2)


def test_no_token_is_symbol_not_found(cart: Any) -> None:
    outcome = failed(cart, lineno=3, colno=4, chunk_id="c")
    assert outcome.failure == ("symbol_not_found", "Token not found for frame: t:3:4")
    assert not outcome.part.resolved


def test_a_frame_without_location_is_readable_as_it_came() -> None:
    outcome = resolve(None, lineno=None, chunk_id="c")
    assert outcome == NotNeeded(
        FramePart(
            mangled_name="t",
            lang="javascript",
            in_app=True,
            resolved=True,
            source="/static/main.js",
            resolved_name="t",
            junk={
                "function": "t",
                "filename": URL,
                "lineno": None,
                "colno": 10,
                "chunk_id": "c",
            },
        )
    )


@pytest.mark.parametrize(
    ("filename", "sent", "in_app"),
    [("<anonymous>", True, False), (URL, True, True), (None, True, True), (URL, False, False)],
)
def test_anonymous_code_without_location_is_not_in_app(
    filename: str | None, sent: bool, in_app: bool
) -> None:
    outcome = resolve(None, lineno=None, filename=filename, in_app=sent)
    assert isinstance(outcome, NotNeeded)
    assert outcome.part.in_app is in_app


TRANSIENT = Failure("transient", "Temporarily unavailable, will be retried")
MALFORMED = Failure("malformed", "Invalid source map: x")
PENDING = Failure("upload_pending", "The upload for c has not finished yet")


@pytest.mark.parametrize(
    ("symbols", "fields", "failure"),
    [
        pytest.param(
            None,
            {"filename": None},
            ("no_reference", "This frame had no source url or chunk id"),
            id="names nothing",
        ),
        pytest.param(
            None,
            {"filename": ""},
            ("no_reference", "This frame had no source url or chunk id"),
            id="empty url",
        ),
        pytest.param(
            None,
            {"filename": "app:///a.js"},
            ("malformed", "Invalid source url: app:///a.js"),
            id="bad url",
        ),
        pytest.param(
            None,
            {"filename": "data:" + "x" * 999},
            ("malformed", "Invalid source url: data:" + "x" * 295 + "..."),
            id="bad long url",
        ),
        pytest.param(
            None,
            {"chunk_id": "c" * 2049},
            ("limit_exceeded", "A symbol set reference of 2049 exceeds the limit of 2048"),
            id="chunk id too long",
        ),
        pytest.param(
            MISSING,
            {"filename": f"{URL}:1:2"},
            ("no_symbol_set", f"Could not find sourcemap for source url: {URL}"),
            id="unknown url",
        ),
        pytest.param(
            MISSING,
            {"chunk_id": CHUNK},
            ("no_symbol_set", f"No sourcemap uploaded for chunk id: {CHUNK}"),
            id="unknown chunk id, spelled as sent",
        ),
        pytest.param(PENDING, {"chunk_id": "c"}, PENDING, id="pending keeps its sentence"),
        pytest.param(TRANSIENT, {}, TRANSIENT, id="transient keeps its sentence"),
    ],
)
def test_failures_have_their_sentences(
    symbols: Any, fields: dict[str, Any], failure: tuple[str, str]
) -> None:
    assert failed(symbols, **fields).failure == failure


@pytest.mark.parametrize(
    ("symbols", "fields", "minified"),
    [
        pytest.param(None, {"filename": None}, False, id="names nothing"),
        pytest.param(None, {"filename": "app:///a.js"}, True, id="bad url"),
        pytest.param(MISSING, {"colno": 300}, False, id="no map, column 300"),
        pytest.param(MISSING, {"colno": 301}, True, id="no map, column 301"),
        pytest.param(MALFORMED, {"colno": 1}, True, id="bad map"),
        pytest.param(MISSING, {"colno": 1, "chunk_id": "c"}, True, id="chunk id, no map"),
        pytest.param(TRANSIENT, {"colno": 1, "chunk_id": "c"}, True, id="chunk id, transient"),
    ],
)
def test_a_failed_frame_is_resolved_unless_judged_minified(
    symbols: Any, fields: dict[str, Any], minified: bool
) -> None:
    part = failed(symbols, **fields).part
    assert part.resolved is not minified
    assert part.resolved_name == (None if minified else "t")


def test_a_failed_frame_says_what_was_sent() -> None:
    outcome = failed(MISSING, chunk_id="c", lineno=0, colno=0, in_app=False, synthetic=True)
    assert outcome.part == FramePart(
        mangled_name="t",
        lang="javascript",
        in_app=False,
        resolved=False,
        line=1,
        column=1,
        source="/static/main.js",
        synthetic=True,
        junk={
            "function": "t",
            "filename": URL,
            "lineno": 0,
            "colno": 0,
            "chunk_id": "c",
            "in_app": False,
            "synthetic": True,
        },
    )


def test_a_failed_frame_is_not_demoted() -> None:
    assert failed(MISSING, filename="https://x.test/node_modules/a.js").part.in_app
