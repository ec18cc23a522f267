"""What every object store promises, tried on all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.errors import FormatError, ObjectMissing
from symbolicate.objects.store import ObjectStore, check_key, check_prefix

KIB = 1024


def test_what_was_put_is_got(store: ObjectStore) -> None:
    data = bytes(range(256)) * 10 * KIB
    store.put("1/symbolsets/a-b_c.d", data)
    assert store.get("1/symbolsets/a-b_c.d", limit=len(data)) == data
    assert store.size("1/symbolsets/a-b_c.d") == len(data)


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.put("1/empty", b"")
    assert store.get("1/empty", limit=0) == b""
    assert store.size("1/empty") == 0


def test_a_put_replaces_what_was_there(store: ObjectStore) -> None:
    store.put("1/a", b"a longer first content")
    store.put("1/a", b"second")
    assert store.get("1/a", limit=100) == b"second"


@pytest.mark.parametrize("key", ["1/none", "none", "1/a/below"])
def test_a_missing_object_is_missing(store: ObjectStore, key: str) -> None:
    store.put("1/a", b"here")
    assert store.size(key) is None
    with pytest.raises(ObjectMissing, match=key):
        store.get(key, limit=10)
    with pytest.raises(ObjectMissing):
        store.copy(key, "1/b")


def test_a_folder_is_no_object(store: ObjectStore) -> None:
    store.put("1/a/b", b"here")
    assert store.size("1/a") is None
    with pytest.raises(ObjectMissing):
        store.get("1/a", limit=10)


def test_an_object_over_the_limit_is_refused(store: ObjectStore) -> None:
    store.put("1/a", b"x" * 101)
    with pytest.raises(
        FormatError, match="object_bytes of 101 exceeds the limit of 100"
    ) as refused:
        store.get("1/a", limit=100)
    error = refused.value
    assert (error.code, error.limit, error.seen, error.allowed) == (
        ("limit_exceeded", "object_bytes", 101, 100)
    )


def test_a_copy_shares_nothing_with_its_source(store: ObjectStore) -> None:
    store.put("1/uploads/u", b"first")
    store.copy("1/uploads/u", "1/symbolsets/s")
    store.put("1/uploads/u", b"overwritten later")
    assert store.get("1/symbolsets/s", limit=100) == b"first"
    store.delete(["1/uploads/u"])
    assert store.get("1/symbolsets/s", limit=100) == b"first"


def test_deletion_forgives_what_is_missing(store: ObjectStore) -> None:
    store.put("1/a", b"a")
    store.put("1/b", b"b")
    store.delete(["1/a", "1/never", "1/b/below"])
    assert [info.key for info in store.list("")] == ["1/b"]
    store.delete([])


def test_more_than_a_thousand_keys_are_deleted_at_once(store: ObjectStore) -> None:
    store.put("1/0000", b"first")
    store.put("1/1200", b"last")
    store.delete(f"1/{number:04}" for number in range(1201))
    assert list(store.list("")) == []


def test_the_listing_knows_key_size_and_time(store: ObjectStore) -> None:
    store.put("1/uploads/a", b"12345")
    (info,) = store.list("1/uploads/")
    assert (info.key, info.size) == ("1/uploads/a", 5)
    assert info.modified.tzinfo is UTC
    assert abs(info.modified - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("", {"1/a", "1/ab/c", "1/b", "2/a", "11/a"}),
        ("1/", {"1/a", "1/ab/c", "1/b"}),
        ("1", {"1/a", "1/ab/c", "1/b", "11/a"}),
        ("1/a", {"1/a", "1/ab/c"}),
        ("1/ab/", {"1/ab/c"}),
        ("3/", set()),
    ],
)
def test_a_listing_is_by_prefix(store: ObjectStore, prefix: str, found: set[str]) -> None:
    for key in ("1/a", "1/ab/c", "1/b", "2/a", "11/a"):
        store.put(key, b"x")
    assert {info.key for info in store.list(prefix)} == found


def test_readers_see_the_old_or_the_new_object_and_nothing_between(store: ObjectStore) -> None:
    contents = {bytes([letter]) * 100 * KIB for letter in b"abc"}
    store.put("1/a", min(contents))
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(store.get("1/a", limit=100 * KIB))

    reader = threading.Thread(target=read)
    reader.start()
    for content in sorted(contents) * 5:
        store.put("1/a", content)
    done.set()
    reader.join()
    assert seen <= contents


def test_a_store_that_works_is_ready(store: ObjectStore) -> None:
    store.check()


HOSTILE = [
    *("", "/etc/passwd", "../x", "1/../../x", "1/..a", "1/./a", ".incoming/x", "1//a", "1/a/"),
    *("A", "1/ä", "1/a b", "1/a\n", "1/a\0", "1\\a"),
]


def calls_with(store: ObjectStore, key: str) -> list[Callable[[], object]]:
    """Everything that can be done with a key."""
    return [
        lambda: store.put(key, b"x"),
        lambda: store.get(key, limit=1),
        lambda: store.size(key),
        lambda: store.copy("1/a", key),
        lambda: store.copy(key, "1/a"),
        lambda: store.delete([key]),
        lambda: store.presign_post(key, max_bytes=1, seconds=1),
        lambda: store.presign_put(key, length=1, seconds=1),
        lambda: store.presign_get(key, seconds=1),
    ]


def test_s13_a_key_that_is_not_of_our_making_reaches_no_store(store: ObjectStore) -> None:
    store.put("1/a", b"x")
    for key in HOSTILE:
        for call in calls_with(store, key):
            with pytest.raises(ValueError, match="object key"):
                call()


def test_s13_no_listing_leaves_the_store(store: ObjectStore) -> None:
    for prefix in ("/", "..", "1/../", "/etc", ".incoming", "1//"):
        with pytest.raises(ValueError, match="object prefix"):
            list(store.list(prefix))


@given(st.from_regex(r"[0-9a-z_-]+(/[0-9a-z_-]+){0,3}", fullmatch=True))
def test_every_beginning_of_a_key_is_a_prefix(key: str) -> None:
    if key[0] in "_-":
        key = f"1{key}"
    assert check_key(key) == key
    for length in range(len(key) + 1):
        assert check_prefix(key[:length]) == key[:length]
