"""Sentences that were translated before."""

from __future__ import annotations

from portevoix.cache.recent import Recent
from portevoix.clock import Clock, system_clock

Key = tuple[str, str, str, str, str, str]


class TranslationMemory(Recent[Key, str]):
    """Keep the translations that were used last, within a bound in characters; used from one event loop.

    A sentence is found under engine, model, the model's fingerprint, both languages and its exact text.
    """

    def __init__(self, max_characters: int, ttl_seconds: float, *, clock: Clock = system_clock) -> None:
        """Start empty; 0 characters keep nothing."""
        super().__init__(max_characters, lambda key, text: len(key[-1]) + len(text), ttl_seconds, clock)

    def __len__(self) -> int:
        """Return how many sentences are kept."""
        return len(self._entries)
