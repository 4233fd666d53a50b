"""One command's time with the running house: open, work, close; signals end it in order."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from portevoix.app import App, build
from portevoix.cli.failure import TERMINATED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from portevoix.cli.invocation import Invocation

T = TypeVar("T")
LOAD_PATIENCE_SECONDS = 5.0
LISTING_SECONDS = 10.0
"""How long a list of engines or voices waits for those that are loading."""


@asynccontextmanager
async def opened(invocation: Invocation) -> AsyncIterator[App]:
    """Build everything for one command and close it in the end; texts may have any length."""
    app = build(invocation.read(), patience_seconds=LOAD_PATIENCE_SECONDS, max_text_length=0)
    try:
        yield app
    finally:
        await app.aclose()


async def load_in_time(app: App) -> None:
    """Load every engine, and return after ten seconds though some may still be loading."""
    with suppress(TimeoutError):
        await asyncio.wait_for(app.load(), LISTING_SECONDS)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one command's work to its end.

    Ctrl-C and a termination signal cancel it, so that it can keep what is done; a second Ctrl-C ends it at once.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when the work has ended.
        SystemExit: after a termination signal, when the work has ended.
    """
    is_terminated = False

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            nonlocal is_terminated
            is_terminated = True
            if task is not None:
                task.cancel()

        with suppress(NotImplementedError):  # Windows' loops take no signal handlers
            loop.add_signal_handler(signal.SIGTERM, stop)
        return await work

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise SystemExit(TERMINATED if is_terminated else 1) from None
