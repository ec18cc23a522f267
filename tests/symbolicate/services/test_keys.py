"""Keys: shown once, stored as a hash, each for one team, and dead soon after they are revoked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text, update

from symbolicate.clock import system_clock
from symbolicate.database.engine import Database
from symbolicate.database.keys import KeyRow
from symbolicate.database.tables import api_key
from symbolicate.errors import Refused
from symbolicate.identity import uuid7
from symbolicate.services.keys import KNOWN_SECONDS, Keys, allows

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import MovableClock


class Ticks:
    """A monotonic clock that tests move."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def keys(database: Database, clock: MovableClock, ticks: Ticks) -> Keys:
    return Keys(database, clock, monotonic=ticks)


def revoke(database: Database, clock: MovableClock) -> None:
    with database.write() as connection:
        connection.execute(update(api_key).values(revoked_at=clock()))


def test_a_key_opens_its_team_with_its_scopes(keys: Keys, clock: MovableClock) -> None:
    made = keys.create(7, ["error_tracking:read", " feature_flag:write ", ""], label="ci")
    keys.create(8)
    row = keys.authenticate(made)
    assert row is not None
    assert (row.team_id, row.scopes) == (
        7,
        frozenset({"error_tracking:read", "feature_flag:write"}),
    )
    assert (row.label, row.created_at, row.last_used) == ("ci", clock(), None)


def test_a_key_has_read_and_write_unless_said_otherwise(keys: Keys) -> None:
    row = keys.authenticate(keys.create(1))
    assert row is not None
    assert row.scopes == {"error_tracking:read", "error_tracking:write"}


def test_keys_are_random_and_carry_the_prefix(keys: Keys) -> None:
    made = {keys.create(1) for _ in range(3)}
    assert len(made) == 3
    assert all(key.startswith("phx_") and len(key) >= 40 for key in made)


def test_the_text_of_a_key_is_nowhere_in_the_database(sqlite_url: str, clock: MovableClock) -> None:
    opened = Database(sqlite_url)
    keys = Keys(opened, clock)
    made = keys.create(1, label="a label that is there")
    keys.authenticate(made)
    with opened.write() as connection:
        connection.execute(text("SELECT 1"))
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    stored = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    opened.close()
    assert b"a label that is there" in stored
    assert made.encode() not in stored
    assert made.removeprefix("phx_").encode() not in stored


@pytest.mark.parametrize(
    "presented",
    ["", "phx_", "phx_wrong", "phc_x", "phx_\0", "phx_\ud800", "phx_" + "x" * 100_000],
    ids=lambda presented: ascii(presented)[:20],
)
def test_what_is_no_key_opens_nothing(keys: Keys, presented: str) -> None:
    keys.create(1)
    assert keys.authenticate(presented) is None
    assert keys.known(presented) is None


def test_a_changed_key_opens_nothing(keys: Keys) -> None:
    made = keys.create(1)
    for other in (made[:-1], made + "x", made.upper(), made.removeprefix("phx_")):
        assert keys.authenticate(other) is None


def test_a_revoked_key_dies_within_a_second(
    keys: Keys, database: Database, clock: MovableClock, ticks: Ticks
) -> None:
    made = keys.create(1)
    assert keys.authenticate(made) is not None
    revoke(database, clock)
    ticks.now += KNOWN_SECONDS
    assert KNOWN_SECONDS <= 1
    assert keys.known(made) is None
    assert keys.authenticate(made) is None


def test_a_key_read_a_moment_ago_costs_no_query(
    keys: Keys, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = keys.create(1)
    assert keys.known(made) is None
    row = keys.authenticate(made)
    monkeypatch.setattr(Database, "read", None)
    ticks.now += KNOWN_SECONDS - 0.001
    assert keys.authenticate(made) == row
    assert keys.known(made) == row


def test_use_is_noted_at_most_every_ten_minutes(
    keys: Keys, database: Database, clock: MovableClock, ticks: Ticks
) -> None:
    made, first = keys.create(1), clock()

    def used_after(seconds: float) -> object:
        clock.forward(seconds)
        ticks.now += KNOWN_SECONDS
        keys.authenticate(made)
        with database.read() as connection:
            return connection.execute(select(api_key.c.last_used)).scalar_one()

    assert used_after(0) == first
    assert used_after(600) == first
    assert used_after(1) == first + timedelta(seconds=601)


REFUSED = {
    "no scope": {"scopes": []},
    "blank scopes": {"scopes": ["", " "]},
    "a scope of two words": {"scopes": ["a b"]},
    "a scope with a line feed before a star": {"scopes": ["a\n*"]},
    "a scope with NUL": {"scopes": ["a\0"]},
    "a label with NUL": {"label": "a\0"},
    "a label with a lone surrogate": {"label": "\udfff"},
}


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_stored_makes_no_key(keys: Keys, given: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        keys.create(1, **given)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.attr) == ("invalid_input", next(iter(given)))


READ, WRITE = "error_tracking:read", "error_tracking:write"
ALLOWED = {
    "read reads": ({READ}, READ, True),
    "read writes not": ({READ}, WRITE, False),
    "write writes": ({WRITE}, WRITE, True),
    "write reads": ({WRITE}, READ, True),
    "a star is all": ({"*"}, WRITE, True),
    "another product's write is nothing": ({"feature_flag:write"}, READ, False),
    "a longer name is another": ({"my_error_tracking:write"}, READ, False),
    "a scope is no pattern": ({"error_tracking:*"}, READ, False),
    "one of several is enough": ({"x:read", WRITE}, READ, True),
    "none opens nothing": (set(), READ, False),
}


@pytest.mark.parametrize(("scopes", "asked", "allowed"), ALLOWED.values(), ids=ALLOWED.keys())
def test_scopes(scopes: set[str], asked: str, allowed: bool) -> None:
    row = KeyRow(uuid7(), 1, frozenset(scopes), "", system_clock(), None)
    assert allows(row, asked) is allowed
