from __future__ import annotations

from typing import Any

import pytest

from symbolicate.formats.function_map import decode_function_map
from symbolicate.formats.function_table import FunctionTable
from symbolicate.formats.map_limits import DEFAULT_LIMITS


def decoded(node: Any) -> FunctionTable | None:
    return decode_function_map(node, DEFAULT_LIMITS)


def test_lines_are_one_based_and_columns_start_again_in_each_group() -> None:
    names = ["<global>", "Cart#total", "items.reduce$argument_0"]
    table = decoded([{"names": names, "mappings": "AAA,gBCC;KCA;CDA"}])
    assert table is not None
    assert table.entries() == [
        (0, 0, "<global>"),
        (1, 1, "Cart#total"),
        (1, 5, "items.reduce$argument_0"),
        (1, 16, "Cart#total"),
    ]
    assert table.name_at(0, 99) == "<global>"
    assert table.name_at(1, 0) == "<global>"
    assert table.name_at(1, 7) == "items.reduce$argument_0"


@pytest.mark.parametrize(
    "node",
    [None, [], [None], 7, "x", {}, [{}], [{"names": ["a"]}], [{"names": [1], "mappings": "AAA"}],
     [{"names": ["a"], "mappings": 3}], [{"names": ["a"], "mappings": "ACA"}],
     [{"names": ["a"], "mappings": "ADA"}], [{"names": ["a"], "mappings": "AAD"}],
     [{"names": ["a"], "mappings": "DAA"}], [{"names": ["a"], "mappings": "A!A"}],
     [{"names": ["a"], "mappings": "g"}]],
    ids=repr,
)  # fmt: skip
def test_what_is_no_function_map_gives_no_table(node: Any) -> None:
    assert decoded(node) is None


def test_an_empty_table_names_nothing() -> None:
    table = decoded([{"names": [], "mappings": ""}])
    assert table is not None
    assert table.name_at(0, 0) is None


def test_of_entries_at_one_position_the_last_counts() -> None:
    table = FunctionTable.of([(0, 0, "a"), (1, 2, "b"), (1, 2, "c"), (1, 5, "c"), (2, 0, "a")])
    assert table.entries() == [(0, 0, "a"), (1, 2, "c"), (2, 0, "a")]
    assert table.byte_size > 0
