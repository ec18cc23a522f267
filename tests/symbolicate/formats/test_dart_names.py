"""Class names that dart2js shortened: read from the map, kept by its compiled form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate import SourceMap
from symbolicate.formats.dart_names import decode_dart_names
from symbolicate.formats.map_limits import DEFAULT_LIMITS

NAMES = ["CartError", "Cart", None]


def dart_map(extension: Any) -> bytes:
    fields = {"version": 3, "sources": [], "names": ["CartError", "Cart"], "mappings": ""}
    return json.dumps({**fields, "x_org_dartlang_dart2js": extension}).encode()


def decoded(text: Any) -> dict[str, str]:
    return decode_dart_names({"minified_names": {"global": text}}, NAMES, DEFAULT_LIMITS)


@pytest.mark.parametrize("form", ["parsed", "opened"])
def test_a_map_names_its_shortened_classes(tmp_path: Path, form: str) -> None:
    names = {"global": "aB,0,c$,1", "instance": "aB,1"}
    source_map = SourceMap.from_json(dart_map({"minified_names": names, "frames": []}))
    if form == "opened":
        source_map.save(tmp_path / "dart.jsmc")
        source_map = SourceMap.open(tmp_path / "dart.jsmc")
    shorts = ("aB", "c$", "Cart", "")
    assert [source_map.dart_name(short) for short in shorts] == ["CartError", "Cart", None, None]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("a,0,b,1", {"a": "CartError", "b": "Cart"}, id="pairs"),
        pytest.param("a,0,b", {"a": "CartError"}, id="half a pair"),
        pytest.param("a,7,b,-1,c,x,d,²,e,,f,1", {"f": "Cart"}, id="indexes that point nowhere"),
        pytest.param("a," + "9" * 5000, {}, id="an endless index"),
        pytest.param("a,2", {}, id="a name that is null"),
        pytest.param(",0", {}, id="no short form"),
        pytest.param("a,0,a,1", {"a": "Cart"}, id="the last counts"),
        pytest.param("", {}, id="nothing"),
        pytest.param(["a", 0], {}, id="another type"),
    ],
)
def test_pairs_that_do_not_fit_are_left_out(text: Any, names: dict[str, str]) -> None:
    assert decoded(text) == names


@pytest.mark.parametrize("extension", [None, [], {}, {"minified_names": 1}, "x", 7], ids=repr)
def test_another_form_of_the_field_is_no_defect(extension: Any) -> None:
    source_map = SourceMap.from_json(dart_map(extension))
    assert source_map.dart_name("a") is None
    assert source_map.defects == ()
    SourceMap.from_json(dart_map(extension), strict=True)


@given(st.text(st.sampled_from("ab,01-²")))
def test_any_text_is_read(text: str) -> None:
    assert set(decoded(text).values()) <= {"CartError", "Cart"}
