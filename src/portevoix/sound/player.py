"""What plays audio while it is still being made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from portevoix.audio import Samples

INT16_PEAK = 32767


class Player(Protocol):
    """Play one stream of audio; one thread writes, any thread may abort."""

    def write(self, samples: Samples) -> None:
        """Take float32 mono samples (n,), -1 to 1; blocks while the device has enough.

        Raises:
            NoSoundDevice: the device or its program has gone.
        """

    def close(self) -> None:
        """Wait until everything has been played.

        Raises:
            NoSoundDevice: the device or its program has gone.
        """

    def abort(self) -> None:
        """Fall silent at once; a `write` that blocks returns or raises. Safe to call again, and after `close`."""


def to_pcm(samples: Samples, dtype: str) -> bytes:
    """Return samples as 16-bit integers of numpy's `dtype`, `<i2` or `>i2`, clipped at full scale."""
    return (np.clip(np.nan_to_num(samples), -1, 1) * INT16_PEAK).astype(dtype).tobytes()
