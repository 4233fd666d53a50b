"""How loud a voice speaks: one gain per voice, and a limiter that needs no look ahead.

A stream cannot know its peak, so a sentence cannot be scaled by it. The gain is measured once, on a probe; what is
louder than the probe is bent, sample by sample, so that nothing exceeds full scale. As the limiter has no memory,
the same samples come out whatever pieces they come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

PROBE_PEAK = 0.8
KNEE = 0.85
QUIETEST_GAIN, LOUDEST_GAIN = 0.25, 4.0


@dataclass(frozen=True)
class Level:
    """A gain, and whether what exceeds the knee is bent below full scale.

    Attributes:
        gain: factor on every sample.
        is_limited: bend above 0.85 of full scale; else clip at full scale.
    """

    gain: float = 1.0
    is_limited: bool = False

    def applied(self, samples: np.ndarray) -> np.ndarray:
        """Return float32 samples in -1..1; `samples` is not changed."""
        loud = samples * np.float32(self.gain)
        return limited(loud) if self.is_limited else np.clip(loud, -1.0, 1.0)


def limited(samples: np.ndarray) -> np.ndarray:
    """Return the samples with their excess over the knee bent by a tanh; up to the knee they are unchanged."""
    size = np.abs(samples)
    if size.max(initial=0.0) <= KNEE:
        return samples
    room = np.float32(1.0 - KNEE)
    bent = KNEE + room * np.tanh((size - KNEE) / room)
    return np.where(size > KNEE, np.copysign(bent, samples), samples).astype(np.float32)


def gain_for(probes: Iterable[np.ndarray]) -> float:
    """Return the gain that brings the middle one of the probes' peaks to 0.8, within 0.25..4."""
    peaks = [float(np.abs(probe).max(initial=0.0)) for probe in probes]
    peak = float(np.median(peaks)) if peaks else 0.0
    return float(np.clip(PROBE_PEAK / peak, QUIETEST_GAIN, LOUDEST_GAIN)) if peak > 0 else 1.0
