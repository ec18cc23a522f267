from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from symbolicate.errors import MapTooComplex, SourceMapError
from symbolicate.formats.map_limits import DEFAULT_LIMITS, MapLimits
from symbolicate.formats.scopes import Scopes, original_records, range_records
from symbolicate.formats.scopes_text import ScopesPart, decode_scopes
from symbolicate.formats.source_map import SourceMap

NAMES = ["alpha", "beta", "gamma", "delta"]


def decoded(text: str, limits: MapLimits = DEFAULT_LIMITS) -> Scopes:
    return decode_scopes([ScopesPart(text.encode())], NAMES, 3, limits)


def span(node: Any) -> tuple[int, int, int, int]:
    return (*node.start, *node.end)


def test_original_scopes_are_relative_inside_one_tree() -> None:
    first, second, third = decoded("BAAA,BABC,CAD,CCB,A,BABB,CAC").originals
    assert first is not None
    assert span(first) == (0, 0, 3, 1)
    assert [span(child) for child in first.children] == [(1, 2, 1, 5)]
    assert second is None
    assert third is not None
    assert span(third) == (1, 1, 1, 3)


def test_flags_give_names_kinds_and_stack_frames() -> None:
    scope = decoded("BHAACE,DAC,CAF").originals[0]
    assert scope is not None
    assert (scope.name, scope.kind, scope.is_stack_frame) == ("beta", "gamma", True)
    assert scope.variables == ("alpha", "beta")


def test_ranges_know_definition_call_site_and_bindings() -> None:
    text = "BFAAA,BFBAC,CBA,CBA,ECAA,EGCC,GAC,HACBC,IABC,FF,FB"
    scopes = decoded(text)
    (outer,) = scopes.ranges
    (inner,) = outer.children
    assert outer.definition is scopes.originals[0]
    assert (outer.is_stack_frame, inner.is_stack_frame) == (False, True)
    assert inner.definition is not None
    assert inner.definition.name == "beta"
    assert inner.call_site == (0, 1, 2)
    assert [binding.expression for binding in inner.bindings[0]] == ["alpha", "beta"]
    assert inner.bindings[0][1].start.line == outer.start.line + 1


def test_unavailable_bindings_have_no_expression() -> None:
    (found,) = decoded("EAA,GDA,FB").ranges
    assert [[b.expression for b in bindings] for bindings in found.bindings] == [[None], ["alpha"]]


def test_the_newer_dialect_is_told_by_its_tags() -> None:
    newer = decoded("BFAAA,CKA,,A,FCAA,JACE,GK")
    assert [scope is None for scope in newer.originals[:2]] == [False, True]
    assert newer.ranges[0].definition is newer.originals[0]
    assert newer.ranges[0].call_site == (0, 1, 2)
    without_call_site = decoded("BFAAA,CKA,FCAA,GK")
    assert without_call_site.ranges[0].definition is without_call_site.originals[0]


def test_unknown_tags_are_skipped_whole() -> None:
    assert decoded("BAAA,gBAAAA,CBA").originals[0] is not None


def test_records_are_plain_values() -> None:
    scopes = decoded("BFAAA,CBA,EKAA,FB")
    assert original_records(scopes)[0] == {
        "start": {"line": 0, "column": 0},
        "end": {"line": 1, "column": 0},
        "name": "alpha",
        "kind": None,
        "isStackFrame": True,
        "variables": [],
        "children": [],
    }
    (record,) = range_records(scopes)
    assert (record["definitionIndex"], record["stackFrameType"]) == (0, "hidden")
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize(
    "text",
    ["C", "BAAA", "BAAA,EAA,CAA,FA", "EAA", "FA", "BFAAg", "BBAAC,CAA", "BFAAz,CAA", "=", "G", "DA",
     "EAA,HBAAA,FA", "EAA,HAAAA,FA", "BAAA,CAA,EDAAC,FA", "EAA,FA,BAAA,CAA", "BAA"],
)  # fmt: skip
def test_defects_raise_when_strict_and_leave_no_scopes_when_lenient(text: str) -> None:
    data = {"version": 3, "sources": ["a"], "names": ["n"], "mappings": "AAAAA", "scopes": text}
    encoded = json.dumps(data).encode()
    with pytest.raises(SourceMapError):
        SourceMap.from_json(encoded, strict=True)
    lenient = SourceMap.from_json(encoded)
    assert lenient.scopes is None
    assert lenient.function_at(0, 0) == ("n", "token")
    assert "ranges" not in lenient.record()


def test_depth_and_items_are_limited() -> None:
    deep = ",".join(["BAAA"] * 513 + ["CAA"] * 513)
    with pytest.raises(MapTooComplex) as raised:
        decoded(deep)
    assert raised.value.limit == "scope_depth"
    with pytest.raises(MapTooComplex) as raised:
        decoded("A,A,A", MapLimits(scope_items=2))
    assert raised.value.limit == "scope_items"


def test_limits_hold_in_lenient_maps_too(tmp_path: Path) -> None:
    deep = ",".join(["BAAA"] * 513 + ["CAA"] * 513)
    data = {"version": 3, "sources": ["a"], "mappings": "AAAA", "scopes": deep}
    found = SourceMap.from_json(json.dumps(data).encode())
    for use in (lambda: found.scopes, lambda: found.function_at(0, 0), found.record):
        with pytest.raises(MapTooComplex):
            use()
    with pytest.raises(MapTooComplex):
        found.save(tmp_path / "map")
    with pytest.raises(MapTooComplex) as raised:
        SourceMap.from_json(json.dumps(data).encode(), limits=MapLimits(scope_items=9))
    assert raised.value.limit == "scope_items"


def test_the_deepest_allowed_scopes_can_be_recorded() -> None:
    scopes = decoded(",".join(["BAAA"] * 512 + ["CAA"] * 512))
    assert original_records(scopes)[0] is not None


def with_scopes(**fields: Any) -> SourceMap:
    document = {
        "version": 3,
        "sources": ["a.js"],
        "names": ["outer", "inner"],
        "mappings": "AAAA,UAAU,UAAU,UAAU",
        **fields,
    }
    return SourceMap.from_json(json.dumps(document).encode(), strict=True)


def test_functions_come_from_generated_ranges() -> None:
    found = with_scopes(scopes="BFAAA,BFAKC,CAK,CAK,ECAA,ECKC,FK,FU")
    names = [found.function_at(0, column) for column in (0, 10, 20, 30)]
    assert names == [
        ("outer", "scopes"), ("inner", "scopes"), ("outer", "scopes"), ("outer", "scopes"),
    ]  # fmt: skip


def test_ranges_without_a_definition_belong_to_the_one_around() -> None:
    found = with_scopes(scopes="BFAAA,CAU,ECAA,EAK,FK,FU")
    names = [found.function_at(0, column) for column in (0, 10, 20)]
    assert names == [("outer", "scopes")] * 3


@pytest.mark.parametrize("compiled", [False, True], ids=["parsed", "compiled"])
def test_function_maps_come_before_scopes(compiled: bool, tmp_path: Path) -> None:
    found = with_scopes(
        scopes="BFAAA,CAU,ECAA,FU",
        x_facebook_sources=[[{"names": ["mapped"], "mappings": "AAA"}]],
    )
    if compiled:
        found.save(tmp_path / "map")
        found = SourceMap.open(tmp_path / "map")
    assert found.function_at(0, 10) == ("mapped", "function_map")


def test_functions_come_from_original_scopes_where_no_range_covers() -> None:
    found = with_scopes(scopes="BFAAA,BFAKC,CAK,CAK")
    names = [found.function_at(0, column) for column in (0, 10, 20)]
    assert names == [("outer", "scopes"), ("inner", "scopes"), ("outer", "scopes")]


def test_scopes_without_a_stack_frame_fall_through() -> None:
    found = with_scopes(scopes="BAAA,CBA", sourcesContent=["function f() { return g(1, 2, 3) }"])
    assert found.function_at(0, 10) == ("f", "syntax_tree")


def test_scopes_of_sections_move_with_them() -> None:
    part = {"version": 3, "names": ["p", "q"], "mappings": "AAAA"}
    sections = [
        {"offset": {"line": line, "column": 4}, "map": {
            **part, "sources": [source], "scopes": "BFAAA,CBA,ECAA,FK"}}
        for line, source in ((0, "x.js"), (1, "y.js"))
    ]  # fmt: skip
    document = json.dumps({"version": 3, "sections": sections}).encode()
    found = SourceMap.from_json(document, strict=True)
    assert found.scopes is not None
    assert [tuple(part.start) for part in found.scopes.ranges] == [(0, 4), (1, 4)]
    assert [scope is not None for scope in found.scopes.originals] == [True, True]
    assert found.function_at(1, 6) == ("p", "scopes")
