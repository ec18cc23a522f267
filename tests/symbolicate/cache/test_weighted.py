"""The weighted cache: bytes kept, order of leaving, time limits."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.cache.weighted import RECENCY_SECONDS, WeightedCache


def by_length(key: str, value: str) -> int:
    return len(value)


def make(capacity: int = 10) -> WeightedCache[str, str]:
    return WeightedCache(capacity, by_length)


def test_a_kept_value_is_given_back_and_a_missing_key_is_none() -> None:
    cache = make()
    cache.put("a", "xxx")
    assert cache.get("a") == "xxx"
    assert cache.get("b") is None


def test_get_many_gives_only_what_is_kept() -> None:
    cache = make()
    cache.put("a", "1")
    cache.put("b", "2")
    assert cache.get_many(["b", "c", "a"]) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("use", ["get", "get_many"])
def test_what_was_used_least_recently_goes_first(use: str) -> None:
    now = [0.0]
    cache = WeightedCache(3, by_length, clock=lambda: now[0])
    for key in "abc":
        cache.put(key, "x")
    now[0] += RECENCY_SECONDS
    if use == "get":
        cache.get("a")
    else:
        cache.get_many(["a"])
    cache.put("d", "x")
    assert cache.get("b") is None
    assert cache.get_many("acd").keys() == {"a", "c", "d"}


def test_recency_is_told_to_one_second() -> None:
    now = [0.0]
    cache = WeightedCache(2, by_length, clock=lambda: now[0])
    cache.put("a", "x")
    now[0] += RECENCY_SECONDS / 2
    cache.put("b", "x")
    cache.get("a")
    cache.put("c", "x")
    assert cache.get_many("abc").keys() == {"b", "c"}


def test_what_was_displaced_is_never_given_back() -> None:
    cache = make(2)
    for number in range(100):
        cache.put(str(number), "x")
    assert cache.get_many(map(str, range(100))).keys() == {"98", "99"}


def test_one_heavy_entry_displaces_several_light_ones() -> None:
    cache = make(10)
    for key in "abcde":
        cache.put(key, "xx")
    cache.put("heavy", "x" * 7)
    assert cache.get_many("abcde").keys() == {"e"}
    assert cache.bytes == 9


def test_an_entry_of_exactly_the_capacity_is_kept() -> None:
    cache = make(4)
    cache.put("a", "xxxx")
    assert cache.get("a") == "xxxx"


def test_an_entry_heavier_than_the_capacity_displaces_nothing_else() -> None:
    cache = make(4)
    cache.put("a", "xx")
    cache.put("b", "xxxxx")
    assert cache.get("b") is None
    assert cache.get("a") == "xx"


def test_a_value_too_heavy_to_keep_still_ends_the_old_one() -> None:
    cache = make(4)
    cache.put("a", "old")
    cache.put("a", "xxxxx")
    assert cache.get("a") is None


def test_replacing_a_value_counts_only_the_new_weight() -> None:
    cache = make()
    cache.put("a", "xxxxx")
    cache.put("a", "xx")
    assert (cache.bytes, len(cache)) == (2, 1)


def test_discard_and_clear_forget_and_free() -> None:
    cache = make()
    cache.put("a", "xx")
    cache.put("b", "xxx")
    cache.discard("a")
    cache.discard("never there")
    assert (cache.get("a"), cache.bytes, len(cache)) == (None, 3, 1)
    cache.clear()
    assert (cache.get("b"), cache.bytes, len(cache)) == (None, 0, 0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_entry_leaves_when_its_own_time_is_up() -> None:
    clock = Clock()
    seconds = {"short": 5.0, "long": 60.0, "ever": None}
    cache = WeightedCache[str, str](
        100, by_length, ttl=lambda key, value: seconds[key], clock=clock
    )
    for key in seconds:
        cache.put(key, "x")
    clock.now += 4.999
    assert cache.get_many(seconds).keys() == {"short", "long", "ever"}
    clock.now += 0.001
    assert cache.get("short") is None
    assert len(cache) == 2
    clock.now += 1e9
    assert cache.get_many(seconds).keys() == {"ever"}


def test_putting_again_renews_the_time_limit() -> None:
    clock = Clock()
    cache = WeightedCache[str, str](100, by_length, ttl=lambda key, value: 5.0, clock=clock)
    cache.put("a", "x")
    clock.now += 4
    cache.put("a", "y")
    clock.now += 4
    assert cache.get("a") == "y"


def test_what_is_attached_is_found_by_name_and_only_all_together() -> None:
    cache = make()
    cache.put("a", "x")
    cache.put("b", "y")
    cache.attach("a", 1, "first", "of a")
    cache.attach("b", 1, "second", "of b")
    cache.attach("b", 1, "first", "taken")
    cache.attach("missing", 1, "third", "of nothing")
    assert cache.get_attached(1, ["second", "first"]) == ["of b", "of a"]
    assert cache.get_attached(1, ["first", "third"]) is None
    assert cache.get_attached(2, ["first"]) is None
    assert cache.get_attached(2, []) == []


@pytest.mark.parametrize("way", ["discarded", "replaced", "evicted", "expired", "cleared"])
def test_what_is_attached_goes_with_its_value(way: str) -> None:
    clock = Clock()
    cache = WeightedCache[str, str](2, by_length, ttl=lambda key, value: 5.0, clock=clock)
    cache.put("a", "x")
    cache.attach("a", 1, "name", "extra")
    clock.now += 2
    assert cache.get_attached(1, ["name"]) == ["extra"]
    if way == "discarded":
        cache.discard("a")
    elif way == "replaced":
        cache.put("a", "y")
    elif way == "evicted":
        cache.put("b", "yy")
    elif way == "expired":
        clock.now += 3
    else:
        cache.clear()
    assert cache.get_attached(1, ["name"]) is None
    assert (cache.get("a") is not None) == (way == "replaced")
    cache.put("a", "z")
    cache.attach("a", 1, "name", "again")
    assert cache.get_attached(1, ["name"]) == ["again"]


def test_asking_for_what_is_attached_is_a_use_of_its_value() -> None:
    clock = Clock()
    cache = WeightedCache[str, str](2, by_length, clock=clock)
    cache.put("a", "x")
    cache.attach("a", 1, "name", "extra")
    cache.put("b", "x")
    clock.now += RECENCY_SECONDS
    cache.get_attached(1, ["name"])
    cache.put("c", "x")
    assert cache.get_many("abc").keys() == {"a", "c"}


def test_other_threads_use_the_cache_while_an_entry_is_weighed() -> None:
    weighing, finish = threading.Event(), threading.Event()

    def slow(key: str, value: str) -> int:
        if key == "slow":
            weighing.set()
            assert finish.wait(10)
        return 1

    cache = WeightedCache[str, str](10, slow)
    cache.put("a", "x")
    thread = threading.Thread(target=cache.put, args=("slow", "y"))
    thread.start()
    assert weighing.wait(10)
    reader = threading.Thread(target=cache.get, args=("a",))
    reader.start()
    reader.join(10)
    blocked = reader.is_alive()
    finish.set()
    thread.join(10)
    assert not blocked
    assert cache.get("slow") == "y"


def test_threads_never_see_a_wrong_weight_or_another_keys_value() -> None:
    cache = make(50)
    wrong: list[str] = []

    def work(seed: int) -> None:
        for step in range(500):
            key = str((seed * 7 + step) % 40)
            cache.put(key, key * 3)
            seen = cache.get(key)
            if seen is not None and seen != key * 3:
                wrong.append(key)
            cache.discard(str(step % 40))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    left = cache.get_many(map(str, range(40)))
    assert wrong == []
    assert cache.bytes == sum(map(len, left.values())) <= 50


@given(
    st.integers(0, 30),
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 40)), max_size=60),
)
def test_the_weight_is_the_sum_of_what_is_kept_and_never_above_capacity(
    capacity: int, puts: list[tuple[str, int]]
) -> None:
    cache = make(capacity)
    for key, weight in puts:
        cache.put(key, "x" * weight)
        assert (cache.get(key) is not None) == (weight <= capacity)
        kept = cache.get_many("abcdef")
        assert cache.bytes == sum(map(len, kept.values())) <= capacity
        assert len(cache) == len(kept)
