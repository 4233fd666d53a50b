"""Array to array: rates, fades, levels, tempo."""

from __future__ import annotations

from portevoix.dsp.fades import fade_in, fade_out, join
from portevoix.dsp.limiter import Limiter
from portevoix.dsp.loudness import is_audible, rms_dbfs, silence
from portevoix.dsp.resample import Resampler
from portevoix.dsp.stretch import Stretcher

__all__ = [
    "Limiter",
    "Resampler",
    "Stretcher",
    "fade_in",
    "fade_out",
    "is_audible",
    "join",
    "rms_dbfs",
    "silence",
]
