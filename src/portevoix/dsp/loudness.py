"""How loud a stretch of audio is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AUDIBLE_DBFS = -60.0
"""Below this a listener at an ordinary setting hears nothing; the noise floor of a neural voice lies lower."""

FLOOR_DBFS = -120.0
"""What digital silence is said to have, in place of minus infinity."""

FRAME_SAMPLES = 256
"""10 to 16 ms at usual rates: short enough that a click of speech at a chunk's edge counts."""


def rms_dbfs(samples: NDArray[np.float32]) -> float:
    """Return the level of float32 samples (n,) in dB of full scale, without their mean; not below -120.

    A full-scale sine has -3 dB. NaN and infinite samples count as silence.
    """
    finite = samples[np.isfinite(samples)].astype(np.float64)
    if not len(finite):
        return FLOOR_DBFS
    power = float(np.var(finite))
    return max(FLOOR_DBFS, 10 * float(np.log10(power + 1e-12)))


def is_audible(samples: NDArray[np.float32], threshold_dbfs: float = AUDIBLE_DBFS) -> bool:
    """Tell whether something can be heard anywhere in float32 samples (n,).

    The loudest frame of 256 samples decides, each freed of its own mean: a constant offset, however large, is silence,
    and so is dither.
    """
    threshold_power = 10 ** (threshold_dbfs / 10)
    finite = np.where(np.isfinite(samples), samples, 0)
    whole = len(finite) - len(finite) % FRAME_SAMPLES
    powers = np.var(finite[:whole].reshape(-1, FRAME_SAMPLES), axis=1)
    rest = finite[whole:]
    return bool(np.any(powers > threshold_power) or (len(rest) and np.var(rest) > threshold_power))


def silence(seconds: float, sample_rate: int) -> NDArray[np.float32]:
    """Return float32 zeros (n,) for that many seconds at `sample_rate` Hz."""
    return np.zeros(round(seconds * sample_rate), np.float32)
