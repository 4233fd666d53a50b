"""What every cache promises, whatever it is made of."""

from __future__ import annotations

import random

import pytest

from portevoix.cache.cache import SpeechCache
from portevoix.cache.disk import DiskTier
from portevoix.cache.memory import MemoryTier
from tests.hand_clock import HandClock
from tests.recordings import mark, recording

BOUND = 20_000
TTL_SECONDS = 60
ONE, OTHER = recording(marks=[mark(0, 0.1)]), recording(hertz=880)


class Memory:
    def __init__(self, folder, clock):
        self.tier = MemoryTier(BOUND, TTL_SECONDS, clock)

    async def get(self, key):
        return self.tier.get(key)

    async def put(self, key, kept):
        self.tier.put(key, kept)

    async def clear(self):
        self.tier.clear()

    def bytes(self):
        return self.tier.stats().bytes

    async def aclose(self):
        pass


class Disk:
    def __init__(self, folder, clock):
        self.folder = folder
        self.tier = DiskTier(folder, BOUND, TTL_SECONDS, clock)
        self.get, self.clear, self.aclose = self.tier.get, self.tier.clear, self.tier.aclose

    async def put(self, key, kept):
        await self.tier.put(key, kept)

    def bytes(self):
        files = [path for path in (self.folder / "recordings").rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) == self.tier.stats().bytes
        return self.tier.stats().bytes


class Speech:
    def __init__(self, folder, clock, memory_bytes=BOUND, disk=None):
        self.cache = SpeechCache(MemoryTier(memory_bytes, TTL_SECONDS, clock), disk)
        self.get, self.clear, self.aclose = self.cache.get, self.cache.clear, self.cache.aclose

    async def put(self, key, kept):
        self.cache.put(key, kept)

    def bytes(self):
        stats = self.cache.stats()
        return max(stats.memory.bytes, stats.disk.bytes if stats.disk else 0)


class SpeechOnDisk(Speech):
    def __init__(self, folder, clock):
        super().__init__(folder, clock, disk=DiskTier(folder, BOUND, TTL_SECONDS, clock))


class SpeechOnDiskAlone(Speech):
    def __init__(self, folder, clock):
        super().__init__(folder, clock, memory_bytes=0, disk=DiskTier(folder, BOUND, TTL_SECONDS, clock))


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture(params=[Memory, Disk, Speech, SpeechOnDisk, SpeechOnDiskAlone])
async def cache(request, tmp_path, clock):
    cache = request.param(tmp_path, clock)
    yield cache
    await cache.aclose()


async def test_what_was_kept_is_found_whole(cache):
    await cache.put("a", ONE)
    assert await cache.get("a") == ONE
    assert await cache.get("b") is None


async def test_the_newest_is_found(cache):
    await cache.put("a", ONE)
    await cache.put("a", OTHER)
    assert await cache.get("a") == OTHER


async def test_what_is_too_old_is_not_found(cache, clock):
    await cache.put("a", ONE)
    clock.seconds += TTL_SECONDS - 1
    assert await cache.get("a") == ONE
    clock.seconds += 1
    assert await cache.get("a") is None
    await cache.put("a", ONE)
    assert await cache.get("a") == ONE


async def test_what_is_too_large_is_not_kept(cache):
    await cache.put("a", ONE)
    await cache.put("big", recording(2.0))
    assert await cache.get("big") is None
    assert await cache.get("a") == ONE


async def test_cleared_is_cleared(cache):
    await cache.put("a", ONE)
    await cache.clear()
    assert await cache.get("a") is None
    assert cache.bytes() == 0


async def test_the_bound_holds_and_what_is_used_stays(cache):
    dice = random.Random(7)
    expected = {str(number): recording(dice.uniform(0.01, 0.3), hertz=300 + number) for number in range(15)}
    await cache.put("kept", ONE)
    for _ in range(100):
        key = dice.choice(list(expected))
        await cache.put(key, expected[key])
        assert await cache.get("kept") == ONE
        assert await cache.get(key) in (expected[key], None)
        assert cache.bytes() <= BOUND
    for key, kept in expected.items():
        assert await cache.get(key) in (kept, None)
