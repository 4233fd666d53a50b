from __future__ import annotations

import math
import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from portevoix.cache.cache import SpeechCache
from portevoix.cache.disk import DiskTier
from portevoix.cache.memory import MemoryTier
from tests.hand_clock import HandClock
from tests.recordings import recording
from tests.virtual_time import virtual

ONE, SILENCE = recording(), recording(level=0.0005)
MEGABYTE = 1 << 20


@asynccontextmanager
async def opened(folder, clock=None, ttl_seconds=math.inf, memory_bytes=MEGABYTE, **kwargs):
    clock = clock or HandClock()
    memory = MemoryTier(memory_bytes, ttl_seconds, clock)
    cache = SpeechCache(memory, DiskTier(folder, MEGABYTE, ttl_seconds, clock, lock_seconds=60), **kwargs)
    try:
        yield cache
    finally:
        await cache.aclose()


@virtual
async def test_without_a_disk_it_keeps_in_memory():
    cache = SpeechCache(MemoryTier(MEGABYTE, 60, HandClock()))
    cache.put("a", ONE)
    assert cache.peek("a") is ONE
    assert await cache.get("a") is ONE
    assert await cache.get("b") is None
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.memory.entries, stats.disk) == (2, 1, 1, None)
    await cache.clear()
    assert cache.peek("a") is None
    await cache.aclose()


@virtual
async def test_silence_is_not_kept():
    cache = SpeechCache(MemoryTier(MEGABYTE, 60, HandClock()))
    cache.put("a", SILENCE)
    assert cache.peek("a") is None
    assert cache.stats().refused == 1


async def test_silence_is_not_written(tmp_path):
    async with opened(tmp_path) as cache:
        cache.put("a", SILENCE)
    async with opened(tmp_path) as cache:
        assert await cache.get("a") is None


async def test_it_survives_a_restart_and_comes_back_to_memory(tmp_path):
    async with opened(tmp_path) as cache:
        cache.put("a", ONE)
    async with opened(tmp_path) as cache:
        assert cache.peek("a") is None
        assert await cache.get("a") == ONE
        assert cache.peek("a") == ONE
        stats = cache.stats()
        assert (stats.hits, stats.misses, stats.disk.hits) == (2, 0, 1)


async def test_what_memory_gave_up_is_found_on_disk(tmp_path):
    async with opened(tmp_path, memory_bytes=ONE.size_bytes) as cache:
        cache.put("a", ONE)
        cache.put("b", ONE)
        assert cache.peek("a") is None
        assert await cache.get("a") == ONE


async def test_what_comes_back_from_disk_begins_a_life_of_its_own_in_memory(tmp_path):
    clock = HandClock()
    async with opened(tmp_path, clock, ttl_seconds=60) as cache:
        cache.put("a", ONE)
    async with opened(tmp_path, clock, ttl_seconds=60) as cache:
        clock.seconds += 40
        assert await cache.get("a") == ONE
        clock.seconds += 59
        assert cache.peek("a") == ONE
        clock.seconds += 1
        assert await cache.get("a") is None


async def test_a_disk_that_does_not_keep_up_costs_writes_and_not_speech(tmp_path):
    async with opened(tmp_path, max_pending_writes=3) as cache:
        cache.put("first", ONE)
        assert await cache.get("none") is None  # after the write: the folder is there
        with closing(sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)) as index:
            index.execute("BEGIN IMMEDIATE")
            for number in range(10):
                cache.put(str(number), ONE)
            assert cache.stats().dropped_writes == 7
            assert all(cache.peek(str(number)) for number in range(10))
            index.execute("ROLLBACK")
    async with opened(tmp_path) as cache:
        assert [number for number in range(10) if await cache.get(str(number))] == [0, 1, 2]


async def test_clearing_also_takes_what_is_just_being_written(tmp_path):
    async with opened(tmp_path) as cache:
        cache.put("a", ONE)
        await cache.clear()
        assert await cache.get("a") is None
        cache.put("b", ONE)
    async with opened(tmp_path) as cache:
        assert await cache.get("a") is None
        assert await cache.get("b") == ONE


@pytest.mark.parametrize("obstacle", ["file", "garbage"])
async def test_a_broken_disk_leaves_memory_as_it_is(tmp_path, obstacle):
    folder = tmp_path / "speech"
    if obstacle == "file":
        folder.write_text("in the way")
    else:
        folder.mkdir()
        (folder / "index.sqlite").write_bytes(b"garbage" * 1000)
    async with opened(folder) as cache:
        assert await cache.get("a") is None
        cache.put("a", ONE)
        assert await cache.get("a") == ONE
        await cache.clear()
        assert await cache.get("a") is None
