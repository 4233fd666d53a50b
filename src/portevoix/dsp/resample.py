"""Change of the sample rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Resampler:
    """Resample one stream, chunk by chunk, with soxr's band-limited interpolation ("HQ": 20 bits).

    The output is the same however the input is cut, and its length is the input's times the ratio, within one sample. A
    resampler belongs to one attempt at speaking: what it holds back is part of that voice. Not for two threads at once.

    Attributes:
        source_hz: rate of what is pushed.
        target_hz: rate of what comes out.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        """Open a stream.

        Raises:
            ValueError: a rate is not positive.
        """
        if source_hz <= 0 or target_hz <= 0:
            raise ValueError(f"sample rates are positive, not {source_hz} and {target_hz} Hz")
        self.source_hz = source_hz
        self.target_hz = target_hz
        self._stream: Any = None if source_hz == target_hz else _open(source_hz, target_hz)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take float32 samples (n,) and return those that are ready; with equal rates, the very same array.

        About 40 ms are held back, until more comes or the stream is flushed.
        """
        return samples if self._stream is None else self._resample(samples, is_last=False)

    def flush(self) -> NDArray[np.float32]:
        """Return the samples held back, float32 (n,); the stream then starts afresh."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        tail = self._resample(np.zeros(0, np.float32), is_last=True)
        self._stream.clear()
        return tail

    def _resample(self, samples: NDArray[np.float32], *, is_last: bool) -> NDArray[np.float32]:
        resampled: NDArray[np.float32] = self._stream.resample_chunk(samples, last=is_last)
        return resampled


def _open(source_hz: int, target_hz: int) -> Any:
    import soxr

    return soxr.ResampleStream(source_hz, target_hz, 1, dtype="float32", quality="HQ")
