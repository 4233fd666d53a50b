"""Streams of audio that are pulled ahead, and watched by the clock."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING

from portevoix.errors import EngineFailed, EngineTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.audio import AudioChunk

_log = logging.getLogger(__name__)

_CLOSING_SECONDS = 0.02
"""How long `within` waits for a source to close, before it is left to close in the background."""


async def read_ahead(source: AsyncGenerator[AudioChunk, None], seconds: float) -> AsyncGenerator[AudioChunk, None]:
    """Pass a stream on while a task keeps up to `seconds` of it ready, plus the chunk that goes over.

    The task starts with the first chunk that is asked for, and owns the source from then on. Closing this waits until
    the source is closed.

    Raises:
        Exception: what the source raised, after the chunks before it.
        EngineFailed: the task was cancelled by somebody else.
    """
    pump = _Pump(source, seconds)
    try:
        while (chunk := await pump.get()) is not None:
            yield chunk
    finally:
        await pump.close()


async def within(
    source: AsyncGenerator[AudioChunk, None], first_seconds: float | None, next_seconds: float | None, *,
    counts_ahead: bool = False,
) -> AsyncGenerator[AudioChunk, None]:  # fmt: skip
    """Pass a stream on as long as its chunks come in time; only time spent waiting counts.

    The source is pulled in a task of its own, because one that hangs would also hold up its own cancelling. It is
    closed in every case; one that does not close soon goes on closing in the background.

    Args:
        source: where the chunks come from.
        first_seconds: how long the first chunk may take; None for any time.
        next_seconds: how long each later chunk, or the end, may take; None for any time.
        counts_ahead: a later chunk may take longer by the audio that the listener still has to hear.

    Raises:
        EngineTimeout: a chunk did not come in time.
        Exception: what the source raised, after the chunks before it.
    """
    pump = _Pump(source, 0)
    allowed_seconds, place = first_seconds, "first"
    now = asyncio.get_running_loop().time
    began, ready_seconds = None, 0.0
    try:
        while (chunk := await _in_time(pump, allowed_seconds, place)) is not None:
            began = now() if began is None else began
            ready_seconds += chunk.seconds
            yield chunk
            ahead_seconds = max(0.0, ready_seconds - (now() - began)) if counts_ahead else 0.0
            allowed_seconds, place = None if next_seconds is None else next_seconds + ahead_seconds, "next"
    finally:
        await pump.close(_CLOSING_SECONDS)


async def _in_time(pump: _Pump, allowed_seconds: float | None, place: str) -> AudioChunk | None:
    try:
        async with asyncio.timeout(allowed_seconds) as deadline:
            return await pump.get()
    except TimeoutError as error:
        if not deadline.expired():  # the source's own
            raise
        why = f"the {place} piece of audio took longer than {allowed_seconds:g} s"
        hint = "Give the engine more time with `target_latency_ms`, or a faster device."
        raise EngineTimeout("the engine was late", why, hint) from error


class _Pump:
    """Pull a source in a task of its own, for one reader; made where the event loop runs."""

    def __init__(self, source: AsyncGenerator[AudioChunk, None], ahead_seconds: float) -> None:
        self._source = source
        self._ahead_seconds = ahead_seconds
        self._ready: deque[AudioChunk] = deque()
        self._ready_seconds = 0.0
        self._news: asyncio.Future[None] | None = None  # the reader waits for it
        self._room: asyncio.Future[None] | None = None  # the task waits for it
        self._error: Exception | None = None
        self._is_over = False
        self._is_closed = False
        self._task = asyncio.get_running_loop().create_task(self._pull(), name="stream-pump")

    async def get(self) -> AudioChunk | None:
        """Return the next chunk, or None at the end; only one task at a time asks."""
        while not self._ready and not self._is_over:
            await self._more()
        if self._ready:
            return self._take()
        if self._error is not None:
            raise self._error
        return None

    async def close(self, patience_seconds: float | None = None) -> None:
        """Stop the task and close the source; wait no longer than `patience_seconds`."""
        self._is_closed = True
        if not self._task.done():
            # A task that outlasts our patience is held by what it waits for.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=patience_seconds)

    def _take(self) -> AudioChunk:
        chunk = self._ready.popleft()
        self._ready_seconds -= chunk.seconds
        if self._ready_seconds < self._ahead_seconds:
            _wake(self._room)
        return chunk

    async def _more(self) -> None:
        self._news = asyncio.get_running_loop().create_future()
        _wake(self._room)
        try:
            await self._news
        finally:
            self._news = None

    async def _pull(self) -> None:
        try:
            async with aclosing(self._source):
                async for chunk in self._source:
                    self._ready.append(chunk)
                    self._ready_seconds += chunk.seconds
                    _wake(self._news)
                    if not await self._has_room():
                        break
        except asyncio.CancelledError:
            self._end(EngineFailed("the stream was not finished", "its task was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 -- the reader raises it again
            self._end(error)
        else:
            self._end(None)

    async def _has_room(self) -> bool:
        """Wait until another chunk is wanted; return False when none ever will be."""
        while not self._is_closed and not self._is_wanted():
            self._room = asyncio.get_running_loop().create_future()
            await self._room
        return not self._is_closed

    def _is_wanted(self) -> bool:
        is_reader_waiting = self._news is not None and not self._ready
        return is_reader_waiting or self._ready_seconds < self._ahead_seconds

    def _end(self, error: Exception | None) -> None:
        if self._is_closed and error is not None and not isinstance(error, EngineFailed):
            _log.warning("stream.close_failed", extra={"reason": f"{type(error).__name__}: {error}"})
        self._error = error
        self._is_over = True
        _wake(self._news)


def _wake(sleeper: asyncio.Future[None] | None) -> None:
    if sleeper is not None and not sleeper.done():
        sleeper.set_result(None)
