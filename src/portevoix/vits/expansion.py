"""From what the encoder says about ids to the prior of frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from portevoix.vits.network import Encoding, Manner
    from portevoix.vits.noise import Noise


@dataclass(frozen=True)
class Expansion:
    """The ids encoded so far, each lasting its frames.

    Attributes:
        means: float32 [ids, channels].
        deviations: float32 [ids, channels].
        ends: int64 [ids], the frame at which each id ends.
    """

    means: np.ndarray
    deviations: np.ndarray
    ends: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @classmethod
    def empty(cls, channels: int) -> Expansion:
        """Return the expansion of no ids."""
        nothing = np.empty((0, channels), dtype=np.float32)
        return cls(nothing, nothing)

    @property
    def frames(self) -> int:
        """How many frames the ids last together."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def grown(self, encoding: Encoding) -> Expansion:
        """Return the expansion with more ids at its end."""
        ends = self.frames + np.cumsum(encoding.durations)
        return Expansion(
            np.concatenate([self.means, encoding.means]),
            np.concatenate([self.deviations, encoding.deviations]),
            np.concatenate([self.ends, ends]),
        )

    def prior(self, first: int, last: int, noise: Noise, manner: Manner) -> np.ndarray:
        """Return float32 [channels, last - first]: for each frame its id's mean plus scaled noise."""
        ids = np.searchsorted(self.ends, np.arange(first, last), side="right")
        prior = self.means[ids].T
        if manner.noise_scale:
            drawn = noise.for_frames(first, last, self.means.shape[1])
            prior = prior + drawn * self.deviations[ids].T * np.float32(manner.noise_scale)
        return np.ascontiguousarray(prior)
