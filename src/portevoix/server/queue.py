"""A bounded queue: so many are served at once, so many wait, the others are told at once to come back."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from portevoix.clock import Clock, system_clock
from portevoix.errors import Overloaded
from portevoix.server.errors import Stopping

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.metrics import Metrics

MEMORY = 0.8
"""Weight of the turns before in the running mean of a turn's length."""


class Queue:
    """Give turns, first come first served; used from one event loop.

    Attributes:
        running: turns that are taken.
    """

    def __init__(
        self, max_running: int, max_waiting: int, timeout_seconds: float, *,
        metrics: Metrics | None = None, clock: Clock = system_clock,
    ) -> None:  # fmt: skip
        """Give `max_running` turns at once; `max_waiting` may wait for `timeout_seconds`."""
        self.running = 0
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._timeout_seconds = timeout_seconds
        self._metrics = metrics
        self._clock = clock
        self._line: deque[asyncio.Future[None]] = deque()
        self._mean_turn_seconds = 1.0
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return len(self._line)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None, None]:
        """Wait for a turn, and hold it for the body.

        Raises:
            Overloaded: too many wait already, or the wait was too long.
            Stopping: the queue is closed.
        """
        await self._enter()
        began = self._clock()
        try:
            yield
        finally:
            self._mean_turn_seconds += (1 - MEMORY) * (self._clock() - began - self._mean_turn_seconds)
            self._leave()

    def close(self) -> None:
        """Give no more turns; those that wait are sent away, those that run are not disturbed."""
        self._is_closed = True
        for place in self._line:
            if not place.done():
                place.set_exception(_stopping())

    async def _enter(self) -> None:
        if self._is_closed:
            raise _stopping()
        if self.running < self._max_running and not self._line:
            self.running += 1
        elif len(self._line) >= self._max_waiting:
            raise self._refusal(f"{self.running} requests are being spoken and {len(self._line)} wait")
        else:
            await self._wait()
        self._show()

    async def _wait(self) -> None:
        """Wait in line; whoever leaves hands over its turn."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        self._show()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await place
        except BaseException as error:
            self._give_up(place)
            if isinstance(error, TimeoutError):
                raise self._refusal(f"no turn came within {self._timeout_seconds:g} s") from error
            raise

    def _give_up(self, place: asyncio.Future[None]) -> None:
        if place in self._line:
            self._line.remove(place)
        elif place.done() and not place.cancelled() and place.exception() is None:
            self._leave()  # the turn came at the very moment of leaving
        self._show()

    def _leave(self) -> None:
        """Hand the turn to the next in line, or give it back."""
        self.running -= 1
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(None)
                self.running += 1
                break
        self._show()

    def _refusal(self, why: str) -> Overloaded:
        if self._metrics is not None:
            self._metrics.queue_refused.inc()
        seconds = self._mean_turn_seconds * (len(self._line) + 1) / self._max_running
        return Overloaded("there is too much to do", why, retry_after_seconds=min(seconds, self._timeout_seconds))

    def _show(self) -> None:
        if self._metrics is not None:
            self._metrics.queue_running.set(self.running)
            self._metrics.queue_waiting.set(len(self._line))


def _stopping() -> Stopping:
    return Stopping("the server is stopping", hint="Ask again in a moment.")
