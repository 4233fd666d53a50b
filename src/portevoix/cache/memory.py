"""The recordings nearest at hand."""

from __future__ import annotations

from dataclasses import dataclass

from portevoix.cache.recent import Recent
from portevoix.cache.recording import Recording
from portevoix.clock import Clock, system_clock
from portevoix.errors import InvalidParameter


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


class MemoryTier(Recent[str, Recording]):
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
        super().__init__(max_bytes, lambda _, recording: recording.size_bytes, ttl_seconds, clock)

    def stats(self) -> TierStats:
        """Return what it holds, and how it has served since it was made."""
        return TierStats(len(self._entries), self.size, self.hits, self.misses, self.evictions)
