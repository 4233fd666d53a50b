"""Both tiers as one cache."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portevoix.cache.disk import DiskTier
    from portevoix.cache.memory import MemoryTier, TierStats
    from portevoix.cache.recording import Recording

_MAX_PENDING_WRITES = 32


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Tell how the cache has served since it was made.

    Attributes:
        hits: look-ups that found a recording in either tier.
        misses: look-ups in both tiers that found none.
        dropped_writes: recordings that were not written because the disk did not keep up; memory had them.
        refused: recordings that were not kept because they are silent.
        memory: the tier in memory.
        disk: the tier on disk, or None when there is none.
    """

    hits: int
    misses: int
    dropped_writes: int
    refused: int
    memory: TierStats
    disk: TierStats | None = None


class SpeechCache:
    """Find in memory, else on disk; keep in memory at once and on disk in the background.

    It is used from one event loop. Silence is never kept.
    """

    def __init__(
        self, memory: MemoryTier, disk: DiskTier | None = None, max_pending_writes: int = _MAX_PENDING_WRITES
    ) -> None:
        """Take ownership of the tiers; more than `max_pending_writes` at a time are not written to disk."""
        self._memory = memory
        self._disk = disk
        self._max_pending_writes = max_pending_writes
        self._writes: set[asyncio.Future[None]] = set()
        self._hits = self._misses = self._dropped_writes = self._refused = 0

    def peek(self, key: str) -> Recording | None:
        """Return a recording that is in memory, in microseconds; `get` may still find one that is not."""
        recording = self._memory.get(key)
        self._hits += recording is not None
        return recording

    async def get(self, key: str) -> Recording | None:
        """Return a recording from memory, or from disk, from where it goes to memory for a life of its own there."""
        recording = self.peek(key)
        if recording is not None:
            return recording
        found = await self._disk.find(key) if self._disk else None
        if found is None:
            self._misses += 1
            return None
        recording, _ = found
        self._memory.put(key, recording)
        self._hits += 1
        return recording

    def put(self, key: str, recording: Recording) -> None:
        """Keep a recording, unless it is silent; call it where the event loop runs."""
        if not recording.is_audible:
            self._refused += 1
            return
        self._memory.put(key, recording)
        if self._disk is None:
            return
        if len(self._writes) >= self._max_pending_writes:
            self._dropped_writes += 1
            return
        write = self._disk.put(key, recording)
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    async def clear(self) -> None:
        """Forget everything, in both tiers, also what is just being written."""
        self._memory.clear()
        if self._disk:
            await self._disk.clear()

    def stats(self) -> CacheStats:
        """Return how it has served; never waits for the disk."""
        return CacheStats(
            hits=self._hits,
            misses=self._misses,
            dropped_writes=self._dropped_writes,
            refused=self._refused,
            memory=self._memory.stats(),
            disk=self._disk.stats() if self._disk else None,
        )

    async def aclose(self) -> None:
        """Finish what is just being written, and close the disk tier."""
        await self._flush()
        if self._disk:
            await self._disk.aclose()

    async def _flush(self) -> None:
        if self._writes:
            await asyncio.wait(set(self._writes))
