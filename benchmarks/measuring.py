"""One measurement, and what many of them say."""

from __future__ import annotations

import math
import statistics
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.contestants import Contestant

AUDIBLE = 1e-3


@dataclass(frozen=True)
class Timing:
    """How one text was spoken, in seconds from the request.

    Attributes:
        first: until the first samples were there.
        total: until the last ones were.
        audio: how long the text sounds.
        lateness: the longest that a listener, playing from the first samples on, was kept waiting; 0 for no gap.
    """

    first: float
    total: float
    audio: float
    lateness: float


@dataclass(frozen=True)
class Figures:
    """What many timings of one kind say, in milliseconds."""

    count: int
    median: float
    p95: float
    least: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Figures:
        """Summarise values in seconds."""
        values = sorted(1000 * value for value in seconds)
        return cls(len(values), statistics.median(values), percentile(values, 0.95), values[0])


def percentile(ordered: list[float], share: float) -> float:
    """Return the value that a share of the ordered values does not exceed."""
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


async def spoken(contestant: Contestant, text: str) -> Timing:
    """Speak a text once and time it."""
    began = time.perf_counter()
    first = lateness = audio = 0.0
    async with aclosing(contestant.speak(text)) as pieces:
        async for samples in pieces:
            now = time.perf_counter() - began
            if not audio:
                first = now
            lateness = max(lateness, now - (first + audio))
            audio += len(samples) / contestant.sample_rate
    return Timing(first, time.perf_counter() - began, audio, lateness)
