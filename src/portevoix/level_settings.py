"""How one level behaves: its place in the chain, its voices, and how late it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portevoix.speech import Utterance, language_family


@dataclass(frozen=True, slots=True)
class LevelSettings:
    """Say how one level behaves.

    Attributes:
        priority: place in the chain, lower first.
        target_latency_ms: first audio that is expected of it.
        budget_factor: the next level is asked as well once the first audio is later than target times this.
        voices: voice by language, where it is not the engine's own choice.
        patience_seconds: how long a request waits for the engine to load; 0 asks the next level at once.
        priorities: place in the chain for single languages.
    """

    priority: int = 100
    target_latency_ms: float = 1000.0
    budget_factor: float = 2.0
    voices: Mapping[str, str] = field(default_factory=dict)
    patience_seconds: float = 0.0
    priorities: Mapping[str, int] = field(default_factory=dict)

    LONG_TEXT_CHARACTERS = 100
    LEAST_BUDGET_SECONDS = 0.5
    HARD_LIMIT_SECONDS = 10.0

    def priority_for(self, language: str) -> int:
        """Return its place in the chain for a text of this language."""
        family = self.priorities.get(language_family(language), self.priority)
        return self.priorities.get(language, family)

    def budget_seconds(self, utterance: Utterance, *, makes_it_whole: bool) -> float:
        """Return how late the first audio may be before the next level is asked as well.

        At least half a second: a short wait is heard less than another voice, and a busy machine is not made busier by
        two engines at one sentence. A target is meant for a short sentence; an engine that makes a sentence whole
        before its first sound takes longer for a longer one.
        """
        budget = max(self.target_latency_ms * self.budget_factor / 1000, self.LEAST_BUDGET_SECONDS)
        return budget * max(1.0, len(utterance.text) / self.LONG_TEXT_CHARACTERS) if makes_it_whole else budget

    def limit_seconds(self, budget_seconds: float) -> float:
        """Return when an engine that says nothing has failed, even if nobody else can speak."""
        return max(self.HARD_LIMIT_SECONDS, 2 * budget_seconds)
