"""Time as a parameter: whoever needs the time is given a clock, so that tests can move it."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Return seconds from any fixed point, never going backwards."""

system_clock: Clock = time.monotonic
