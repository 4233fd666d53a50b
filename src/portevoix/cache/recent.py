"""What was used last, within a bound."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from portevoix.clock import Clock, system_clock

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keep values by key; the one that was used longest ago makes room; used from one event loop.

    Attributes:
        size: of all that is held.
        hits: look-ups that found a value.
        misses: look-ups that found none, or one that was too old.
        evictions: values that made room for others.
    """

    def __init__(
        self, max_size: int, size_of: Callable[[K, V], int], ttl_seconds: float = math.inf, clock: Clock = system_clock
    ) -> None:
        """Start empty.

        Args:
            max_size: upper bound of what the values take; 0 keeps nothing.
            size_of: returns what a key and its value take.
            ttl_seconds: age at which a value is forgotten.
            clock: the time.
        """
        self._max_size = max_size
        self._size_of = size_of
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()  # with the time it was made
        self.size = self.hits = self.misses = self.evictions = 0

    def get(self, key: K) -> V | None:
        """Return a value that is not too old, and count it as used now."""
        entry = self._entries.get(key)
        if entry is not None and self._clock() - entry[1] < self._ttl_seconds:
            self._entries.move_to_end(key)
            self.hits += 1
            return entry[0]
        self.remove(key)
        self.misses += 1
        return None

    def put(self, key: K, value: V, age_seconds: float = 0.0) -> None:
        """Keep a value that was made `age_seconds` ago, unless it alone is larger than the bound."""
        self.remove(key)
        size = self._size_of(key, value)
        if size > self._max_size:
            return
        self._entries[key] = (value, self._clock() - age_seconds)
        self.size += size
        while self.size > self._max_size:
            self.remove(next(iter(self._entries)))
            self.evictions += 1

    def remove(self, key: K) -> None:
        """Forget a value, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= self._size_of(key, entry[0])

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.size = 0
