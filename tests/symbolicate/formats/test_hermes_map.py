"""Hermes symbol sets: which containers and maps are taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from symbolicate.errors import ContainerError, SourceMapError
from symbolicate.formats.container import ContainerType, write_container
from symbolicate.formats.hermes_map import read_hermes_data

NAMED = [[{"names": ["pay"], "mappings": "AAA"}]]
OFFSETS = {"0": [0, 12]}


def composed(**fields: Any) -> bytes:
    plain = {"version": 3, "sources": ["a.ts"], "names": ["n"], "mappings": "UAACA"}
    return json.dumps(plain | fields).encode()


def hermes_set(source_map: bytes) -> bytes:
    return write_container(ContainerType.HERMES_MAP, payload=source_map)


def test_function_maps_give_names() -> None:
    opened = read_hermes_data(hermes_set(composed(x_facebook_sources=NAMED)))
    assert opened.function_at(0, 11) == ("pay", "function_map")
    assert opened.lookup(0, 11) == ("a.ts", 0, 1, "n")


def test_function_offsets_alone_give_places() -> None:
    opened = read_hermes_data(hermes_set(composed(x_hermes_function_offsets=OFFSETS)))
    assert opened.is_hermes
    assert opened.lookup(0, 11) == ("a.ts", 0, 1, "n")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="an ordinary map"),
        pytest.param({"x_facebook_sources": None}, id="null function maps"),
        pytest.param({"x_facebook_sources": {}}, id="function maps of another type"),
        pytest.param({"x_hermes_function_offsets": None}, id="null offsets"),
        pytest.param({"x_hermes_function_offsets": [1]}, id="offsets of another type"),
    ],
)
def test_a_map_that_is_not_of_hermes_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SourceMapError, match="neither x_facebook_sources nor") as caught:
        read_hermes_data(hermes_set(composed(**fields)))
    assert caught.value.code == "malformed"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x_facebook_sources":[]}'])
def test_an_unreadable_map_is_the_maps_fault(text: str) -> None:
    with pytest.raises(SourceMapError):
        read_hermes_data(hermes_set(text.encode()))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            write_container(ContainerType.SOURCE_AND_MAP, source=b"a", map=composed()),
            id="source and map",
        ),
        pytest.param(composed(x_hermes_function_offsets=OFFSETS), id="a bare map"),
    ],
)
def test_another_container_is_the_containers_fault(data: bytes) -> None:
    with pytest.raises(ContainerError):
        read_hermes_data(data)


def test_the_refusal_names_both_types() -> None:
    data = write_container(ContainerType.PROGUARD_MAPPING, payload=b"a -> b:")
    with pytest.raises(ContainerError, match="type 4 cannot explain Hermes, only type 3"):
        read_hermes_data(data)
