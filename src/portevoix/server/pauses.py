"""Pauses in a stream of events, so that a sign of life can be sent where nothing comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

T = TypeVar("T")

KEEP_ALIVE_SECONDS = 15.0


async def with_pauses(
    pieces: AsyncGenerator[T, None], seconds: float = KEEP_ALIVE_SECONDS
) -> AsyncGenerator[T | None, None]:
    """Yield the pieces, and None each time that `seconds` went by without one; `pieces` is owned."""
    pending: asyncio.Future[T | None] = asyncio.ensure_future(anext(pieces, None))
    try:
        while True:
            done, _ = await asyncio.wait({pending}, timeout=seconds)
            if not done:
                yield None
                continue
            if (piece := pending.result()) is None:
                return
            pending = asyncio.ensure_future(anext(pieces, None))
            yield piece
    finally:
        await end_tasks(pending)
        await pieces.aclose()
