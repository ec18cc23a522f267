"""JavaScript symbol sets: read from their container, or refused with a code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from symbolicate.errors import ContainerError, FormatError, SourceMapError
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.formats.js_data import read_js_data

MAP = json.dumps(
    {"version": 3, "sources": ["a.ts"], "names": [], "mappings": "AAAA", "sourcesContent": ["x"]}
).encode()


@pytest.mark.parametrize("compress", [True, False])
def test_source_and_map_are_read(compress: bool) -> None:
    data = write_container(
        ContainerType.SOURCE_AND_MAP, source="é()".encode(), map=MAP, compress=compress
    )
    js_data = read_js_data(data)
    assert js_data.source == "é()"
    token = js_data.map.lookup(0, 0)
    assert token is not None
    assert token.source == "a.ts"


def test_an_empty_source_is_none() -> None:
    data = write_container(ContainerType.SOURCE_AND_MAP, source=b"", map=MAP)
    assert read_js_data(data).source is None


@pytest.mark.parametrize("kind", [ContainerType.HERMES_MAP, ContainerType.PROGUARD_MAPPING])
def test_a_container_of_another_type_is_not_usable(kind: ContainerType) -> None:
    with pytest.raises(ContainerError, match=f"type {int(kind)}") as caught:
        read_js_data(write_container(kind, payload=MAP))
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    ("data", "error", "code"),
    [
        pytest.param(b"", ContainerError, "malformed", id="nothing"),
        pytest.param(MAP, ContainerError, "malformed", id="a bare map"),
        pytest.param(
            write_container(ContainerType.SOURCE_AND_MAP, source=b"x", map=b"{"),
            SourceMapError,
            "malformed",
            id="a map that is no JSON",
        ),
        pytest.param(
            write_container(
                ContainerType.SOURCE_AND_MAP, map=b'{"x":' + b"[" * 99 + b"]" * 99 + b"}"
            ),
            SourceMapError,
            "limit_exceeded",
            id="a map nested too deep",
        ),
    ],
)
def test_what_cannot_be_read_is_a_typed_error(
    data: bytes, error: type[FormatError], code: str
) -> None:
    with pytest.raises(error) as caught:
        read_js_data(data)
    assert caught.value.code == code


@pytest.mark.parametrize("cut", [1, 20, 40, -1])
def test_a_container_cut_short_is_a_container_error(cut: int) -> None:
    data: Any = write_container(ContainerType.SOURCE_AND_MAP, source=b"x", map=MAP, compress=False)[
        :cut
    ]
    with pytest.raises(ContainerError):
        read_js_data(data)
