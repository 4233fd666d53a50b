"""Changes as server-sent events."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

T = TypeVar("T")

KEEP_ALIVE = b": nothing new\n\n"
KEEP_ALIVE_SECONDS = 15.0


async def change_events(
    changes: AsyncGenerator[T, None], describe: Callable[[T], dict[str, Any]]
) -> AsyncGenerator[bytes, None]:
    """Yield each change as an event with JSON in it, and a sign of life where there is none for a while.

    Args:
        changes: closed in the end.
        describe: returns a change as JSON-able values.
    """
    async with aclosing(changes):
        pending = asyncio.ensure_future(anext(changes))
        try:
            while True:
                done, _ = await asyncio.wait({pending}, timeout=KEEP_ALIVE_SECONDS)
                if not done:
                    yield KEEP_ALIVE
                    continue
                yield f"data: {json.dumps(describe(pending.result()))}\n\n".encode()
                pending = asyncio.ensure_future(anext(changes))
        finally:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
