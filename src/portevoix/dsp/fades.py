"""Short fades, so that joined utterances make no step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

JOIN_SECONDS = 0.005
"""Long enough that no step is heard, short enough that no consonant is lost."""


def fade_in(samples: NDArray[np.float32], sample_rate: int, seconds: float = JOIN_SECONDS) -> NDArray[np.float32]:
    """Return the samples rising from zero along a quarter sine, as equal power wants it.

    Args:
        samples: float32, shape (n,); not changed. A clip shorter than the fade rises over its whole length.
        sample_rate: Hz.
        seconds: length of the fade.
    """
    return _faded(samples, _gains(samples, sample_rate, seconds), slice(None))


def fade_out(samples: NDArray[np.float32], sample_rate: int, seconds: float = JOIN_SECONDS) -> NDArray[np.float32]:
    """Return the samples falling to zero along a quarter cosine, the mirror of `fade_in`."""
    return _faded(samples, _gains(samples, sample_rate, seconds), slice(None, None, -1))


def join(
    first: NDArray[np.float32], second: NDArray[np.float32], sample_rate: int, seconds: float = JOIN_SECONDS
) -> NDArray[np.float32]:
    """Return both one after the other, the first faded out and the second faded in; nothing overlaps or is lost.

    The length is the sum of the lengths, so that word times stay true.
    """
    return np.concatenate([fade_out(first, sample_rate, seconds), fade_in(second, sample_rate, seconds)])


def _gains(samples: NDArray[np.float32], sample_rate: int, seconds: float) -> NDArray[np.float32]:
    length = min(round(seconds * sample_rate), len(samples))
    gains: NDArray[np.float32] = np.sin(np.arange(length) * (np.pi / 2 / max(length, 1))).astype(np.float32)
    return gains


def _faded(samples: NDArray[np.float32], gains: NDArray[np.float32], direction: slice) -> NDArray[np.float32]:
    faded = samples.astype(np.float32)
    faded[direction][: len(gains)] *= gains
    return faded
