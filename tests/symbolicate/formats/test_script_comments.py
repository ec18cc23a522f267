"""Comments of generated scripts: the map's address, the ids, and maps inside an address."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import SourceMapError
from symbolicate.formats.script_comments import (
    data_url_content,
    script_ids,
    source_mapping_url,
)

MAP = b'{"version":3,"file":"\xc3\xa9+/?"}'
ENCODED = base64.b64encode(MAP).decode()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("a()\n//# sourceMappingURL=a.js.map", "a.js.map", id="last line"),
        pytest.param("a()\r\n//# sourceMappingURL=a.map\r\n\r\n", "a.map", id="CRLF and blanks"),
        pytest.param("//@ sourceMappingURL=old.map", "old.map", id="old spelling"),
        pytest.param("a{}\n/*# sourceMappingURL=a.css.map */", "a.css.map", id="CSS"),
        pytest.param("a();//# sourceMappingURL=a.map", "a.map", id="behind code"),
        pytest.param(
            "//# sourceMappingURL=a.map\n//# debugId=1\n/* end */", "a.map", id="comments follow"
        ),
        pytest.param(
            "//# sourceMappingURL=a.map\n//# sourceMappingURL=b.map", "b.map", id="the last wins"
        ),
        pytest.param("//# sourceMappingURL=a.map\nb()", None, id="code follows"),
        pytest.param('s="//# sourceMappingURL=a.map";', None, id="in a string"),
        pytest.param("s=`//# sourceMappingURL=a.map`", None, id="in a template"),
        pytest.param("//# sourceMappingURL=", None, id="empty"),
        pytest.param("//# sourceMappingURL=a b", None, id="blank inside"),
        pytest.param("// see sourceMappingURL=a.map", None, id="talk of it"),
        pytest.param("", None, id="no text"),
        pytest.param("\n\n", None, id="blank lines"),
        pytest.param(
            "//# sourceMappingURL=data:application/json,{'a'}",
            "data:application/json,{'a'}",
            id="apostrophes in a data URL",
        ),
    ],
)
def test_the_map_is_named_by_the_last_comment(text: str, address: str | None) -> None:
    assert source_mapping_url(text) == address


def test_the_last_id_of_each_name_counts_and_stands_on_a_line_of_its_own() -> None:
    text = "//# chunkId=1\nx()//# debugId=9\n//# chunkId=2 \r\n//# debugId=3\n"
    assert script_ids(text) == {"chunkId": "2", "debugId": "3"}


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"data:application/json;base64,{ENCODED}", id="base64"),
        pytest.param(f"data:application/json;charset=utf-8;base64,{ENCODED}", id="a parameter"),
        pytest.param(f"data:application/JSON; base64 ,{ENCODED}", id="case and blanks"),
        pytest.param(f"data:application/json;base64,{ENCODED.rstrip('=')}", id="no padding"),
        pytest.param(f"data:application/json;base64,{ENCODED}*/ rest", id="more text behind"),
        pytest.param("data:application/json,%7B%22version%22:3,%22file%22:%22é+/?%22}", id="%"),
    ],
)
def test_a_data_url_holds_its_map(url: str) -> None:
    assert data_url_content(url) == MAP


@pytest.mark.parametrize(
    "url", ["data:", "data:application/json", "data:text/plain,{}", "data:application/jsonx,{}"]
)
def test_another_data_url_is_refused(url: str) -> None:
    with pytest.raises(SourceMapError, match="data URL"):
        data_url_content(url)


@given(st.text())
def test_any_base64_is_read_up_to_its_end(text: str) -> None:
    assert isinstance(data_url_content(f"data:application/json;base64,{text}"), bytes)


@given(st.lists(st.sampled_from(["//# sourceMappingURL=", "a", "\n", "*/", "/*#", " ", '"'])))
def test_an_address_holds_no_blank_and_stands_in_the_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    address = source_mapping_url(text)
    assert address is None or (address in text and not any(map(str.isspace, address)))
