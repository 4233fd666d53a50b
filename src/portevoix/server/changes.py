"""Changes as server-sent events."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from portevoix.server.pauses import with_pauses

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

T = TypeVar("T")

KEEP_ALIVE = b": nothing new\n\n"


async def change_events(
    changes: AsyncGenerator[T, None], describe: Callable[[T], dict[str, Any]]
) -> AsyncGenerator[bytes, None]:
    """Yield each change as an event with JSON in it, and a sign of life where there is none for a while.

    Args:
        changes: closed in the end.
        describe: returns a change as JSON-able values.
    """
    async with aclosing(with_pauses(changes)) as heard:
        async for change in heard:
            yield KEEP_ALIVE if change is None else data_event(describe(change))


def data_event(content: dict[str, Any]) -> bytes:
    """Return an event with JSON in it."""
    return f"data: {json.dumps(content)}\n\n".encode()
