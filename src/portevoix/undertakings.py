"""Work that many ask for by name: one task for each name, and whoever wants to know is told how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

from portevoix.tasks import end_tasks

P = TypeVar("P")


class Undertakings(Generic[P]):
    """Run one task for each name at a time; used from one event loop. `P` is a frozen record of how far one is.

    Attributes:
        listeners: are told each progress of each undertaking, in order, from the event loop.
    """

    def __init__(self, listeners: Iterable[Callable[[P], None]] = ()) -> None:
        """Begin nothing yet."""
        self.listeners = list(listeners)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, P] = {}
        self._changed = asyncio.Event()

    @property
    def progress(self) -> tuple[P, ...]:
        """Return the latest of every undertaking of this program, also of those that have ended."""
        return tuple(self._progress.values())

    def progress_of(self, name: str) -> P | None:
        """Return the latest of one undertaking, or None where there was none."""
        return self._progress.get(name)

    def cancel(self, name: str) -> bool:
        """Stop an undertaking; whoever waits for it gets its error for that. Return whether there was one."""
        task = self._tasks.get(name)
        if task is None:
            return False
        # A task that has not taken its first step yet would end without being able to tell.
        asyncio.get_running_loop().call_soon(task.cancel)
        return True

    async def stop(self, name: str) -> None:
        """Stop an undertaking, and return once nothing of it is left; there being none is no error."""
        task = self._tasks.get(name)
        if self.cancel(name) and task is not None:
            await asyncio.wait({task})

    async def watch(self) -> AsyncGenerator[P, None]:
        """Yield what is known of each, and each change; a slow listener misses steps, but never the last."""
        told: dict[str, P] = {}
        while True:
            changed = self._changed
            for name, progress in tuple(self._progress.items()):
                if told.get(name) != progress:
                    told[name] = progress
                    yield progress
            await changed.wait()

    async def aclose(self) -> None:
        """Stop them all; no process is left."""
        await end_tasks(*self._tasks.values())

    def _begin(self, name: str, first: P, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Begin `work` and tell `first`, or return the task that is under way."""
        task = self._tasks.get(name)
        if task is None:
            self._tell(name, first)
            task = self._tasks[name] = asyncio.create_task(work(), name=f"{type(self).__name__} {name}")
            task.add_done_callback(lambda ended: self._forget(name, ended))
        return task

    def _teller(self, name: str, step: Callable[[str, dict[str, Any]], P]) -> Callable[[str, dict[str, Any]], None]:
        """Return what takes a process's steps, of which `step` makes progress."""
        return lambda event, facts: self._tell(name, step(event, facts))

    def _tell(self, name: str, progress: P) -> None:
        if progress == self._progress.get(name):
            return
        self._progress[name] = progress
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        for listener in self.listeners:
            listener(progress)

    def _forget(self, name: str, ended: asyncio.Task[None]) -> None:
        del self._tasks[name]
        if not ended.cancelled():
            ended.exception()
