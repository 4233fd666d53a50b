"""A room without walls: a blocking synthesizer on a thread of this process, with the same face as `Room`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from portevoix.engine import EngineState, Phase, Synthesizer, ThreadBridge
from portevoix.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from portevoix.audio import AudioChunk
    from portevoix.speech import Utterance, Voice


class ThreadRoom:
    """Keep one synthesizer of this process; belongs to one event loop.

    Attributes:
        device: what the synthesizer says that it runs on; "" before it is made.
    """

    def __init__(self, name: str, factory: Callable[[], Synthesizer]) -> None:
        """Do nothing yet; `factory` makes the synthesizer, on a thread, and raises an `EngineError` when it cannot."""
        self.device = ""
        self._name = name
        self._factory = factory
        self._bridge: ThreadBridge | None = None
        self._voices: tuple[Voice, ...] = ()
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Make the synthesizer; safe to call again.

        Raises:
            EngineError: what the factory raised.
        """
        async with self._turn:
            if self._bridge is None:
                synthesizer = await asyncio.to_thread(self._factory)
                self.device = str(getattr(synthesizer, "device", ""))
                self._voices = synthesizer.voices()
                self._bridge = ThreadBridge(synthesizer, self._name)

    def voices(self) -> tuple[Voice, ...]:
        """Return the synthesizer's voices, empty before the start."""
        return self._voices

    def state(self) -> EngineState:
        """Return whether the synthesizer is there."""
        return EngineState(Phase.IDLE if self._bridge is None else Phase.READY)

    def processes(self) -> tuple[int, ...]:
        """Return nothing: it has no process of its own."""
        return ()

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak one utterance; closing the generator stops the work within one chunk.

        Raises:
            PortevoixError: what the synthesizer raised.
            EngineUnavailable: it is not there.
        """
        if self._bridge is None:
            raise EngineUnavailable(f"{self._name} is closed")
        async with aclosing(self._bridge.stream(utterance)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        """Close the synthesizer and end the thread."""
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            await bridge.aclose()
