"""Work that ends when the client leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Receive


async def while_present(receive: Receive, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work of an answer; cancel it, and wait until it is gone, when the client leaves.

    Args:
        receive: of the request, whose body has been read.
        work: what to do.

    Returns:
        Whether the work came to its end.

    Raises:
        Exception: what the work raised.
    """
    working = asyncio.create_task(work, name="answer")
    watching = asyncio.create_task(_departure(receive), name="departure")
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        is_finished = working.done()
        await end_tasks(working, watching)
    if is_finished:
        working.result()
    return is_finished


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
