"""An event loop on a thread of its own: what belongs to one loop can so be used from every loop, and from none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Run coroutines on one event loop, whichever thread or loop they come from; the first one starts the thread.

    Locks and processes belong to the loop that they were first used in, so whoever keeps some runs all of them here.
    """

    def __init__(self, name: str) -> None:
        """Start nothing yet; `name` is the thread's."""
        self._name = name
        self._lock = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None

    @property
    def is_running(self) -> bool:
        """Whether anything was run since it was made or closed."""
        return self._running is not None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns, while the caller's loop goes on; being cancelled cancels the work."""
        return await asyncio.wrap_future(self._submit(work))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns, and block until then; being interrupted cancels the work."""
        future = self._submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what still runs and end the thread; work that comes later starts another."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            loop, thread = running
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._running is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=_serve, args=(loop,), name=self._name, daemon=True)
                self._running = loop, thread
                thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._running[0])


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped, then end as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop().run_forever()
