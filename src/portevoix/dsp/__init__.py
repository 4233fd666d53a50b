"""Array to array: rates, levels, tempo."""

from __future__ import annotations

from portevoix.dsp.loudness import is_audible, rms_dbfs, silence
from portevoix.dsp.resample import Resampler
from portevoix.dsp.stretch import Stretcher

__all__ = [
    "Resampler",
    "Stretcher",
    "is_audible",
    "rms_dbfs",
    "silence",
]
