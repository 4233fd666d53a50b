"""Calls that may block for ever: on a thread of their own that nobody waits for."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def call(function: Callable[..., T], *arguments: Any) -> T:
    """Run a call on a daemon thread and return what it returns.

    When this is cancelled the thread is left to itself; it keeps neither the event loop nor the process from ending.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)  # type: ignore[arg-type]

    def work() -> None:
        value, error = None, None
        try:
            value = function(*arguments)
        except Exception as caught:  # noqa: BLE001 - it is raised where the call was made
            error = caught
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=work, name=f"blocking {getattr(function, '__name__', 'call')}", daemon=True).start()
    return await future
