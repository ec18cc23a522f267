from __future__ import annotations

import msgspec
import pytest

from symbolicate.errors import MapTooComplex
from symbolicate.formats.map_limits import DEFAULT_LIMITS, MapLimits
from symbolicate.formats.source_contents import SourceContents
from symbolicate.formats.source_map_json import WrongType


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


@pytest.mark.parametrize("plain", [False, True], ids=["raw", "standard library"])
def test_texts_are_unescaped_one_by_one(plain: bool) -> None:
    node = ["a\n", None, "é"] if plain else raw('["a\\n", null, "\\u00e9"]')
    contents = SourceContents(node)
    assert [contents.text(n) for n in (-1, 0, 1, 2, 3)] == [None, "a\n", None, "é", None]
    contents.require_texts()


def test_no_contents() -> None:
    contents = SourceContents()
    assert contents.text(0) is None
    assert (contents.byte_size, list(contents.entries)) == (0, [])


def test_contents_that_are_split_already() -> None:
    contents = SourceContents.of([raw('"x"'), None, "y"], DEFAULT_LIMITS)
    assert [contents.text(n) for n in range(3)] == ["x", None, "y"]
    assert contents.byte_size == 4


@pytest.mark.parametrize("node", ['"no list"', "{}", "3", "null"])
def test_what_is_no_list_holds_no_texts(node: str) -> None:
    contents = SourceContents(raw(node))
    assert contents.text(0) is None
    with pytest.raises(WrongType):
        contents.require_texts()


def test_entries_of_the_wrong_type_are_no_texts() -> None:
    contents = SourceContents(raw('["x", 3, [], "y"]'))
    assert [contents.text(n) for n in range(4)] == ["x", None, None, "y"]
    with pytest.raises(WrongType):
        contents.require_texts()
    assert SourceContents([3, "x"]).text(0) is None


def test_one_text_is_limited() -> None:
    contents = SourceContents(raw('["12345", "123456"]'), MapLimits(content_bytes=7))
    assert contents.text(0) == "12345"
    with pytest.raises(MapTooComplex) as raised:
        contents.text(1)
    assert (raised.value.limit, raised.value.allowed) == ("content_bytes", 7)
