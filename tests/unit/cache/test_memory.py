from __future__ import annotations

import math

import pytest

from portevoix.cache.memory import MemoryTier, TierStats
from portevoix.errors import InvalidParameter
from tests.hand_clock import HandClock
from tests.recordings import recording

ONE = recording()


def tier(entries=3, ttl_seconds=math.inf, clock=None):
    return MemoryTier(entries * ONE.size_bytes, ttl_seconds, clock or HandClock())


def test_what_was_kept_is_found():
    memory = tier()
    memory.put("a", ONE)
    assert memory.get("a") is ONE
    assert memory.get("b") is None
    assert memory.stats() == TierStats(1, ONE.size_bytes, hits=1, misses=1, evictions=0)


def test_the_one_used_longest_ago_makes_room():
    memory = tier(3)
    for key in "abc":
        memory.put(key, ONE)
    memory.get("a")
    memory.put("d", ONE)
    assert [key for key in "abcd" if memory.get(key)] == ["a", "c", "d"]
    assert memory.stats().evictions == 1
    assert memory.stats().bytes == 3 * ONE.size_bytes


def test_one_that_is_too_large_is_not_kept_and_evicts_nobody():
    memory = tier(3)
    memory.put("a", ONE)
    memory.put("big", recording(10.0))
    assert memory.get("big") is None
    assert memory.get("a") is ONE


def test_one_that_grew_too_large_is_not_served_in_its_old_form():
    memory = tier(3)
    memory.put("a", ONE)
    memory.put("a", recording(10.0))
    assert memory.get("a") is None


def test_age_is_bounded():
    clock = HandClock()
    memory = tier(ttl_seconds=60, clock=clock)
    memory.put("a", ONE)
    clock.seconds += 59.9
    assert memory.get("a") is ONE
    clock.seconds += 0.1
    assert memory.get("a") is None
    assert memory.stats() == TierStats(0, 0, hits=1, misses=1)


def test_age_counts_from_when_it_was_made():
    clock = HandClock()
    memory = tier(ttl_seconds=60, clock=clock)
    memory.put("a", ONE, age_seconds=50)
    clock.seconds += 10
    assert memory.get("a") is None


def test_the_same_key_twice_takes_its_place_once():
    memory = tier()
    memory.put("a", ONE)
    memory.put("a", recording(hertz=880))
    assert memory.stats().bytes == ONE.size_bytes
    assert memory.get("a") == recording(hertz=880)


def test_removing_and_clearing_give_the_bytes_back():
    memory = tier()
    for key in "abc":
        memory.put(key, ONE)
    memory.remove("a")
    memory.remove("a")
    assert memory.stats().bytes == 2 * ONE.size_bytes
    memory.clear()
    assert memory.stats() == TierStats()


def test_a_bound_of_nothing_keeps_nothing():
    memory = MemoryTier(0, 60)
    memory.put("a", ONE)
    assert memory.get("a") is None


def test_only_one_policy_is_known():
    assert MemoryTier(1, 1, policy="lru")
    with pytest.raises(InvalidParameter, match="FIFO"):
        MemoryTier(1, 1, policy="FIFO")
