"""Keep one worker alive: start it, see it die, start another, with a growing pause when that keeps happening."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from portevoix.engine import EngineState, Phase
from portevoix.errors import EngineError, EngineUnavailable
from portevoix.tasks import end_tasks, see_through

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

Rest = Callable[[float], Awaitable[None]]
"""Wait for so many seconds."""


class Life(Protocol):
    """One worker from its start to its death."""

    @property
    def gone(self) -> asyncio.Event:
        """Return the event that is set once it can do no more work."""

    async def aclose(self) -> None:
        """End it and leave nothing; safe when it is gone."""


L = TypeVar("L", bound=Life)


def pause_seconds(deaths: int) -> float:
    """Return how long to wait after so many deaths in a row: nothing after the first, then twice as long each time."""
    if deaths <= 1:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(deaths - 2, 16))


class Keeper(Generic[L]):
    """Hold the current life of a worker and begin the next one as soon as it ends.

    A worker that never came up is not started again before somebody asks for it; one that has lived is.
    """

    def __init__(self, name: str, begin: Callable[[], Awaitable[L]], rest: Rest = asyncio.sleep) -> None:
        """Begin a life with `begin`, which raises an `EngineError` when it cannot; `rest` waits between attempts."""
        self._name = name
        self._begin = begin
        self._rest = rest
        self._task: asyncio.Task[None] | None = None
        self._next: asyncio.Future[L] | None = None
        self._error: EngineError | None = None
        self._deaths = 0
        self._is_closed = False

    @property
    def life(self) -> L | None:
        """Return the worker that can work now, or None."""
        if self._next is None or not self._next.done() or self._next.cancelled() or self._next.exception():
            return None
        life = self._next.result()
        return None if life.gone.is_set() else life

    @property
    def error(self) -> EngineError | None:
        """Return why there is no worker and none is being started, or None."""
        return self._error

    def state(self) -> EngineState:
        """Return where the worker stands; one that is replaced at once after a death counts as ready."""
        if self._error is not None:
            return EngineState(Phase.UNAVAILABLE, str(self._error), self._error.hint, self._error.code)
        if self.life is not None:
            return EngineState(Phase.READY)
        if self._task is None or self._task.done():
            return EngineState(Phase.IDLE)
        has_lived = self._deaths or (self._next is not None and self._next.done())
        return EngineState(Phase.READY, "its process is being replaced") if has_lived else EngineState(Phase.LOADING)

    async def get(self) -> L:
        """Return the living worker, waiting for one that is being started.

        Raises:
            EngineError: it could not be started, or it died again and again and rests.
        """
        while (life := await self._wait()).gone.is_set():  # noqa: ASYNC110 - one turn of the loop, not a poll
            await asyncio.sleep(0)  # the keeping task is about to notice
        return life

    def praise(self) -> None:
        """Say that the worker has done its work, so that the next death is again a first one."""
        self._deaths = 0

    async def aclose(self) -> None:
        """End the worker for good; whoever waits for it is told."""
        self._is_closed = True
        await end_tasks(self._task)
        if self._next is not None:
            _refuse(self._next, self._closed())

    async def _wait(self) -> L:
        if self._is_closed:
            raise self._closed()
        if self._task is None or self._task.done():
            self._error = None
            self._next = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._keep(self._next), name=f"keep {self._name}")
        if self._error is not None:
            raise self._error
        assert self._next is not None  # noqa: S101 - what the line before has settled
        return await asyncio.shield(self._next)

    def _closed(self) -> EngineUnavailable:
        return EngineUnavailable(f"{self._name} is closed")

    async def _keep(self, following: asyncio.Future[L]) -> None:
        while await self._live(following):
            self._deaths += 1
            self._next = following = asyncio.get_running_loop().create_future()
            pause = pause_seconds(self._deaths)
            logger.warning("worker.died", extra={"worker": self._name, "deaths": self._deaths, "pause_seconds": pause})
            await self._pause(pause)

    async def _live(self, following: asyncio.Future[L]) -> bool:
        """Live one life, and tell whether there is to be another."""
        try:
            life = await self._begin()
        except EngineError as error:
            logger.warning("worker.not_started", extra={"worker": self._name, "code": error.code, "why": str(error)})
            self._error = error
            _refuse(following, error)
            return self._deaths > 0
        except Exception as error:  # noqa: BLE001 - a programming error belongs to whoever asked
            _refuse(following, error)
            return False
        following.set_result(life)
        try:
            await life.gone.wait()
        finally:
            await see_through(life.aclose())
        return True

    async def _pause(self, seconds: float) -> None:
        if seconds:
            why = str(self._error or f"its process died {self._deaths} times in a row")
            self._error = EngineUnavailable(f"{self._name} rests", why, "It is started again by itself.")
            await self._rest(seconds)
        self._error = None


def _refuse(future: asyncio.Future[L], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()
