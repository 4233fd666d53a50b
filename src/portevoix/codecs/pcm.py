"""Raw samples: signed 16-bit little-endian, no header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

INT16_SCALE = 32767
"""Full scale of a 16-bit sample, the same in both directions and that of piper-tts."""


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Round float samples to 16 bits, clipping at full scale.

    Args:
        samples: float32, shape (n,), full scale -1 to 1, finite.

    Returns:
        Little-endian int16, shape (n,), a new array.
    """
    whole: NDArray[np.int16] = np.clip(np.rint(samples * INT16_SCALE), -INT16_SCALE, INT16_SCALE).astype("<i2")
    return whole


class PcmWriter:
    """Write samples as they are, two bytes each."""

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """Return two bytes for each of the float32 samples (n,)."""
        return to_int16(samples).tobytes()

    def close(self) -> bytes:
        """Return nothing: raw samples have no end mark."""
        return b""
