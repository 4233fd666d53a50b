"""One life of a process that works on one thing at a time: its beginning and its end."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from portevoix.rooms.hearsay import Hearsay
    from portevoix.rooms.keeper import Keeper
    from portevoix.rooms.process import ChildProcess

P = TypeVar("P")
L = TypeVar("L", bound="WorkingLife[Any]")

logger = logging.getLogger(__name__)


class WorkingLife(ABC, Generic[P]):
    """Hold what any life has; a subclass opens it, and says what its death is to who waits.

    Attributes:
        gone: set once it can do no more work.
        idle: set while it has nothing to work on.
    """

    _hearsay: Hearsay

    def __init__(self, plan: P) -> None:
        self.gone = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self._plan = plan
        self._child: ChildProcess | None = None

    @classmethod
    async def start(cls, plan: P) -> Self:
        """Start the process and wait until it can work.

        Raises:
            EngineError: what it says that it lacks, as the same class.
            EngineTimeout: it was not ready in `plan.ready_seconds`.
            EngineFailed: it could not be started, or died on the way.
        """
        life = cls(plan)
        try:
            await life._open()
        except BaseException:
            await life.aclose()
            raise
        return life

    @property
    def pid(self) -> int:
        """Return the process's number, 0 before it has one."""
        return self._child.pid if self._child else 0

    async def aclose(self) -> None:
        """End the process and everything it started."""
        self._die("it was closed")
        if self._child is not None:
            await self._child.end()

    def kill(self, why: str) -> None:
        """Kill the process; `why` is what it was working on fails with."""
        if not self.gone.is_set():
            logger.warning("worker.killed", extra={**self._hearsay.facts(), "why": why})
        self._kill(why)

    def _kill(self, why: str) -> None:
        self._die(why)
        if self._child is not None:
            self._child.kill()

    @abstractmethod
    async def _open(self) -> None:
        """Start the process, and return once it can work."""

    @abstractmethod
    def _die(self, why: str) -> None:
        """Let what it works on fail, for the reason `why`."""


async def idle_life(keeper: Keeper[L]) -> L:
    """Return a life that has nothing to work on, waiting for one; errors as in `Keeper.get`."""
    while True:
        life = await keeper.get()
        await life.idle.wait()
        if not life.gone.is_set():
            return life
