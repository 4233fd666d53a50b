"""Keep peaks below a ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CEILING = 0.891
"""-1 dB of full scale: room for what a lossy codec or a resampler adds to a peak."""

LOOK_AHEAD_SECONDS = 0.003
RELEASE_SECONDS = 0.06
INAUDIBLE_REDUCTION = 1e-4
"""Less reduction than this (0.001 dB) is taken for none, so that a stream returns to its exact samples after a peak."""


class Limiter:
    """Turn a stream down smoothly around each sample that would exceed the ceiling.

    A look-ahead peak limiter: the gain a sample needs is held over the look-ahead, let go exponentially, and averaged
    over the look-ahead again, so that it arrives in time and never jumps. Where nothing exceeds the ceiling the samples
    come out as they are, bit for bit. The output is the same however the input is cut, and nothing is delayed in it:
    what the look-ahead holds back comes with `flush`. NaN and infinite samples become silence, lest one of them turn
    the rest down. Not for two threads at once.
    """

    _held: NDArray[np.float32]
    _past: NDArray[np.float64]
    _crest: float
    _position: int

    def __init__(self, sample_rate: int, ceiling: float = CEILING) -> None:
        """Start a stream.

        Args:
            sample_rate: Hz.
            ceiling: the largest magnitude that comes out, above 0.

        Raises:
            ValueError: the rate or the ceiling is not positive.
        """
        if sample_rate <= 0 or ceiling <= 0:
            raise ValueError(f"rate and ceiling are positive, not {sample_rate} Hz and {ceiling}")
        self._ceiling = np.float32(ceiling)
        self._ahead = max(1, round(LOOK_AHEAD_SECONDS * sample_rate))
        self._release_samples = RELEASE_SECONDS * sample_rate
        self._clear()

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take float32 samples (n,) and return those whose gain is settled, 3 ms fewer in all than were pushed."""
        self._held = np.concatenate([self._held, np.where(np.isfinite(samples), samples, np.float32(0))])
        settled = len(self._held) - self._ahead
        return self._limit(settled) if settled > 0 else np.zeros(0, np.float32)

    def flush(self) -> NDArray[np.float32]:
        """Return the samples held back, float32 (n,); the limiter then starts afresh."""
        length = len(self._held)
        self._held = np.concatenate([self._held, np.zeros(self._ahead, np.float32)])
        tail = self._limit(length)
        self._clear()
        return tail

    def _clear(self) -> None:
        self._held = np.zeros(0, np.float32)
        self._past = np.zeros(self._ahead)
        self._crest = -np.inf
        self._position = 0

    def _limit(self, length: int) -> NDArray[np.float32]:
        samples, ahead = self._held[:length], self._held[: length + self._ahead]
        self._held = self._held[length:]
        reduction = self._released(_needed(ahead, self._ceiling, self._ahead))
        smooth = _moving_mean(np.concatenate([self._past, reduction]), self._ahead)
        self._past = np.concatenate([self._past, reduction])[-self._ahead :]
        if not smooth.any():
            return samples
        limited = np.clip(samples * (1 - smooth), -self._ceiling, self._ceiling).astype(np.float32)
        return np.where(smooth > 0, limited, samples)

    def _released(self, needed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Let reductions decay: the running maximum of log(reduction) + n/release, where n counts from the start."""
        ramp = np.arange(self._position, self._position + len(needed)) / self._release_samples
        self._position += len(needed)
        with np.errstate(divide="ignore"):
            crests = np.maximum(np.maximum.accumulate(np.log(needed) + ramp), self._crest)
        self._crest = crests[-1] if len(crests) else self._crest
        reduction = np.exp(crests - ramp)
        return np.where(reduction > INAUDIBLE_REDUCTION, reduction, 0)


def _needed(samples: NDArray[np.float32], ceiling: np.float32, ahead: int) -> NDArray[np.float64]:
    """Return for each sample but the last `ahead` the largest reduction that it or one of those ahead needs."""
    magnitude = np.abs(samples).astype(np.float64)
    loud = magnitude > ceiling
    reduction = np.where(loud, 1 - float(ceiling) / np.where(loud, magnitude, 1), 0)
    return _forward_maximum(reduction, ahead)


def _forward_maximum(values: NDArray[np.float64], ahead: int) -> NDArray[np.float64]:
    """Return the maximum of each value and the `ahead` next ones, doubling the span at each step."""
    span, wanted = 1, ahead + 1
    while span < wanted:
        step = min(span, wanted - span)
        values = np.maximum(values[:-step], values[step:])
        span += step
    return values


def _moving_mean(values: NDArray[np.float64], past: int) -> NDArray[np.float64]:
    """Return the mean of each value and the `past` ones before it, summed in a fixed order."""
    length = len(values) - past
    if not values.any():
        return np.zeros(length)
    total = np.zeros(length)
    for start in range(past + 1):
        total += values[start : start + length]
    return total / (past + 1)
