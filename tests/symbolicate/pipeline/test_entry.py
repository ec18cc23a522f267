"""What accounting is told of an event, whatever its client sends."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.pipeline.entry import MAX_TITLE, Entry, entry_of, event_id
from symbolicate.text import storable

Json = dict[str, Any]

UUID = "0192f0c1-7b1e-7cc4-8d34-1f6f0a4f3c11"
EXCEPTIONS = [{"type": "TypeError", "value": "boom"}, {"type": "Cause", "value": "deep"}]

texts = st.text(st.characters(categories=["Cs", "Ll", "Cc", "Nd"]), max_size=40)
anything = st.none() | st.booleans() | st.integers() | texts | st.lists(texts, max_size=2)


def entry(**properties: Any) -> Entry:
    return entry_of(UUID, "fingerprint", {f"${k}": v for k, v in properties.items()}, EXCEPTIONS)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (UUID, UUID, True),
        (UUID, UUID.upper(), True),
        (UUID, UUID[:-1] + "2", False),
        ("Not a UUID", "Not a UUID", True),
        ("Not a UUID", "not a uuid", False),
        ("\ud800", "\ud801", False),
        ("a\0", "a", False),
    ],
    ids=["itself", "letter case", "another", "a text", "case of a text", "surrogates", "NUL"],
)
def test_an_event_is_known_by_its_uuid(one: str, other: str, same: bool) -> None:
    first, second = event_id(one), event_id(other)
    assert first is not None
    assert len(first) == 32
    assert (first == second) is same


@pytest.mark.parametrize("unusable", [None, "", 7, True, [UUID], {"uuid": UUID}])
def test_an_event_without_a_usable_uuid_has_no_id(unusable: Any) -> None:
    assert event_id(unusable) is None


@pytest.mark.parametrize(
    ("properties", "title"),
    [
        ({}, ("TypeError", "boom")),
        ({"issue_name": "Ours"}, ("Ours", "boom")),
        ({"issue_description": "Told"}, ("TypeError", "Told")),
        ({"issue_name": "", "issue_description": ""}, ("TypeError", "boom")),
        ({"issue_name": 5, "issue_description": ["x"]}, ("TypeError", "boom")),
        ({"issue_name": "a\0b\ud800"}, ("a\ufffdb\ufffd", "boom")),
    ],
    ids=["the exception's", "a name", "a description", "empty", "no texts", "not storable"],
)
def test_an_issue_is_called_as_the_client_says_or_as_the_outermost_exception(
    properties: Json, title: tuple[str, str]
) -> None:
    assert entry(**properties).title == title


def test_what_is_empty_everywhere_is_absent() -> None:
    made = entry_of(UUID, "fingerprint", {}, [{"type": "", "value": ""}])
    assert made.title == (None, None)


def test_titles_are_cut() -> None:
    long = "x" * (MAX_TITLE + 1)
    assert entry(issue_name=long).title.name == long[:MAX_TITLE]
    assert entry_of(UUID, "f", {}, [{"type": "E", "value": long}]).title[1] == long[:MAX_TITLE]


@given(event_uuid=anything, name=anything, description=anything)
def test_every_text_of_an_entry_can_be_stored(event_uuid: Any, name: Any, description: Any) -> None:
    properties = {"$issue_name": name, "$issue_description": description}
    made = entry_of(event_uuid, "fingerprint", properties, EXCEPTIONS)
    assert made.event_id is None or len(made.event_id) == 32
    assert all(text is None or storable(text) for text in made.title)


@given(st.uuids())
def test_a_uuid_is_the_same_event_in_any_letter_case(value: uuid.UUID) -> None:
    assert event_id(str(value).upper()) == event_id(str(value))
