"""Noise that is the same for the same seed, whatever pieces it is asked for in.

Each block of positions has a random stream of its own, picked by the counter of a Philox generator (J. K. Salmon and
others, "Parallel random numbers: as easy as 1, 2, 3", 2011), so that any range can be drawn at any time, by any thread.
"""

from __future__ import annotations

import numpy as np

BLOCK_POSITIONS = 64
DURATIONS = 1
FRAMES = 2


class Noise:
    """Standard normal noise for one sentence; stateless after construction, so safe from any thread."""

    def __init__(self, seed: int) -> None:
        self._seed = seed % 2**64

    def for_ids(self, first: int, last: int) -> np.ndarray:
        """Return float32 [2, last - first], the noise of the durations of ids."""
        return self._positions(DURATIONS, first, last, 2)

    def for_frames(self, first: int, last: int, channels: int) -> np.ndarray:
        """Return float32 [channels, last - first], the noise of the prior of frames."""
        return self._positions(FRAMES, first, last, channels)

    def _positions(self, use: int, first: int, last: int, width: int) -> np.ndarray:
        start, stop = first // BLOCK_POSITIONS, -(-last // BLOCK_POSITIONS)
        blocks = [self._block(use, block, width) for block in range(start, stop)] or [np.empty((0, width), np.float32)]
        offset = first - start * BLOCK_POSITIONS
        return np.concatenate(blocks)[offset : offset + last - first].T

    def _block(self, use: int, block: int, width: int) -> np.ndarray:
        bits = np.random.Philox(key=self._seed | use << 64, counter=block << 128)
        return np.random.Generator(bits).standard_normal((BLOCK_POSITIONS, width), dtype=np.float32)
