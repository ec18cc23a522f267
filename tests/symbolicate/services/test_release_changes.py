"""Releases listed, changed and deleted; a change is seen by whoever asks next."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from symbolicate.database.tables import release
from symbolicate.errors import NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from symbolicate.release import Release
    from symbolicate.services.releases import Releases
    from tests.symbolicate.services.conftest import Bench

    Web = Callable[..., dict[str, Any]]

NOBODY = uuid.UUID(int=7)
METADATA = {"git": {"commit_id": "abc"}}


@pytest.fixture
def light(light_bench: Bench) -> Bench:
    return light_bench


@pytest.fixture
def releases(light: Bench) -> Releases:
    return light.symbolicator.releases


def make(releases: Releases, team: int = 1, **given: Any) -> Release:
    return releases.create(team, **{"version": "1.0", "project": "shop", **given})


def refusal(releases: Releases, which: uuid.UUID, **asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        releases.update(1, which, asked)
    return refused.value


def test_the_newest_release_comes_first_then_the_highest_id(
    releases: Releases, light: Bench
) -> None:
    made = [make(releases) for _ in range(3)]
    light.clock.forward(1)
    made.append(make(releases))
    make(releases, team=2)
    total, found = releases.page(1, limit=10, offset=0)
    assert (total, found) == (4, [made[3], *sorted(made[:3], key=lambda one: one.id)[::-1]])
    assert releases.page(1, limit=2, offset=1) == (4, found[1:3])
    assert releases.page(1, limit=2, offset=9) == (4, [])
    assert releases.page(3, limit=2, offset=0) == (0, [])


def test_a_release_is_found_by_its_id_in_its_team(releases: Releases) -> None:
    made = make(releases)
    assert releases.one(1, made.id) == made
    for team, which in ((2, made.id), (1, NOBODY)):
        with pytest.raises(NotFound):
            releases.one(team, which)


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "a version": ({"version": "2"}, {"version": "2"}),
    "a version that is a number": ({"version": 2.5}, {"version": "2.5"}),
    "a project": ({"project": "other"}, {"project": "other"}),
    "another hash id": ({"hash_id": "i"}, {"hash_id": "i"}),
    "its own hash id": ({"hash_id": "h"}, {}),
    "metadata, as a whole": ({"metadata": {"a": 1}}, {"metadata": {"a": 1}}),
    "null": (dict.fromkeys(("version", "project", "hash_id", "metadata")), {}),
    "empty values": ({"version": "", "project": 0, "hash_id": False, "metadata": {}}, {}),
    "unknown keys": ({"id": str(NOBODY), "team_id": 2, "created_at": "x"}, {}),
    "all": (
        {"version": "2", "project": "p", "hash_id": "i", "metadata": {"a": 1}},
        {"version": "2", "project": "p", "hash_id": "i", "metadata": {"a": 1}},
    ),
}


@pytest.mark.parametrize(("asked", "changed"), CHANGES.values(), ids=CHANGES.keys())
def test_only_truthy_values_apply(
    releases: Releases, asked: dict[str, Any], changed: dict[str, Any]
) -> None:
    made = make(releases, hash_id="h", metadata=METADATA)
    releases.update(1, made.id, asked)
    after = releases.one(1, made.id)
    names = ("version", "project", "hash_id", "metadata")
    before = {name: getattr(made, name) for name in names}
    assert {name: getattr(after, name) for name in names} == before | changed
    assert (after.id, after.team_id, after.created_at) == (made.id, 1, made.created_at)


def test_the_searched_commit_follows_the_metadata(releases: Releases, light: Bench) -> None:
    made = make(releases, metadata=METADATA)

    def commit() -> str | None:
        with light.database.read() as connection:
            found: str | None = connection.execute(select(release.c.git_commit)).scalar_one()
        return found

    assert commit() == "abc"
    releases.update(1, made.id, {"version": "2"})
    assert commit() == "abc"
    releases.update(1, made.id, {"metadata": {"a": 1}})
    assert commit() is None


LONG = "h" * 129
BAD: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "a long hash id": ({"hash_id": LONG, "version": "\0"}, "invalid_input", None),
    "a taken hash id": ({"hash_id": "taken"}, "release_hash_in_use", None),
    "NUL before a taken hash id": (
        {"hash_id": "taken", "project": "\0"},
        "invalid_input",
        "project",
    ),
    "a lone surrogate": ({"version": "\ud800"}, "invalid_input", "version"),
    "NUL in the hash id": ({"hash_id": "\0"}, "invalid_input", "hash_id"),
    "metadata that is a list": ({"metadata": [1]}, "invalid_input", "metadata"),
    "metadata that is text": ({"metadata": "x"}, "invalid_input", "metadata"),
    "large metadata": ({"metadata": {"a": "x" * 65_536}}, "invalid_input", "metadata"),
}


@pytest.mark.parametrize(("asked", "code", "attr"), BAD.values(), ids=BAD.keys())
def test_bad_changes_are_refused_and_change_nothing(
    releases: Releases, asked: dict[str, Any], code: str, attr: str | None
) -> None:
    make(releases, hash_id="taken")
    made = make(releases, hash_id="h", metadata=METADATA)
    refused = refusal(releases, made.id, **{"version": "2"} | asked)
    assert (refused.code, refused.attr) == (code, attr)
    assert releases.one(1, made.id) == made


def test_a_hash_id_of_another_team_is_free(releases: Releases) -> None:
    make(releases, team=2, hash_id="theirs")
    made = make(releases)
    releases.update(1, made.id, {"hash_id": "theirs"})
    assert releases.by_hash(1, "theirs").id == made.id


def test_an_unknown_release_is_not_found_but_for_a_hash_id_that_is_too_long(
    releases: Releases,
) -> None:
    foreign = make(releases, team=2).id
    for which in (NOBODY, foreign):
        assert refusal(releases, which).code == "not_found"
        assert refusal(releases, which, version="\0").code == "not_found"
        assert refusal(releases, which, hash_id=LONG).code == "invalid_input"


def test_two_that_take_one_hash_id_at_once_do_not_both_get_it(releases: Releases) -> None:
    made = [make(releases) for _ in range(4)]
    together = threading.Barrier(4, timeout=30)
    ends: list[str] = []

    def take(which: uuid.UUID) -> None:
        together.wait()
        try:
            releases.update(1, which, {"hash_id": "h"})
            ends.append("taken")
        except Refused as refused:
            ends.append(refused.code)

    threads = [threading.Thread(target=take, args=(one.id,)) for one in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["release_hash_in_use"] * 3 + ["taken"]
    assert releases.by_hash(1, "h").id in {one.id for one in made}


def test_a_deleted_release_takes_its_sets_along(any_bench: Bench, make_web: Web) -> None:
    bench, releases = any_bench, any_bench.symbolicator.releases
    gone, kept = make(releases), make(releases)
    bench.upload("chunk", "cart", release_id=str(gone.id))
    bench.start("pending", release_id=str(gone.id))
    bench.upload("kept", "kept", release_id=str(kept.id))
    frames = [make_web("chunk"), make_web("chunk", lineno=2), make_web("pending"), make_web("kept")]
    raw_ids = bench.store(frames)
    assert bench.get(raw_ids)[0].release == gone
    releases.delete(1, gone.id)
    found = {frame.raw_id: frame for frame in bench.get(raw_ids)}
    assert found.keys() == {raw_ids[0], raw_ids[3]}
    resolved = found[raw_ids[0]]
    assert (resolved.resolved, resolved.symbol_set_ref, resolved.release) == (True, None, None)
    assert found[raw_ids[3]].release == kept
    assert (bench.row("chunk"), bench.row("pending")) == (None, None)
    row = bench.row("kept")
    assert row is not None
    assert bench.listed() == [row.storage_key]
    with pytest.raises(NotFound):
        releases.delete(1, gone.id)


def test_another_teams_release_is_not_deleted(releases: Releases) -> None:
    foreign = make(releases, team=2)
    for which in (foreign.id, NOBODY):
        with pytest.raises(NotFound):
            releases.delete(1, which)
    assert releases.one(2, foreign.id) == foreign


def test_a_deletion_that_meets_a_start_ends_with_the_release_or_without_the_set(
    bench: Bench,
) -> None:
    releases = bench.symbolicator.releases
    for number in range(5):
        ref, made = f"chunk {number}", make(releases)
        together = threading.Barrier(2, timeout=30)
        codes: list[str] = []

        def start(ref: str, bound: str, barrier: threading.Barrier, codes: list[str]) -> None:
            barrier.wait()
            try:
                bench.start(ref, release_id=bound)
            except Refused as refused:
                codes.append(refused.code)

        thread = threading.Thread(target=start, args=(ref, str(made.id), together, codes))
        thread.start()
        together.wait()
        releases.delete(1, made.id)
        thread.join()
        assert codes in ([], ["invalid_release_id"])
        assert bench.row(ref) is None


def test_events_find_a_release_no_more_once_it_is_changed_or_deleted(
    releases: Releases, light: Bench
) -> None:
    made = make(releases)
    light.upload("chunk", "a", release_id=str(made.id))
    by_id = {"$release_id": str(made.id)}
    for properties in (by_id, {}):
        assert releases.of_event(1, properties, {"chunk"}) == made
    releases.update(1, made.id, {"version": "2"})
    for properties in (by_id, {}):
        found = releases.of_event(1, properties, {"chunk"})
        assert found is not None
        assert found.version == "2"
    releases.delete(1, made.id)
    for properties in (by_id, {}):
        assert releases.of_event(1, properties, {"chunk"}) is None


def test_a_release_that_was_missed_is_found_once_it_is_made(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symbolicate.services.releases.release_hash", lambda *_: "h")
    properties = {"$app_namespace": "app", "$app_version": "1"}
    assert releases.of_event(1, properties, set()) is None
    made = make(releases, hash_id="h")
    assert releases.of_event(1, properties, set()) == made
    releases.update(1, made.id, {"hash_id": "i"})
    assert releases.of_event(1, properties, set()) is None


def test_a_release_read_while_it_is_deleted_is_not_remembered(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(releases)
    find = releases._find

    def find_then_lose(team_id: int, name: uuid.UUID | str) -> Release | None:
        found = find(team_id, name)
        monkeypatch.undo()
        releases.delete(team_id, made.id)
        return found

    monkeypatch.setattr(releases, "_find", find_then_lose)
    properties = {"$release_id": str(made.id)}
    assert releases.of_event(1, properties, set()) == made
    assert releases.of_event(1, properties, set()) is None
