"""Signals to test with: tones, a babbling voice, and ways to cut them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Stream(Protocol):
    """What takes samples in chunks and gives samples in chunks."""

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def flush(self) -> NDArray[np.float32]: ...


def tone(hz: float, seconds: float, sample_rate: int, level: float = 0.3) -> NDArray[np.float32]:
    """Return a sine, float32 (n,)."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (level * np.sin(2 * np.pi * hz * times)).astype(np.float32)


def babble(seconds: float, sample_rate: int, level: float = 0.3) -> NDArray[np.float32]:
    """Return a voice that says nothing: a gliding pitch around 120 Hz with harmonics, four syllables a second."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    phase = 2 * np.pi * (120 * times + 8 * np.sin(2 * np.pi * 0.6 * times))
    voice = sum(np.sin(k * phase) / k**1.3 for k in range(1, 21))
    syllables = np.clip(1.2 * np.sin(np.pi * 4 * times) ** 2, 0.003, 1)
    shaped = voice * syllables
    return (level * shaped / np.max(np.abs(shaped))).astype(np.float32)


def cut(samples: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    """Yield consecutive pieces of `size` samples, the last one shorter."""
    return (samples[start : start + size] for start in range(0, len(samples), size))


def stream_through(stream: Stream, samples: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Push the samples in pieces of `size`, flush, and return all that came out."""
    return np.concatenate([*(stream.push(piece) for piece in cut(samples, size)), stream.flush()])
