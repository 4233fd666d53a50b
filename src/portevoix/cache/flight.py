"""One producer for everybody who wants the same sentence at the same time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from portevoix.errors import EngineFailed

if TYPE_CHECKING:
    from types import TracebackType

    from portevoix.audio import AudioChunk

_log = logging.getLogger(__name__)

Start = Callable[[], "AsyncGenerator[AudioChunk, None]"]
"""Begin to produce; called when the first listener wants its first chunk."""
Keep = Callable[[tuple["AudioChunk", ...]], None]
"""Take the chunks of a flight that came to its end."""


class Flights:
    """Know the flights that are under way, by key; used from one event loop."""

    def __init__(self) -> None:
        # A flight lives by its listeners and its producer, so one that nobody listens to vanishes by itself.
        self._flights: WeakValueDictionary[str, Flight] = WeakValueDictionary()

    def __len__(self) -> int:
        """Return how many flights can be joined."""
        return len(self._flights)

    def __contains__(self, key: str) -> bool:
        """Return whether a flight of that key can be joined."""
        return key in self._flights

    def join(self, key: str, start: Start, on_complete: Keep | None = None) -> Flight:
        """Return the flight of that key, or a new one.

        Args:
            key: names what is produced.
            start: begins a new flight's production.
            on_complete: called once with all chunks when a new flight's production ended by itself, before any listener
                sees the end.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = Flight(self, key, start, on_complete)
        return flight

    def leave(self, flight: Flight) -> None:
        """Free the key of a flight that newcomers must not join any more."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]


class Flight:
    """Produce a stream once, and let any number of listeners hear all of it.

    One task pulls the producer from the first listener on, to its end: a sentence is bounded, and a listener who plays
    slowly must not keep an engine that speaks one sentence at a time from the next. When the last listener leaves
    before the end, that task is cancelled and the producer closed.

    Attributes:
        key: names what is produced.
    """

    def __init__(self, flights: Flights, key: str, start: Start, on_complete: Keep | None) -> None:
        """Do nothing yet; made by `Flights.join`."""
        self.key = key
        self._flights = flights
        self._start = start
        self._on_complete = on_complete
        self._chunks: list[AudioChunk] = []
        self._listeners = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None
        self._is_over = False
        self._is_abandoned = False

    async def listen(self) -> AsyncGenerator[AudioChunk, None]:
        """Yield every chunk from the beginning, those that are there at once.

        Closing it, or cancelling who waits for it, takes this listener off; the last one waits until the producer is
        closed.

        Raises:
            Exception: what the producer raised, after the chunks before it.
            EngineFailed: the producer was cancelled by somebody else.
        """
        if self._is_abandoned:  # the others left between joining and listening
            async with aclosing(self._flights.join(self.key, self._start, self._on_complete).listen()) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        self._listeners += 1
        try:
            position = 0
            while await self._has(position):
                yield self._chunks[position]
                position += 1
        finally:
            await self._take_off()

    async def _has(self, position: int) -> bool:
        while position >= len(self._chunks):
            if self._error is not None:
                raise self._error.with_traceback(self._traceback)  # not with what earlier listeners added
            if self._is_over:
                return False
            await self._more()
        return True

    async def _more(self) -> None:
        """Wait until there is another chunk, or the end."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._produce(), name="cache-flight")
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(news)
        await news

    async def _produce(self) -> None:
        try:
            if await self._pull() and self._on_complete is not None:
                self._on_complete(tuple(self._chunks))
        except asyncio.CancelledError:
            self._end(EngineFailed("the sentence was not finished", "its producer was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 -- every listener raises it again
            self._end(error)
        else:
            self._end(None)

    async def _pull(self) -> bool:
        """Return whether the source ended by itself."""
        async with aclosing(self._start()) as source:
            async for chunk in source:
                self._chunks.append(chunk)
                self._tell()
                if self._is_abandoned:
                    return False
        return True

    def _tell(self) -> None:
        for news in self._waiting:
            _wake(news)
        self._waiting.clear()

    def _end(self, error: Exception | None) -> None:
        if self._is_abandoned and error is not None and not isinstance(error, EngineFailed):
            _log.warning("flight.close_failed", extra={"reason": f"{type(error).__name__}: {error}"})
        self._error, self._traceback = error, error.__traceback__ if error else None
        self._is_over = True
        self._flights.leave(self)
        self._tell()

    async def _take_off(self) -> None:
        self._listeners -= 1
        if self._listeners or self._is_over:
            return
        self._is_abandoned = True
        self._flights.leave(self)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
