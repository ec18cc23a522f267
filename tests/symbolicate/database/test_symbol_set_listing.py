"""Listing sets: filters, orders and pages are the database's work, and a team sees its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from symbolicate.database import pending_uploads, releases, symbol_set_listing
from symbolicate.database.engine import Database
from symbolicate.database.symbol_set_listing import ORDERS, STATUSES, SetFilter
from symbolicate.database.tables import symbol_set as table
from symbolicate.identity import uuid7
from symbolicate.release import Release

if TYPE_CHECKING:
    from symbolicate.database.pending_uploads import UploadRow
    from tests.symbolicate.database.conftest import SetMaker

Moment = Callable[[float], datetime]
HASH = b"h" * 32
EVERYTHING = SetFilter()


def listed(
    database: Database,
    wanted: SetFilter = EVERYTHING,
    order: str = "ref",
    *,
    team: int = 1,
    limit: int = 100,
    offset: int = 0,
) -> list[str]:
    """Gives the refs of a page, once its count was seen to agree."""
    with database.read() as connection:
        found = symbol_set_listing.page(connection, team, wanted, order, limit=limit, offset=offset)
        if limit == 100 and not offset:
            assert symbol_set_listing.count(connection, team, wanted) == len(found)
    return [one.ref for one in found]


def change(database: Database, row: UploadRow, **values: Any) -> None:
    with database.write() as connection:
        connection.execute(update(table).where(table.c.id == row.id).values(**values))


def bind(database: Database, row: UploadRow, moment: Moment, **given: Any) -> Release:
    """Binds a set to a new release."""
    names = {"version": "1.0", "project": "shop", "metadata": None} | given
    identity = uuid7()
    made = Release(id=identity, hash_id=str(identity), team_id=1, created_at=moment(0), **names)
    with database.write() as connection:
        releases.add(connection, made)
        pending_uploads.bind_release(connection, row.id, made.id)
    return made


def test_a_listed_set_tells_all_but_its_bytes(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    row = symbol_set("chunk", data_hash=HASH)
    bound = bind(database, row, moment)
    sentence = "Invalid source map: x"
    change(database, row, last_used=moment(5), failure_code="malformed", failure_sentence=sentence)
    with database.read() as connection:
        (found,) = symbol_set_listing.page(connection, 1, EVERYTHING, "ref", limit=1, offset=0)
        assert symbol_set_listing.find(connection, 1, row.id) == found
        assert symbol_set_listing.find(connection, 2, row.id) is None
        assert symbol_set_listing.find(connection, 1, uuid7()) is None
    assert found == (row.id, "chunk", 1, moment(0), moment(5), sentence, row.storage_key, bound)


def test_a_team_lists_its_own_sets(database: Database, symbol_set: SetMaker) -> None:
    symbol_set("own")
    symbol_set("foreign", team=2)
    assert listed(database) == ["own"]
    assert listed(database, team=2) == ["foreign"]
    assert listed(database, SetFilter(ref="foreign")) == []
    assert listed(database, SetFilter(search="foreign")) == []
    assert listed(database, team=3) == []


def test_the_status_tells_data_that_can_be_read_from_all_else(
    database: Database, symbol_set: SetMaker
) -> None:
    symbol_set("usable", data_hash=HASH)
    symbol_set("replaced soon", data_hash=HASH, upload_key="1/uploads/a")
    symbol_set("pending", upload_key="1/uploads/b")
    failed = {"failure_code": "malformed", "failure_sentence": "x"}
    change(database, symbol_set("unreadable", data_hash=HASH), **failed)
    change(database, symbol_set("missing"), **failed)
    valid, invalid = ["replaced soon", "usable"], ["missing", "pending", "unreadable"]
    assert listed(database, SetFilter(status="valid")) == valid
    assert listed(database, SetFilter(status="invalid")) == invalid
    assert listed(database, SetFilter(status="all")) == sorted(valid + invalid)
    assert STATUSES.keys() == {"all", "valid", "invalid"}


SEARCHES: dict[str, tuple[str, list[str]]] = {
    "part of a ref": ("HUNK-A", ["chunk-a"]),
    "a whole ref": ("chunk-a", ["chunk-a"]),
    "a version": ("2.0.0-rc", ["chunk-a"]),
    "a project, in any case": ("sHoP", ["chunk-a", "other"]),
    "a commit": ("c0ffee", ["other"]),
    "letters beyond ASCII, in any case": ("école", ["ÉCOLE"]),
    "a letter with two small forms": ("σασ", ["ΣΑΣ"]),
    "percent is itself": ("%", ["50%_off"]),
    "underscore is itself": ("_", ["50%_off", "a_b"]),
    "backslash is itself": ("\\", ["back\\slash"]),
    "slash is itself": ("/", ["https://x.test/a.js"]),
    "a quote is itself": ("'", []),
    "more than any name holds": ("x" * 100_000, []),
}


@pytest.mark.parametrize(("text", "refs"), SEARCHES.values(), ids=SEARCHES.keys())
def test_a_search_finds_its_text_anywhere_in_the_names(
    database: Database, symbol_set: SetMaker, moment: Moment, text: str, refs: list[str]
) -> None:
    for ref in ("50%_off", "a_b", "axb", "back\\slash", "https://x.test/a.js", "ÉCOLE", "ΣΑΣ"):
        symbol_set(ref)
    bind(database, symbol_set("chunk-a"), moment, version="2.0.0-RC")
    metadata = {"git": {"commit_id": "C0FFEE"}, "other": "unseen"}
    bind(database, symbol_set("other"), moment, project="Shop", metadata=metadata)
    assert listed(database, SetFilter(search=text)) == sorted(refs)


def test_metadata_other_than_the_commit_is_not_searched(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    bind(database, symbol_set("chunk"), moment, metadata={"git": {"branch": "main"}})
    assert listed(database, SetFilter(search="main")) == []


def test_filters_are_combined(database: Database, symbol_set: SetMaker) -> None:
    symbol_set("chunk-a", data_hash=HASH)
    symbol_set("chunk-b")
    assert listed(database, SetFilter(search="chunk", status="valid")) == ["chunk-a"]
    assert listed(database, SetFilter(ref="chunk-b", search="chunk")) == ["chunk-b"]
    assert listed(database, SetFilter(ref="chunk-b", status="valid")) == []
    assert listed(database, SetFilter(ref="chunk")) == []


def test_sets_come_in_the_order_that_is_asked_for(
    database: Database, symbol_set: SetMaker, moment: Moment
) -> None:
    """A set that was never used is older than any other."""
    for ref, created, used in (("b", 1, None), ("c", 2, 9), ("a", 3, 8), ("d", 3, None)):
        moments = {"created_at": moment(created), "last_used": used and moment(used)}
        change(database, symbol_set(ref), **moments)
    expected = {"ref": "abcd", "created_at": "bcad", "last_used": "bdac"}
    for order, refs in expected.items():
        assert "".join(listed(database, order=order)) == refs, order
        assert "".join(listed(database, order=f"-{order}")) == refs[::-1], order
    assert set(ORDERS) == {sign + name for name in expected for sign in ("", "-")}


def test_pages_cut_one_order_and_lose_nothing(database: Database, symbol_set: SetMaker) -> None:
    refs = [f"{number:02}" for number in range(7)]
    for ref in refs:
        symbol_set(ref)
    pages = [listed(database, order="-created_at", limit=3, offset=at) for at in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert sorted(ref for page in pages for ref in page) == refs
