"""The audio of one answer: what is there already, then the rest as it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from portevoix.errors import TextTooLong
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.audio import AudioChunk
    from portevoix.speaker import Speech

PATIENCE_SECONDS = 0.005
"""A chunk of a known clip is there within this time, or the clip is not known to its end."""

KNOWN_LIMIT_SECONDS = 120.0
"""Longest audio that is gathered before the first of it is sent."""

WHOLE_LIMIT_SECONDS = 900.0
"""Longest audio for a listener that can only be sent whole clips."""


class Clip:
    """Pull the chunks of a speech, and keep those that were pulled early.

    Attributes:
        gathered: chunks that were pulled before anybody was sent one; at least the first after `gather_known`.
        is_whole: those are all there are.
        sample_rate: Hz.
    """

    def __init__(self, speech: Speech) -> None:
        """Take ownership of `speech`."""
        self.gathered: list[AudioChunk] = []
        self.is_whole = False
        self.sample_rate = speech.sample_rate
        self._speech = speech
        self._chunks = speech.__aiter__()
        self._pending: asyncio.Future[AudioChunk | None] | None = None
        self._seconds = 0.0

    @property
    def is_silent(self) -> bool:
        """Tell whether it is emergency silence; there must be a chunk in `gathered`."""
        source = self.gathered[0].source
        return source is not None and source.is_silent

    async def gather_known(self) -> None:
        """Pull the first chunk, and as long as they come from the cache and at once all others."""
        await self._pull(None)
        while not self.is_whole and self._is_known() and self._seconds < KNOWN_LIMIT_SECONDS:
            if not await self._pull(PATIENCE_SECONDS):
                break

    async def gather_all(self) -> None:
        """Pull every chunk.

        Raises:
            TextTooLong: there is more than can be kept.
        """
        while not self.is_whole:
            await self._pull(None)
            if self._seconds > WHOLE_LIMIT_SECONDS:
                raise TextTooLong("the clip is too long to be sent whole", f"it has over {WHOLE_LIMIT_SECONDS:.0f} s",
                                  "Use HTTP/1.1, which can be sent a stream.", param="input")  # fmt: skip

    async def chunks(self) -> AsyncGenerator[AudioChunk, None]:
        """Yield all chunks, the gathered ones first."""
        while self.gathered:
            yield self.gathered.pop(0)
        while not self.is_whole:
            await self._pull(None)
            while self.gathered:
                yield self.gathered.pop(0)

    async def aclose(self) -> None:
        """Stop the work."""
        await end_tasks(self._pending)
        await self._chunks.aclose()
        await self._speech.aclose()

    def _is_known(self) -> bool:
        source = self.gathered[-1].source
        return source is not None and source.is_cached

    async def _pull(self, patience_seconds: float | None) -> bool:
        """Gather one chunk, or find the end; return False when neither came in time."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(anext(self._chunks, None))
        done, _ = await asyncio.wait({self._pending}, timeout=patience_seconds)
        if not done:
            return False
        chunk, self._pending = self._pending.result(), None
        self.is_whole = chunk is None
        if chunk is not None:
            self.gathered.append(chunk)
            self._seconds += chunk.seconds
        return True
