"""The recordings nearest at hand."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portevoix.clock import Clock, system_clock
from portevoix.errors import InvalidParameter

if TYPE_CHECKING:
    from portevoix.cache.recording import Recording


@dataclass(frozen=True, slots=True)
class TierStats:
    """Tell what a tier holds and how it has served.

    Attributes:
        entries: recordings it holds.
        bytes: what they take.
        hits: look-ups that found a recording.
        misses: look-ups that found none, or one that was too old.
        evictions: recordings that made room for others.
    """

    entries: int = 0
    bytes: int = 0
    hits: int = 0
    misses: int = 0
    evictions: int = 0


class MemoryTier:
    """Keep the recordings that were used last, within a bound in bytes; used from one event loop."""

    def __init__(self, max_bytes: int, ttl_seconds: float, clock: Clock = system_clock, policy: str = "LRU") -> None:
        """Start empty.

        Args:
            max_bytes: upper bound of what the recordings take; 0 keeps nothing.
            ttl_seconds: age at which a recording is forgotten; `math.inf` for never.
            clock: the time.
            policy: which recording makes room; only "LRU", the one that was used longest ago.

        Raises:
            InvalidParameter: there is no such policy.
        """
        if policy.upper() != "LRU":
            raise InvalidParameter(f"there is no eviction policy {policy!r}", hint="Use LRU.", param="eviction_policy")
        self._max_bytes = max_bytes
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._entries: OrderedDict[str, tuple[Recording, float]] = OrderedDict()  # with the time it was made
        self._bytes = self._hits = self._misses = self._evictions = 0

    def get(self, key: str) -> Recording | None:
        """Return a recording that is not too old, and count it as used now."""
        entry = self._entries.get(key)
        if entry is not None and self._clock() - entry[1] < self._ttl_seconds:
            self._entries.move_to_end(key)
            self._hits += 1
            return entry[0]
        self.remove(key)
        self._misses += 1
        return None

    def put(self, key: str, recording: Recording, age_seconds: float = 0.0) -> None:
        """Keep a recording that was made `age_seconds` ago, unless it alone is larger than the bound."""
        self.remove(key)
        if recording.size_bytes > self._max_bytes:
            return
        self._entries[key] = (recording, self._clock() - age_seconds)
        self._bytes += recording.size_bytes
        while self._bytes > self._max_bytes:
            self.remove(next(iter(self._entries)))
            self._evictions += 1

    def remove(self, key: str) -> None:
        """Forget a recording, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[0].size_bytes

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    def stats(self) -> TierStats:
        """Return what it holds, and how it has served since it was made."""
        return TierStats(len(self._entries), self._bytes, self._hits, self._misses, self._evictions)
