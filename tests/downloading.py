"""Downloads to test with: from one hub, within bounds that are soon reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from portevoix.models.download import Limits
from portevoix.models.downloads import Downloads
from portevoix.models.hub import Hub
from portevoix.models.progress import Progress

LIMITS = Limits(total_seconds=60, stall_seconds=3, spare_bytes=0)


@asynccontextmanager
async def downloading(
    url: str, *, token: str = "", is_offline: bool = False, limits: Limits = LIMITS
) -> AsyncIterator[tuple[Downloads, list[Progress]]]:
    """Open the downloads of a program, with all that they tell."""
    told: list[Progress] = []
    downloads = Downloads(Hub(url, token, is_offline), limits, listeners=(told.append,))
    try:
        yield downloads, told
    finally:
        await downloads.aclose()
