from __future__ import annotations

import json
from typing import Any

import pytest

from symbolicate.errors import MapTooComplex, SourceMapError
from symbolicate.formats.map_limits import MapLimits
from symbolicate.formats.source_map import SourceMap
from symbolicate.formats.source_map_json import element_count, json_depth

PLAIN = b'{"version":3,"sources":["a.js"],"names":["n"],"mappings":"AAAAA"}'


def sources(data: bytes) -> list[str | None]:
    return SourceMap.from_json(data, strict=True).sources


@pytest.mark.parametrize(
    "prefix",
    [b"", b"\xef\xbb\xbf", b")]}'\n", b")]}'", b")]}',\n", b")]}' anything\n", b" \n",
     b"\xef\xbb\xbf)]}'\r\n"],
)  # fmt: skip
def test_prefixes_are_removed(prefix: bytes) -> None:
    assert sources(prefix + PLAIN) == ["a.js"]


def test_a_guard_line_before_indented_json() -> None:
    assert sources(b")]}'\n" + json.dumps(json.loads(PLAIN), indent=1).encode()) == ["a.js"]


def test_lone_surrogates_are_accepted() -> None:
    data = PLAIN.replace(b"a.js", rb"a\ud800.js").replace(b'"n"', rb'"\udc00"')
    found = SourceMap.from_json(data, strict=True)
    assert found.sources == ["a\ud800.js"]
    assert found.lookup(0, 0) == ("a\ud800.js", 0, 0, "\udc00")


def test_lone_surrogates_in_contents_are_accepted() -> None:
    found = SourceMap.from_json(PLAIN[:-1] + rb',"sourcesContent":["x\ud83d"]}')
    assert found.source_content(0) == "x\ud83d"
    assert found.lookup(0, 0) == ("a.js", 0, 0, "n")


def test_invalid_utf8_is_replaced() -> None:
    data = PLAIN.replace(b"a.js", b"a\xff.js")[:-1] + b',"sourcesContent":["\xfe"]}'
    found = SourceMap.from_json(data)
    assert found.sources == ["a\ufffd.js"]
    assert found.source_content(0) == "\ufffd"


def test_escapes_in_mappings_are_read() -> None:
    data = rb'{"version":3,"sources":["a"],"mappings":"\u0041AAA,\/\/\/\/\/DAAA"}'
    assert len(SourceMap.from_json(data.replace(rb"\/\/\/\/\/D", b"C"), strict=True).sources) == 1
    with pytest.raises(SourceMapError, match="generated column"):
        SourceMap.from_json(data, strict=True)


def test_unknown_and_repeated_fields() -> None:
    assert sources(PLAIN[:-1] + b',"x":{"y":[1]},"sources":["b"]}') == ["b"]


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"[]", b"3", b"null", b'"text"', b"{", PLAIN + b"x", PLAIN[:-1], b'{"a":NaN}x',
     b"{}", b'{"unrelated":1}', b'{"version":2,"sources":[],"mappings":""}', b"\xff\xfe{\x00}\x00"],
)  # fmt: skip
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_source_map_raises(data: bytes, strict: bool) -> None:
    with pytest.raises(SourceMapError) as raised:
        SourceMap.from_json(data, strict=strict)
    assert raised.value.code == "malformed"


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "3"},
        {"version": None},
        {"names": "no list"},
        {"names": [None]},
        {"names": [1]},
        {"sources": "no list"},
        {"sources": [1]},
        {"file": 7},
        {"sourceRoot": 7},
        {"mappings": 7},
        {"ignoreList": 7},
        {"ignoreList": [0.5]},
        {"ignoreList": [3]},
        {"rangeMappings": 7},
        {"x_facebook_sources": 7},
    ],
    ids=str,
)
def test_wrong_types_raise_when_strict_and_are_noted_when_lenient(fields: dict[str, Any]) -> None:
    data = json.dumps({**json.loads(PLAIN), "mappings": "A", **fields}).encode()
    with pytest.raises(SourceMapError):
        SourceMap.from_json(data, strict=True)
    assert len(SourceMap.from_json(data).defects) == 1


@pytest.mark.parametrize("missing", ["version", "sources", "mappings"])
def test_missing_fields_raise_when_strict_and_are_noted_when_lenient(missing: str) -> None:
    fields = {**json.loads(PLAIN), "mappings": "A"}
    del fields[missing]
    data = json.dumps(fields).encode()
    with pytest.raises(SourceMapError):
        SourceMap.from_json(data, strict=True)
    assert len(SourceMap.from_json(data).defects) == 1


def test_readable_elements_of_a_wrong_list_stay() -> None:
    data = json.dumps({**json.loads(PLAIN), "sources": [1, "b"], "mappings": "ACAA"}).encode()
    found = SourceMap.from_json(data)
    assert found.sources == [None, "b"]
    assert found.lookup(0, 0) == ("b", 0, 0, None)


@pytest.mark.parametrize("content", ['"no list"', "[7]", '{"a":1}'])
def test_contents_of_the_wrong_type_are_absent(content: str) -> None:
    data = PLAIN[:-1] + f',"sourcesContent":{content}}}'.encode()
    with pytest.raises(SourceMapError):
        SourceMap.from_json(data, strict=True)
    assert SourceMap.from_json(data).source_content(0) is None


def test_mostly_unreadable_mappings_are_malformed_even_when_lenient() -> None:
    half = PLAIN.replace(b"AAAAA", b"A,C,!,!")
    assert SourceMap.from_json(half).dropped_segments == 2
    with pytest.raises(SourceMapError, match="3 of 5"):
        SourceMap.from_json(half.replace(b"!,!", b"!,!,!"))


def test_json_depth_counts_brackets_outside_strings() -> None:
    assert json_depth(rb'{"a\"[[[":[[{"x":"]]"}]],"b":[]}') == 4


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"[1]", 1),
        (b'["a,b","c"]', 2),
        (rb'["\",",{"x":[1,2,3],"y":4},[5,6]]', 3),
        (b"[0,0,0,0]", 4),
    ],
)
def test_elements_are_counted_outside_strings_and_inner_lists(text: bytes, count: int) -> None:
    assert element_count(text) == count
    assert len(json.loads(text)) == count


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("sources", "sources"),
        ("names", "names"),
        ("sourcesContent", "sources"),
        ("ignoreList", "sources"),
        ("x_facebook_sources", "sources"),
        ("sections", "sections"),
    ],
)
def test_lists_are_counted_before_they_are_made(field: str, limit: str) -> None:
    data = b'{"version":3,"sources":["a"],"mappings":"","' + field.encode() + b'":[0'
    data += b",0" * 5_000_000 + b"]}"
    with pytest.raises(MapTooComplex) as raised:
        SourceMap.from_json(data).source_content(0)
    assert (raised.value.limit, raised.value.seen) == (limit, 5_000_001)


def test_commas_in_strings_are_no_elements() -> None:
    data = json.dumps({**json.loads(PLAIN), "sourcesContent": ["," * 5_000_000]}).encode()
    assert SourceMap.from_json(data, strict=True).source_content(0) == "," * 5_000_000


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("data", "limits", "limit"),
    [
        pytest.param(PLAIN[:-1] + b',"x":' + deep(64) + b"}", MapLimits(), "json_depth",
                     id="unknown field"),
        pytest.param(PLAIN[:-1] + b',"x":' + deep(100_000) + b"}", MapLimits(), "json_depth",
                     id="beyond the parsers' own limits"),
        pytest.param(b'{"version":3,"mappings":"","sources":' + deep(65) + b"}", MapLimits(),
                     "json_depth", id="known field"),
        pytest.param(b'{"s":"\\ud800","x":' + deep(100_000) + b"}", MapLimits(), "json_depth",
                     id="with a lone surrogate"),
        pytest.param(PLAIN, MapLimits(map_bytes=20), "map_bytes", id="bytes"),
        pytest.param(PLAIN, MapLimits(sources=0), "sources", id="sources"),
        pytest.param(PLAIN, MapLimits(names=0), "names", id="names"),
        pytest.param(PLAIN.replace(b"a.js", b"a" * 65_537), MapLimits(), "url_bytes", id="url"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strict", [True, False])
def test_limits(data: bytes, limits: MapLimits, limit: str, strict: bool) -> None:
    with pytest.raises(MapTooComplex) as raised:
        SourceMap.from_json(data, limits=limits, strict=strict)
    assert raised.value.limit == limit
    assert raised.value.seen is not None
    assert raised.value.seen > (raised.value.allowed or 0)


def test_one_content_is_limited_when_it_is_read() -> None:
    data = PLAIN[:-1] + b',"sourcesContent":["0123456789"]}'
    found = SourceMap.from_json(data, limits=MapLimits(content_bytes=5))
    with pytest.raises(MapTooComplex):
        found.source_content(0)
