"""An engine and its breaker: loaded in the background, and tried in the background after it has failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Generic, TypeVar

from portevoix.clock import Clock
from portevoix.engine import EngineState
from portevoix.errors import CircuitOpen, EngineError
from portevoix.resilience.breaker import CircuitBreaker, State
from portevoix.tasks import end_tasks

logger = logging.getLogger(__name__)

PROGRAMMING_ERRORS = (TypeError, AttributeError, NameError, AssertionError, NotImplementedError)

E = TypeVar("E", bound=Any)


class Guarded(Generic[E]):
    """Guard one engine, which this owns; used from one event loop.

    Attributes:
        engine: that engine.
        name: its name.
        breaker: its circuit breaker.
        last_error: why it failed the last time, or None.
    """

    _not_ready_event: ClassVar[str]

    def __init__(self, engine: E, breaker: CircuitBreaker | None, clock: Clock) -> None:
        self.engine = engine
        self.name = engine.name
        self.breaker = breaker or CircuitBreaker(clock=clock)
        self.breaker.on_change = self._breaker_moved
        self.last_error: EngineError | None = None
        self._loading: asyncio.Task[None] | None = None
        self._trial: asyncio.Task[None] | None = None

    def state(self) -> EngineState:
        """Return where the engine stands."""
        state: EngineState = self.engine.state()
        return state

    def begin_loading(self) -> asyncio.Task[None]:
        """Start loading in the background, once at a time."""
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load_quietly(), name=f"load {self.name}")
        return self._loading

    async def load(self) -> None:
        """Load the engine and wait for it; leaving early does not stop it, and its error is left in its state."""
        await asyncio.shield(self.begin_loading())

    async def aclose(self) -> None:
        """End the background work and close the engine."""
        await end_tasks(self._trial, self._loading)
        await self.engine.aclose()

    async def _load(self) -> None:
        await self.engine.load()

    async def _load_quietly(self) -> None:
        try:
            await self._load()
        except EngineError as error:
            self.last_error = error
            logger.info(self._not_ready_event, extra={"engine": self.name, "code": error.code, "why": str(error)})

    def _resting(self) -> CircuitOpen:
        return CircuitOpen(f"{self.name} rests for {self.breaker.rest_seconds:.0f} s", str(self.last_error or ""),
                           "It is tried again by itself.")  # fmt: skip

    def _try_to_recover(self, recover: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin the background trials, unless they are under way."""
        if self._trial is None or self._trial.done():
            self._trial = asyncio.create_task(recover(), name=f"trial of {self.name}")

    def _breaker_moved(self, state: State) -> None:
        level = logging.WARNING if state == "open" else logging.INFO
        logger.log(level, "breaker.moved", extra={"engine": self.name, "state": state})
