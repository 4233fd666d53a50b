"""Sentences that were translated before."""

from __future__ import annotations

from collections import OrderedDict

from portevoix.clock import Clock, system_clock

Key = tuple[str, str, str, str, str, str]


class TranslationMemory:
    """Keep the translations that were used last, within a bound in characters; used from one event loop.

    A sentence is found under engine, model, the model's fingerprint, both languages and its exact text.
    """

    def __init__(self, max_characters: int, ttl_seconds: float, *, clock: Clock = system_clock) -> None:
        """Start empty; 0 characters keep nothing."""
        self._max_characters = max_characters
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._entries: OrderedDict[Key, tuple[str, float]] = OrderedDict()
        self._characters = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        """Return how many sentences are kept."""
        return len(self._entries)

    def get(self, key: Key) -> str | None:
        """Return a translation that is not too old, and count it as used now."""
        entry = self._entries.get(key)
        if entry is not None and self._clock() - entry[1] < self._ttl_seconds:
            self._entries.move_to_end(key)
            self.hits += 1
            return entry[0]
        self._remove(key)
        self.misses += 1
        return None

    def put(self, key: Key, translation: str) -> None:
        """Keep a translation, unless it alone is larger than the bound."""
        self._remove(key)
        if _size(key, translation) > self._max_characters:
            return
        self._entries[key] = (translation, self._clock())
        self._characters += _size(key, translation)
        while self._characters > self._max_characters:
            self._remove(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._characters = 0

    def _remove(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._characters -= _size(key, entry[0])


def _size(key: Key, translation: str) -> int:
    return len(key[-1]) + len(translation)
