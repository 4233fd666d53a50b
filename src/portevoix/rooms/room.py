"""A room: a blocking synthesizer in a process of its own, spoken to as a stream.

A crash, a leak or a hang in there costs one sentence; the next one finds a new worker, warm.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from portevoix.rooms.keeper import Keeper, Rest
from portevoix.rooms.life import idle_life
from portevoix.rooms.worker import NotBegunError, RoomPlan, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.audio import AudioChunk
    from portevoix.engine import EngineState
    from portevoix.speech import Utterance, Voice


class Room:
    """Keep a worker for one synthesizer; belongs to one event loop.

    One utterance at a time is spoken, the others wait their turn. A generator may be closed at any moment: the worker
    is told to stop, and one that does not within `plan.cancel_seconds` is killed and replaced.

    Attributes:
        plan: what runs in it.
        device: what the synthesizer says that it runs on; "" before the first start.
    """

    def __init__(self, plan: RoomPlan, *, rest: Rest = asyncio.sleep) -> None:
        """Do nothing yet; `rest` waits between attempts to replace a worker that dies again and again."""
        self.plan = plan
        self._turn = asyncio.Lock()
        self._keeper = Keeper(plan.name, self._begin, rest)
        self._voices: tuple[Voice, ...] = ()
        self.device = ""

    async def start(self) -> None:
        """Start the worker and wait until it is ready; safe to call again and from several tasks.

        Raises:
            EngineError: what the factory raised, or that the worker died or was not ready in time.
        """
        await self._keeper.get()

    def voices(self) -> tuple[Voice, ...]:
        """Return the synthesizer's voices, empty before the first start."""
        return self._voices

    def state(self) -> EngineState:
        """Return where the worker stands."""
        return self._keeper.state()

    def processes(self) -> tuple[int, ...]:
        """Return the number of the worker's process, if there is one."""
        life = self._keeper.life
        return (life.pid,) if life else ()

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak one utterance; closing the generator stops the work and does not wait for it.

        A worker that is found dead before it has begun is replaced, and the next one asked.

        Raises:
            EngineFailed: the worker died.
            EngineUnavailable: it died again and again, and rests.
            PortevoixError: what the synthesizer raised, as the same class.
        """
        async with self._turn:
            is_begun = False
            while not is_begun:
                worker = await idle_life(self._keeper)
                with suppress(NotBegunError):
                    async with aclosing(worker.speak(utterance)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                    is_begun = True
            self._keeper.praise()

    async def aclose(self) -> None:
        """End the worker; an utterance that is being spoken fails."""
        await self._keeper.aclose()

    async def _begin(self) -> Worker:
        worker = await Worker.start(self.plan)
        self._voices, self.device = worker.voices, worker.device
        return worker
