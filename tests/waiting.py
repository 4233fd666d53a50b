"""Waiting for what happens by itself, in another thread or process that tells nobody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_SECONDS = 60.0


def until(is_so: Callable[[], object], seconds: float = LIMIT_SECONDS) -> None:
    """Return once something is so; fail when it is not in time."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
