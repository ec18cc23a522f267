"""Releases: made once per hash id, and found for an event by the first rule that hits."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from symbolicate.database.engine import Database
from symbolicate.database.tables import release
from symbolicate.errors import NotFound, Refused
from symbolicate.release import Release
from symbolicate.services.releases import MAX_METADATA_BYTES, Releases

if TYPE_CHECKING:
    from tests.symbolicate.services.conftest import Bench


@pytest.fixture
def bench(light_bench: Bench) -> Bench:
    return light_bench


@pytest.fixture
def releases(bench: Bench) -> Releases:
    return bench.symbolicator.releases


def make(releases: Releases, team: int = 1, **given: Any) -> Release:
    return releases.create(team, **{"version": "1.0", "project": "shop", **given})


def test_a_release_comes_back_by_its_hash_id(releases: Releases, bench: Bench) -> None:
    metadata = {"git": {"commit_id": "abc"}, "ü": [None, 1.5, "\0", "\ud800"]}
    made = make(releases, hash_id="h 1/ü", metadata=metadata)
    assert releases.by_hash(1, "h 1/ü") == made
    assert (made.team_id, made.created_at, made.metadata) == (1, bench.clock(), metadata)


def test_without_a_hash_id_the_id_stands_for_it(releases: Releases) -> None:
    made = make(releases)
    assert made.hash_id == str(made.id)
    assert releases.by_hash(1, str(made.id)) == made


def test_ids_are_ordered_by_time(releases: Releases) -> None:
    made = [make(releases).id for _ in range(3)]
    assert {one.version for one in made} == {7}
    assert made[0].bytes[:6] <= made[1].bytes[:6] <= made[2].bytes[:6]


def test_values_become_text(releases: Releases) -> None:
    made = make(releases, version=2.5, project=True, hash_id=7)
    assert (made.version, made.project, made.hash_id) == ("2.5", "True", "7")


LONG: dict[str, Any] = {"hash_id": "h" * 129}
BAD_META: dict[str, Any] = {"metadata": []}
ORDER: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no version": ({"version": None, "project": None, **LONG}, "Version is required", None),
    "an empty version": ({"version": ""}, "Version is required", None),
    "version 0": ({"version": 0}, "Version is required", None),
    "version false": ({"version": False}, "Version is required", None),
    "no project": ({"project": "", **LONG, **BAD_META}, "Project is required", None),
    "a long hash id": (
        {**LONG, **BAD_META},
        "Hash id length cannot exceed 128 bytes",
        None,
    ),
    "NUL in the version": ({"version": "1\0"}, "NUL and lone surrogates", "version"),
    "a lone surrogate in the project": ({"project": "\ud800"}, "NUL and lone", "project"),
    "NUL in the hash id": ({"hash_id": "\0"}, "NUL and lone surrogates", "hash_id"),
    "metadata that is a list": (BAD_META, "Metadata must be an object or null", "metadata"),
    "metadata that is text": ({"metadata": "x"}, "Metadata must be an object", "metadata"),
    "metadata that is no JSON": ({"metadata": {"a": b""}}, "Metadata must be JSON", "metadata"),
}


@pytest.mark.parametrize(("given", "detail", "attr"), ORDER.values(), ids=ORDER.keys())
def test_the_first_check_that_fails_is_told(
    releases: Releases, given: dict[str, Any], detail: str, attr: str | None
) -> None:
    make(releases, hash_id="taken")
    with pytest.raises(Refused, match=detail) as refused:
        make(releases, **{"hash_id": "taken", **given})
    assert (refused.value.code, refused.value.attr) == ("invalid_input", attr)


def test_a_hash_id_may_have_128_characters(releases: Releases) -> None:
    made = make(releases, hash_id="\U0001f4a9" * 128)
    assert releases.by_hash(1, made.hash_id) == made


@pytest.mark.parametrize(
    ("filler", "each"), [("x", 1), ("ü", 2), ("\ud800", 3)], ids=["ASCII", "UTF-8", "surrogates"]
)
def test_metadata_is_limited_by_its_compact_size(
    releases: Releases, filler: str, each: int
) -> None:
    around = len('{"a":"","b":1}')
    count, rest = divmod(MAX_METADATA_BYTES - around, each)
    fits = {"a": filler * count + "x" * rest, "b": 1}
    assert make(releases, metadata=fits).metadata == fits
    with pytest.raises(Refused, match=f"{MAX_METADATA_BYTES + 1} bytes exceeds") as refused:
        make(releases, metadata={**fits, "b": 12})
    assert refused.value.attr == "metadata"


def test_metadata_nested_too_deep_is_refused(releases: Releases) -> None:
    deep: dict[str, Any] = {}
    for _ in range(20_000):
        deep = {"": deep}
    with pytest.raises(Refused) as refused:
        make(releases, metadata=deep)
    assert refused.value.attr == "metadata"


COMMITS: dict[str, tuple[dict[str, Any] | None, str | None]] = {
    "a commit": ({"git": {"commit_id": "abc"}}, "abc"),
    "no metadata": (None, None),
    "git that is text": ({"git": "abc"}, None),
    "a commit that is a number": ({"git": {"commit_id": 1}}, None),
    "NUL": ({"git": {"commit_id": "a\0"}}, None),
    "a lone surrogate": ({"git": {"commit_id": "\ud800"}}, None),
}


@pytest.mark.parametrize(("metadata", "commit"), COMMITS.values(), ids=COMMITS.keys())
def test_the_commit_has_a_column_of_its_own_where_it_can_be_stored(
    releases: Releases, bench: Bench, metadata: dict[str, Any] | None, commit: str | None
) -> None:
    made = make(releases, metadata=metadata)
    with bench.database.read() as connection:
        stored = connection.execute(select(release.c.git_commit)).scalar_one()
    assert stored == commit
    assert releases.by_hash(1, made.hash_id).metadata == metadata


def test_a_hash_id_is_used_once_in_a_team(releases: Releases) -> None:
    first = make(releases, hash_id="h")
    with pytest.raises(Refused, match=r"^Hash id h already in use$") as refused:
        make(releases, hash_id="h", version="2.0")
    assert (refused.value.code, refused.value.attr) == ("release_hash_in_use", None)
    other = make(releases, team=2, hash_id="h")
    assert releases.by_hash(1, "h") == first
    assert releases.by_hash(2, "h") == other


def test_a_hash_id_is_used_once_when_two_race(releases: Releases) -> None:
    together = threading.Barrier(4, timeout=30)
    results: list[Release | str] = []

    def create() -> None:
        together.wait()
        try:
            results.append(make(releases, hash_id="h"))
        except Refused as error:
            results.append(error.code)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("release_hash_in_use") == 3
    assert releases.by_hash(1, "h") in results


@pytest.mark.parametrize("hash_id", ["", "H", "h ", "\0", "\ud800", "h" * 1000], ids=ascii)
def test_only_the_exact_hash_id_of_the_team_is_found(releases: Releases, hash_id: str) -> None:
    make(releases, hash_id="h")
    for team, asked in ((1, hash_id), (2, "h")):
        with pytest.raises(NotFound):
            releases.by_hash(team, asked)


IOS, EXAMPLE = "com.posthog.iosraw", "com.example.app"
MOBILE: dict[str, tuple[dict[str, Any], str]] = {
    "version and build": (
        {"$app_namespace": IOS, "$app_version": "1.0", "$app_build": "1"},
        "75605cac5268ba4bdc57b4c8336f6686802e88236ae4026418a18cabcde854d1"
        "015f18734489b8ec4c71c68773a027e5b880f7278b8ba6864a5334d76ef9eba6",
    ),
    "a numeric build": (
        {"$app_namespace": EXAMPLE, "$app_version": "1.0", "$app_build": 42},
        "5a7f7b504d81759fa4e15f8b3bbc77c694a9dc222cfcd06c801fae9619076e97"
        "909edf651087106af331aea76463449f015ccc41ccacbf19148329b1c2c35aa7",
    ),
    "no build": (
        {"$app_namespace": EXAMPLE, "$app_version": "2.3"},
        "09aeeb69b914985562d4aa39d13033abf0f90c753ef90b0148cb06b8aeadca7d"
        "d1dd853fa24c7cc51d18cf251bb7348eae58906347a217a98d74ba7ca5673b66",
    ),
    "no version": (
        {"$app_namespace": EXAMPLE, "$app_version": "", "$app_build": "99"},
        "5e925a3f2e9349f64ab88eede466b641a7332dc79d6f1901d931fb659704a047"
        "5fa77a3ca25c0a60b2919547de8d94117fbcc52448e83aa72787a3fe35f725ae",
    ),
}


@pytest.mark.parametrize(("properties", "hash_id"), MOBILE.values(), ids=MOBILE.keys())
def test_a_mobile_event_finds_its_release_by_the_hash_of_its_metadata(
    releases: Releases, properties: dict[str, Any], hash_id: str
) -> None:
    made = make(releases, hash_id=hash_id)
    assert releases.of_event(1, properties, set()) == made
    assert releases.of_event(2, properties, set()) is None


NO_HASH: dict[str, dict[str, Any]] = {
    "no name": {"$app_version": "1.0", "$app_build": "1"},
    "an empty name": {"$app_namespace": "", "$app_version": "1.0"},
    "a name that is no text": {"$app_namespace": 7, "$app_version": "1.0"},
    "neither version nor build": {"$app_namespace": EXAMPLE},
    "a build that is a flag": {"$app_namespace": EXAMPLE, "$app_build": True},
    "a lone surrogate": {"$app_namespace": "\ud800", "$app_version": "1.0"},
}


@pytest.mark.parametrize("properties", NO_HASH.values(), ids=NO_HASH.keys())
def test_incomplete_metadata_names_no_release(
    releases: Releases, properties: dict[str, Any]
) -> None:
    assert releases.of_event(1, properties, set()) is None


def test_the_release_that_an_event_names_wins_over_the_mobile_one_and_that_over_the_sets(
    releases: Releases, bench: Bench
) -> None:
    properties, hash_id = MOBILE["no build"]
    bound, mobile, named = make(releases), make(releases, hash_id=hash_id), make(releases)
    bench.upload("chunk", "a", release_id=str(bound.id))
    by_id = {"$release_id": str(named.id)}
    assert releases.of_event(1, {**properties, **by_id}, {"chunk"}) == named
    assert releases.of_event(1, properties, {"chunk"}) == mobile
    assert releases.of_event(1, {}, {"chunk"}) == bound
    assert releases.of_event(1, {}, {"other"}) is None
    assert releases.of_event(2, {**properties, **by_id}, {"chunk"}) is None


UNNAMED = {
    "unknown": str(uuid.UUID(int=7)),
    "no uuid": "h",
    "NUL": "\0",
    "a lone surrogate": "\ud800",
    "a number": 7,
    "null": None,
}


@pytest.mark.parametrize("name", UNNAMED.values(), ids=UNNAMED.keys())
def test_a_name_that_is_no_id_of_a_release_falls_to_the_next_rule(
    releases: Releases, bench: Bench, name: Any
) -> None:
    """A hash id is not an id: release `h` is there, and is not meant."""
    make(releases, hash_id="h")
    bound = make(releases)
    bench.upload("chunk", "a", release_id=str(bound.id))
    assert releases.of_event(1, {"$release_id": name}, {"chunk"}) == bound


def test_of_several_sets_the_newest_release_counts_then_the_highest_id(
    releases: Releases, bench: Bench
) -> None:
    made = [make(releases) for _ in range(2)]
    bench.clock.now -= timedelta(days=1)
    made.append(make(releases))
    for number, one in enumerate(made):
        bench.upload(f"chunk {number}", "a", release_id=str(one.id))
    newest = max(made[:2], key=lambda one: one.id)
    refs = {f"chunk {number}" for number in range(3)}
    assert releases.of_event(1, {}, refs) == newest
    assert releases.of_event(1, {}, {"chunk 2"}) == made[2]


def test_a_release_is_asked_for_once_a_minute_found_or_not(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(releases)
    known, unknown = {"$release_id": str(made.id)}, {"$release_id": str(uuid.UUID(int=7))}
    assert releases.of_event(1, known, set()) == made
    assert releases.of_event(1, unknown, set()) is None
    monkeypatch.setattr(Database, "read", None)
    assert releases.of_event(1, known, set()) == made
    assert releases.of_event(1, unknown, set()) is None
