"""Tasks of the event loop: ended together, and seen through whatever comes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def end_tasks(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancel tasks and return once they have ended, however they did; None stands for a task that never began."""
    begun = [task for task in tasks if task is not None]
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


async def see_through(work: Coroutine[Any, Any, object]) -> None:
    """Return once `work` has ended; being cancelled, also several times, takes effect only then.

    `asyncio.shield` alone keeps the work alive, but leaves it behind; waiting for it after that ends with a second
    cancel. Work that is to be seen through must end by itself, soon.

    Raises:
        Exception: what the work raised; the cause of the `CancelledError` where this was cancelled as well.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from task.exception()
    task.result()
