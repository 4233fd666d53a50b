"""The event loop's pulse: how late it wakes up, and the word to whoever would restart a server that has none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from portevoix.clock import Clock, system_clock
from portevoix.server.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portevoix.metrics import Metrics

PERIOD_SECONDS = 0.5
"""Between two beats."""


class Pulse:
    """Beat until cancelled."""

    def __init__(
        self, metrics: Metrics, supervisor: Supervisor, *, clock: Clock = system_clock,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        """Tell `metrics` how late each beat comes, and `supervisor` that it came."""
        self._metrics = metrics
        self._supervisor = supervisor
        self._clock = clock
        self._pause = pause

    async def run(self) -> None:
        """Beat."""
        while True:
            due = self._clock() + PERIOD_SECONDS
            await self._pause(PERIOD_SECONDS)
            self._metrics.beat(self._clock() - due)
            self._supervisor.beat()
