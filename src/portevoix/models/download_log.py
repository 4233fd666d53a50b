"""What is logged of downloads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portevoix.models.progress import Progress

logger = logging.getLogger(__name__)

LOG_STEPS = 10
"""Log lines in one download."""


class DownloadLog:
    """Log a download's beginning, each tenth of it, and its end; a listener."""

    def __init__(self) -> None:
        """Begin with no download."""
        self._tenths: dict[str, int] = {}

    def __call__(self, progress: Progress) -> None:
        """Log one step, where there is anything new."""
        facts = {"model": progress.model, "percent": round(100 * progress.ratio), "total_bytes": progress.total_bytes}
        tenth = int(LOG_STEPS * progress.ratio)
        if progress.phase == "fetching" and tenth > self._tenths.setdefault(progress.model, 0):
            self._tenths[progress.model] = tenth
            left = progress.seconds_left
            logger.info("download.progressed", extra={
                **facts, "bytes_per_second": round(progress.bytes_per_second),
                "seconds_left": None if left is None else round(left)})  # fmt: skip
        if progress.has_ended:
            self._tenths.pop(progress.model, None)
        if progress.phase == "done":
            logger.info("download.ended", extra=facts)
