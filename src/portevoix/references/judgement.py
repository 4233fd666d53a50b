"""What a recording must be like for a voice to be learnt from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portevoix.references.faults import ReferenceClipped, ReferenceSilent, ReferenceTooLong, ReferenceTooShort

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE_RATE = 24_000
"""Hz of a checked recording."""

WINDOW_SECONDS = 0.05
QUIET_DBFS = -55.0
"""Loudness of a window of `WINDOW_SECONDS`, below which nobody is heard in it."""

FULL_SCALE = 0.999
"""Size of a sample from which on it counts as clipped."""

CLIPPED_SHARE = 0.01
"""Share of clipped samples that is heard as distortion; speech that merely reaches full scale has a tenth of it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Say how long a recording may be.

    Attributes:
        least_seconds: of all of it.
        most_seconds: likewise.
        least_heard_seconds: of its parts that are not silent.
    """

    least_seconds: float = 1.0
    most_seconds: float = 180.0
    least_heard_seconds: float = 0.5


def judge(samples: NDArray[np.int16], clipped_share: float, bounds: Bounds) -> None:
    """Make sure that a voice can be learnt from a recording.

    Args:
        samples: int16 mono (n,) at `SAMPLE_RATE`; one longer than `bounds` allow may end early.
        clipped_share: share of the samples of the original that lie at full scale, 0 to 1.
        bounds: how long it may be.

    Raises:
        ReferenceTooShort: it is too short, or too little of it is not silent.
        ReferenceTooLong: it is too long.
        ReferenceSilent: all of it is silent.
        ReferenceClipped: it was recorded too loud.
    """
    seconds = len(samples) / SAMPLE_RATE
    if seconds < bounds.least_seconds:
        raise ReferenceTooShort("the recording is too short", f"it lasts {seconds:.2f} s of {bounds.least_seconds:g} s",
                                "Give about ten seconds of one person speaking.", param="reference")  # fmt: skip
    if seconds > bounds.most_seconds:
        raise ReferenceTooLong("the recording is too long", f"the limit is {bounds.most_seconds:g} s",
                               "Cut about ten seconds of clear speech out of it.", param="reference")  # fmt: skip
    heard = heard_seconds(samples)
    if not heard:
        raise ReferenceSilent("nobody can be heard in the recording", f"all {seconds:.1f} s of it are silent",
                              "Check microphone and channels, and record again.", param="reference")  # fmt: skip
    if heard < bounds.least_heard_seconds:
        raise ReferenceTooShort("the recording is nearly silent", f"something is heard for {heard:.2f} s of it",
                                "Give about ten seconds of one person speaking.", param="reference")  # fmt: skip
    if clipped_share > CLIPPED_SHARE:
        raise ReferenceClipped("the recording is distorted", f"{clipped_share:.0%} of its samples are at full scale",
                               "Record again at a lower level.", param="reference")  # fmt: skip


def heard_seconds(samples: NDArray[np.int16]) -> float:
    """Return for how long something is heard in int16 samples (n,) at `SAMPLE_RATE`."""
    size = int(WINDOW_SECONDS * SAMPLE_RATE)
    windows = samples[: len(samples) - len(samples) % size].reshape(-1, size).astype(np.float64) / 2**15
    levels = np.sqrt(np.mean(windows**2, axis=1))
    return float(np.count_nonzero(levels > 10 ** (QUIET_DBFS / 20)) * WINDOW_SECONDS)
